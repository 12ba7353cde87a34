import numpy as np
import pytest

from gennari.classical.surrogates import surrogate


@pytest.mark.parametrize("n", [60, 61])
def test_a_surrogate_of_a_closed_piece_keeps_means_auto_and_cross_correlations(n, rng, correlated):
    x = correlated(n, closed=True)
    y = surrogate(x, rng, closed=True)
    assert not np.allclose(x, y)
    assert y.mean(axis=0) == pytest.approx(x.mean(axis=0))
    for lag in range(5):
        assert np.roll(y, lag, axis=0).T @ y == pytest.approx(np.roll(x, lag, axis=0).T @ x)


def test_surrogates_of_an_open_piece_have_its_covariances_on_average(rng, correlated):
    x = correlated(80)
    draws = [surrogate(x, rng) for _ in range(800)]
    mirrored = np.concatenate([x, x[::-1]])
    centred = mirrored - mirrored.mean(axis=0)
    for lag in (0, 1, 4):
        expected = np.roll(centred, lag, axis=0).T @ centred / 160
        found = np.mean([(y - x.mean(0))[: 80 - lag].T @ (y - x.mean(0))[lag:] / (80 - lag) for y in draws], axis=0)
        assert found == pytest.approx((expected + expected.T) / 2, abs=0.06 * np.abs(expected).max())


def test_a_slope_does_not_become_a_jump(rng):
    slope = np.linspace(0, 1, 100)[:, None]
    steps = np.array([np.abs(np.diff(surrogate(slope, rng), axis=0)).max() for _ in range(50)])
    wrapped = np.array([np.abs(np.diff(surrogate(slope, rng, closed=True), axis=0)).max() for _ in range(50)])
    assert steps.max() < 0.15 < np.median(wrapped)
