import numpy as np
import pytest

from gennari.metrics.distances import distance_error, section_predictor_mm


def test_distance_error_is_the_mean_absolute_difference(rng):
    true = rng.uniform(0, 100, 50)
    pred = true + rng.normal(0, 5, 50)
    got = distance_error(pred, true, constant_mm=40.0)
    error = np.abs(pred - true)
    assert got.mean_mm == pytest.approx(error.mean())
    assert got.median_predictor_mm == pytest.approx(np.abs(40 - true).mean())
    assert got.near_mm == pytest.approx(error[true < 20].mean())
    assert got.far_mm == pytest.approx(error[true >= 20].mean())
    ranks = [np.argsort(np.argsort(x)) for x in (pred, true)]
    assert got.spearman == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert distance_error(pred, true).constant_mm == np.median(true)


def test_a_constant_prediction_has_no_rank_correlation():
    got = distance_error(np.full(3, 9.0), np.array([30.0, 40.0, 50.0]))
    assert np.isnan(got.spearman)
    assert np.isnan(got.near_mm)


def test_distance_error_refuses_no_pairs():
    with pytest.raises(ValueError, match="at least one pair"):
        distance_error(np.zeros(0), np.zeros(0))


def test_the_section_predictor_says_the_median_of_its_bin():
    gap = np.repeat([0.0, 10.0], 10)
    mm = np.concatenate([np.full(10, 5.0), np.full(10, 50.0)])
    assert section_predictor_mm(gap, mm, np.array([1.0, 12.0]), bins=2).tolist() == [5.0, 50.0]


def test_the_section_predictor_stands_beside_err_dist():
    true, said = np.array([10.0, 20.0, 40.0]), np.array([13.0, 20.0, 34.0])
    assert distance_error(true, true, section_only=said).section_only_mm == pytest.approx(3.0)
    assert np.isnan(distance_error(true, true).section_only_mm)


def test_a_bin_without_a_training_pair_is_given_the_median_of_all():
    gap, mm = np.array([1.0, 1.0, 1.0, 9.0]), np.array([2.0, 4.0, 6.0, 20.0])
    assert section_predictor_mm(gap, mm, np.array([4.0, 1.0]), bins=8).tolist() == [5.0, 4.0]
