import numpy as np
import pytest
import torch

from gennari.train.losses.contrast import contrast_loss


def _loop(s: np.ndarray, positive: np.ndarray, negative: np.ndarray, t: float) -> float:
    each = []
    for i, j in zip(*np.nonzero(positive), strict=True):
        here = np.exp(s[i, j] / t)
        far = sum(np.exp(s[i, k] / t) for k in range(s.shape[1]) if negative[i, k])
        each.append(-np.log(here / (here + far)))
    return float(np.mean(each))


def _masks(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Anchors with several positives, with none, with patches that are neither, and one without negatives."""
    positive = rng.random((6, 9)) < 0.25
    negative = (rng.random((6, 9)) < 0.5) & ~positive
    positive[0], positive[1, :2] = False, True
    negative[1] = False
    return positive, negative


def test_the_loss_is_that_of_a_loop_over_positives(rng: np.random.Generator):
    s, (positive, negative) = rng.uniform(-1, 1, (6, 9)), _masks(rng)
    masks = torch.from_numpy(positive), torch.from_numpy(negative)
    for t in (0.1, 1.0):
        loss = contrast_loss(torch.from_numpy(s), *masks, temperature=t)
        assert float(loss) == pytest.approx(_loop(s, positive, negative, t))


def test_the_gradient_is_that_of_differences(rng: np.random.Generator):
    s, (positive, negative) = rng.uniform(-1, 1, (6, 9)), _masks(rng)
    t = torch.from_numpy(s).requires_grad_()
    contrast_loss(t, torch.from_numpy(positive), torch.from_numpy(negative), 0.5).backward()
    want, step = np.zeros_like(s), 1e-6
    for at in np.ndindex(*s.shape):
        up, down = s.copy(), s.copy()
        up[at], down[at] = s[at] + step, s[at] - step
        want[at] = (_loop(up, positive, negative, 0.5) - _loop(down, positive, negative, 0.5)) / (2 * step)
    np.testing.assert_allclose(t.grad, want, atol=1e-8)
    assert t.grad is not None
    assert not t.grad[torch.from_numpy(~(positive | negative))].any()


def test_without_positives_or_negatives_it_is_nothing_and_its_gradient_too():
    for positive, negative in ((False, True), (True, False)):
        s = torch.randn(3, 4, requires_grad=True)
        loss = contrast_loss(s, torch.full((3, 4), positive), torch.full((3, 4), negative), 0.1)
        loss.backward()
        assert float(loss.detach()) == 0
        assert s.grad is not None
        assert not s.grad.any()
