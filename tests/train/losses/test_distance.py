import numpy as np
import pytest
import torch

from gennari.train.losses.distance import distance_loss


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values).requires_grad_()


def test_eq_1_and_its_gradient_are_those_of_three_lines_of_numpy(rng: np.random.Generator):
    a, b, y = rng.normal(size=(7, 4)), rng.normal(size=(7, 4)), rng.uniform(0, 15, 7)
    ta, tb = _tensor(a), _tensor(b)
    loss = distance_loss(ta, tb, torch.from_numpy(y))
    loss.backward()
    error = ((a - b) ** 2).sum(1) - y
    gradient = np.sign(error)[:, None] * 2 * (a - b) / len(y)
    assert float(loss.detach()) == pytest.approx(np.abs(error).mean())
    np.testing.assert_allclose(ta.grad, gradient)
    np.testing.assert_allclose(tb.grad, -gradient)
