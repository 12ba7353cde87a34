import numpy as np
import torch

from gennari.train.losses.further import further_loss


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values).requires_grad_()


def test_further_targets_and_their_gradient_are_those_of_numpy(rng: np.random.Generator):
    p, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    t = _tensor(p)
    loss = further_loss(t, torch.from_numpy(y))
    (loss * torch.tensor([1.0, 3.0])).sum().backward()
    np.testing.assert_allclose(loss.detach(), np.abs(p - y).mean(0))
    np.testing.assert_allclose(t.grad, np.sign(p - y) * [1, 3] / 6)
