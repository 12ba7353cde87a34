import numpy as np
import pytest

from gennari.metrics.calibration import (
    TEMPERATURES,
    accuracy_by_coverage,
    fit_temperature,
    pooled,
    reliability,
    tempered,
)


def softmax(logits):
    shares = np.exp(logits - logits.max(axis=0))
    return shares / shares.sum(axis=0)


def test_calibration_error_is_the_mean_gap_over_bins(rng):
    confidence, right = rng.uniform(0.2, 1, 500), rng.random(500) < 0.6
    found = reliability(confidence, right, bins=7)
    expected = 0.0
    for k in range(7):
        inside = [i for i, value in enumerate(confidence) if min(int(value * 7), 6) == k]
        assert found.counts[k] == len(inside)
        if inside:
            gap = abs(np.mean([right[i] for i in inside]) - np.mean([confidence[i] for i in inside]))
            expected += gap * len(inside) / 500
    assert found.error == pytest.approx(expected)


def test_sections_pool_to_what_their_pixels_give_together(rng):
    confidence, right = rng.uniform(0.5, 1, 300), rng.random(300) < 0.6
    parts = [reliability(confidence[part], right[part]) for part in np.split(np.arange(300), [7, 120])]
    together, found = reliability(confidence, right), pooled(parts)
    np.testing.assert_array_equal(found.counts, together.counts)
    np.testing.assert_allclose(found.confidence, together.confidence)
    np.testing.assert_allclose(found.accuracy, together.accuracy)
    assert found.error == pytest.approx(together.error)
    with pytest.raises(ValueError, match="at least one part"):
        pooled([])


def test_what_is_certain_and_right_has_no_error():
    assert reliability(np.ones(9), np.ones(9, bool)).error == 0
    assert reliability(np.ones(9), np.zeros(9, bool)).error == 1


def test_tempering_is_the_softmax_of_divided_logits(rng):
    logits = rng.normal(size=(5, 40))
    np.testing.assert_allclose(tempered(softmax(logits), 2.5), softmax(logits / 2.5), atol=1e-12)
    np.testing.assert_allclose(tempered(softmax(logits), 1.0), softmax(logits), atol=1e-12)
    planes = softmax(logits).reshape(5, 4, 10)
    np.testing.assert_allclose(tempered(planes, 0.5).reshape(5, 40), softmax(logits / 0.5), atol=1e-12)


@pytest.mark.parametrize("true", [0.4, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(rng, true):
    logits = 3 * rng.normal(size=(4, 40_000))
    chance = softmax(logits)
    labels = (rng.random(40_000) > chance.cumsum(axis=0)).sum(axis=0)
    said = tempered(chance, 1 / true)  # overconfident where true > 1
    found = fit_temperature(said, labels)
    assert found == pytest.approx(true, rel=0.04)
    before, after = (
        reliability(p.max(axis=0), p.argmax(axis=0) == labels).error for p in (said, tempered(said, found))
    )
    assert after < 0.012
    assert true == 1.0 or after < before / 3


def test_the_temperature_is_bounded():
    certain = np.array([[0.9, 0.9], [0.1, 0.1]])
    assert TEMPERATURES[0] <= fit_temperature(certain, np.array([0, 0])) < 0.1
    assert 0.99 * TEMPERATURES[1] < fit_temperature(certain, np.array([1, 1])) <= TEMPERATURES[1]


def test_accuracy_by_coverage_counts_the_least_doubtful(rng):
    doubt, right = rng.random(50), rng.random(50) < 0.5
    for coverage, found in zip(
        (0.1, 0.5, 1.0), accuracy_by_coverage(doubt, right, np.array([0.1, 0.5, 1.0])), strict=True
    ):
        kept = sorted(range(50), key=lambda i: doubt[i])[: round(coverage * 50)]
        assert found == pytest.approx(np.mean([right[i] for i in kept]))
    assert accuracy_by_coverage(doubt, right, np.array([1e-9]))[0] == right[doubt.argmin()]


def test_no_pixels_are_refused():
    with pytest.raises(ValueError, match="at least one pixel"):
        reliability(np.zeros(0), np.zeros(0, bool))
    with pytest.raises(ValueError, match="fitted to labelled pixels"):
        fit_temperature(np.zeros((3, 0)), np.zeros(0, int))
