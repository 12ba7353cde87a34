"""Random fields: their covariance is what they say, and a place always has the same value."""

import numpy as np

from gennari.phantom.fields import wave_field


def test_covariance_follows_the_gaussian_of_its_length(rng):
    length_mm = 5.0
    origin = np.zeros((1, 3))
    for distance_mm in (0.0, 3.0, 8.0):
        there = np.array([[distance_mm, 0.0, 0.0]])
        values = [(f(origin)[0], f(there)[0]) for f in (wave_field(rng, 40, length_mm) for _ in range(60))]
        here, away = np.concatenate(values, axis=1)
        expected = np.exp(-(distance_mm**2) / (2 * length_mm**2))
        assert abs(np.mean(here * away) - expected) < 0.07


def test_a_place_keeps_its_value_whoever_asks(rng):
    field = wave_field(rng, 2, 5.0)
    points = rng.normal(size=(50, 3)) * 20
    np.testing.assert_allclose(field(points)[17], field(points[17:18])[0], rtol=1e-4, atol=1e-5)
