import numpy as np
import pytest
import torch

from gennari.train.losses.penalty import pretext_loss, weight_norm


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values).requires_grad_()


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


def test_eq_3_weighs_its_terms():
    one = torch.ones((), dtype=torch.float64)
    terms = [(value * one).requires_grad_() for value in (2, 3, 5, 7)]
    loss = pretext_loss(*terms[:3], alpha=10.0, weight_penalty=0.001, further=terms[3])
    assert isinstance(loss, torch.Tensor)
    assert [float(g) for g in torch.autograd.grad(loss, terms)] == [1, 10, 0.001, 1]
    assert float(loss.detach()) == pytest.approx(39.005)
    assert pretext_loss(2.0, 3.0, 5.0, alpha=10.0, weight_penalty=0.001) == pytest.approx(32.005)
