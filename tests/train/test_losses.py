import numpy as np
import pytest
import torch

from gennari.records import IGNORE
from gennari.train.losses import area_loss, coordinate_loss, distance_loss, further_loss, pretext_loss, weight_norm


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


def test_eq_2_and_its_gradient_are_those_of_three_lines_of_numpy(rng: np.random.Generator):
    d, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    td = _tensor(d)
    loss = coordinate_loss(td, torch.from_numpy(y))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(np.abs(d - y).mean())
    np.testing.assert_allclose(td.grad, np.sign(d - y) / d.size)


@pytest.mark.parametrize("squared", [True, False])
def test_the_weight_norm_and_its_gradient_are_those_of_numpy(squared: bool, rng: np.random.Generator):
    w, v = rng.normal(size=(3, 4)), rng.normal(size=5)
    tw, tv = _tensor(w), _tensor(v)
    norm = weight_norm([tw, tv], squared)
    norm.backward()
    total = (w**2).sum() + (v**2).sum()
    assert float(norm.detach()) == pytest.approx(total if squared else np.sqrt(total))
    np.testing.assert_allclose(tw.grad, 2 * w if squared else w / np.sqrt(total))


@pytest.mark.parametrize("squared", [True, False])
def test_weights_that_are_all_zero_have_a_finite_gradient(squared: bool):
    w, v = torch.zeros(3, 4, requires_grad=True), torch.zeros(5, requires_grad=True)
    norm = weight_norm([w, v], squared)
    norm.backward()
    assert float(norm.detach()) == 0
    assert w.grad is not None
    assert not w.grad.any()
    (half,) = torch.autograd.grad(weight_norm([w, torch.ones(2)], squared), w)
    assert not half.any()


def test_further_targets_and_their_gradient_are_those_of_numpy(rng: np.random.Generator):
    p, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    t = _tensor(p)
    loss = further_loss(t, torch.from_numpy(y))
    (loss * torch.tensor([1.0, 3.0])).sum().backward()
    np.testing.assert_allclose(loss.detach(), np.abs(p - y).mean(0))
    np.testing.assert_allclose(t.grad, np.sign(p - y) * [1, 3] / 6)


def test_eq_3_weighs_its_terms():
    one = torch.ones((), dtype=torch.float64)
    terms = [(value * one).requires_grad_() for value in (2, 3, 5, 7)]
    loss = pretext_loss(*terms[:3], alpha=10.0, weight_penalty=0.001, further=terms[3])
    assert isinstance(loss, torch.Tensor)
    assert [float(g) for g in torch.autograd.grad(loss, terms)] == [1, 10, 0.001, 1]
    assert float(loss.detach()) == pytest.approx(39.005)
    assert pretext_loss(2.0, 3.0, 5.0, alpha=10.0, weight_penalty=0.001) == pytest.approx(32.005)


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
