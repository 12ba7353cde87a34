import numpy as np
import pytest
import torch

from gennari.train.losses.coordinates import coordinate_loss


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values).requires_grad_()


def test_eq_2_and_its_gradient_are_those_of_three_lines_of_numpy(rng: np.random.Generator):
    d, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    td = _tensor(d)
    loss = coordinate_loss(td, torch.from_numpy(y))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(np.abs(d - y).mean())
    np.testing.assert_allclose(td.grad, np.sign(d - y) / d.size)
