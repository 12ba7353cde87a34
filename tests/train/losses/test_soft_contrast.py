import numpy as np
import pytest
import torch

from gennari.train.losses.soft_contrast import soft_contrast_loss


def _loop(s: np.ndarray, d: np.ndarray, other: np.ndarray, t: float, width: float) -> float:
    total = counts = 0.0
    for i in range(len(s)):
        keys = np.flatnonzero(other[i])
        w = np.exp(-(d[i, keys] ** 2) / (2 * width**2))
        p = np.exp(s[i, keys] / t) / np.exp(s[i, keys] / t).sum()
        total += w.max() * -(w / w.sum() * np.log(p)).sum()
        counts += w.max()
    return total / counts


def _case(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return rng.uniform(-1, 1, (5, 8)), rng.uniform(0, 12, (5, 8)), ~np.eye(5, 8, dtype=bool)


def _loss(s: torch.Tensor, d: np.ndarray, other: np.ndarray, t: float, width: float) -> torch.Tensor:
    return soft_contrast_loss(s, torch.from_numpy(d), torch.from_numpy(other), t, width)


def test_the_loss_is_that_of_a_loop_over_anchors(rng: np.random.Generator):
    s, d, other = _case(rng)
    for t, width in ((0.1, 4.0), (1.0, 2.0)):
        assert float(_loss(torch.from_numpy(s), d, other, t, width)) == pytest.approx(_loop(s, d, other, t, width))


def test_the_gradient_is_that_of_differences(rng: np.random.Generator):
    s, d, other = _case(rng)
    t = torch.from_numpy(s).requires_grad_()
    _loss(t, d, other, 0.5, 3.0).backward()
    want, step = np.zeros_like(s), 1e-6
    for at in np.ndindex(*s.shape):
        up, down = s.copy(), s.copy()
        up[at], down[at] = s[at] + step, s[at] - step
        want[at] = (_loop(up, d, other, 0.5, 3.0) - _loop(down, d, other, 0.5, 3.0)) / (2 * step)
    np.testing.assert_allclose(t.grad, want, atol=1e-8)


def test_an_anchor_whose_keys_are_all_far_away_is_not_drawn_to_the_nearest():
    s = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    loss = _loss(s, np.array([[300.0, 400.0, 0.0]]), np.array([[True, True, False]]), 0.1, 4.0)
    loss.backward()
    assert float(loss.detach()) == 0
    assert s.grad is not None
    assert not s.grad.any()
