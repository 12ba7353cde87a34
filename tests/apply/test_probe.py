"""The linear probe against what it must give in closed form, and against a brute-force minimum."""

import numpy as np
import pytest

from gennari.apply.probe import fit_probe


def test_classes_that_lie_apart_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 50)
    features = np.array([[0, 0], [6, 0], [0, 6]])[labels] + rng.normal(size=(150, 2))
    probe = fit_probe(features, labels, 3)
    assert (probe.classify(features) == labels).mean() > 0.98


def test_the_fit_is_the_minimum_of_penalised_cross_entropy() -> None:
    rng = np.random.default_rng(1)
    features, labels = rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
    probe = fit_probe(features, labels, 3, penalty=0.1)
    x = (features - features.mean(axis=0)) / features.std(axis=0)

    def loss(weight: np.ndarray, bias: np.ndarray) -> float:
        logits = x @ weight.T + bias
        chosen = logits[np.arange(len(labels)), labels]
        return float((np.log(np.exp(logits).sum(axis=1)) - chosen).mean() + 0.05 * (weight**2).sum())

    least = loss(probe.weight, probe.bias)
    for _ in range(200):
        other = probe.weight + 0.01 * rng.normal(size=(3, 3)), probe.bias + 0.01 * rng.normal(size=3)
        assert loss(*other) >= least - 1e-9


def test_a_class_that_does_not_occur_is_never_the_answer() -> None:
    rng = np.random.default_rng(2)
    labels = np.repeat([0, 2], 30)
    features = rng.normal(size=(60, 2)) + labels[:, None]
    assert 1 not in fit_probe(features, labels, 3).classify(features)


def test_a_feature_that_never_varies_does_no_harm() -> None:
    labels = np.repeat([0, 1], 10)
    features = np.column_stack([labels.astype(float), np.ones(20)])
    assert (fit_probe(features, labels, 2).classify(features) == labels).all()


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one labelled"):
        fit_probe(np.zeros((0, 3)), np.zeros(0, int), 2)
