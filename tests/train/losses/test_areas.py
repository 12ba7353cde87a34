import numpy as np
import pytest
import torch

from gennari.records import IGNORE
from gennari.train.losses.areas import area_loss


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values).requires_grad_()


def test_the_area_loss_is_the_cross_entropy_of_labelled_pixels(rng: np.random.Generator):
    logits, labels = rng.normal(size=(2, 4, 3, 5)), rng.integers(0, 4, (2, 3, 5))
    labels[0, 1:] = IGNORE
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    b, r, c = np.nonzero(labels != IGNORE)
    t = _tensor(logits)
    loss = area_loss(t, torch.from_numpy(labels))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(-np.log(probability[b, labels[b, r, c], r, c]).mean())
    assert t.grad is not None
    assert not t.grad[0, :, 1:].any()


def test_a_batch_without_labels_costs_nothing():
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    loss = area_loss(logits, torch.full((1, 2, 2), IGNORE))
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()
