"""The calibration of distances against numpy's straight line."""

import numpy as np
import pytest

from gennari.train.distances import calibrate


def test_the_calibration_is_numpys_straight_line(rng: np.random.Generator):
    predicted = rng.uniform(0, 150, 60)
    true = 1.7 * predicted + 12 + rng.normal(0, 3, 60)
    line = calibrate(predicted, true)
    assert (line.slope, line.offset_mm) == pytest.approx(tuple(np.polyfit(predicted, true, 1)))
    np.testing.assert_allclose(line.apply(predicted), np.polyval(np.polyfit(predicted, true, 1), predicted))


def test_an_exact_line_is_found_and_removes_the_error(rng: np.random.Generator):
    predicted = rng.uniform(0, 150, 20)
    line = calibrate(predicted, 2 * predicted - 5)
    assert (line.slope, line.offset_mm) == pytest.approx((2, -5))


def test_a_constant_prediction_becomes_the_mean_distance(rng: np.random.Generator):
    true = rng.uniform(0, 150, 20)
    np.testing.assert_allclose(calibrate(np.full(20, 7.0), true).apply(np.full(3, 7.0)), true.mean())
