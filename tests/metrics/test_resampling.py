"""Draws of brains, sections and seeds."""

import numpy as np
import pytest

from gennari.metrics.overlap import dice_per_class
from gennari.metrics.resampling import even_draws, interval_95, mean_known, nested_draws, pooled_dice


def test_groups_of_equal_size_give_draws_of_equal_size(rng):
    drawn = nested_draws(np.repeat([0, 1, 2], 4), 500, rng)
    assert (drawn.sum(axis=1) == 12).all()
    by_group = drawn.reshape(500, 3, 4).sum(axis=2)
    assert (by_group % 4 == 0).all()  # a group comes as a whole number of times its size


def test_sections_of_one_brain_rise_and_fall_together(rng):
    drawn = nested_draws(np.array([0, 0, 1, 1]), 20_000, rng)
    covariance = np.cov(drawn.T)
    # a brain's times k ~ Binomial(2, 1/2), then 2k draws among two sections: k/2 apart within, k times 1 on average
    assert covariance[0, 0] == pytest.approx(0.5 + 0.5, abs=0.05)
    assert covariance[0, 1] == pytest.approx(0.5 - 0.5, abs=0.05)
    assert covariance[0, 2] == pytest.approx(-0.5, abs=0.05)
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.03)


def test_one_member_is_always_drawn_once(rng):
    assert (nested_draws(np.array([7]), 5, rng) == 1).all()


def test_methods_with_equally_many_seeds_get_the_same_draws():
    uniform = np.array([[0.0, 0.34, 0.99], [0.5, 0.5, 0.5]])
    assert even_draws(uniform, 3).tolist() == [[1, 1, 1], [0, 3, 0]]
    assert even_draws(uniform, 2).tolist() == [[2, 0], [0, 2]]
    assert even_draws(uniform, 1).tolist() == [[1], [1]]


def test_dice_of_a_draw_is_that_of_the_sections_drawn(rng):
    counts = rng.integers(0, 9, (2, 3, 4, 4))
    counts[:, :, 3] = counts[:, :, :, 3] = 0
    drawn = np.array([[1, 1, 1], [0, 3, 1], [2, 0, 0]])
    got = pooled_dice(counts, drawn, [1, 2, 3])
    for d, seed in np.ndindex(3, 2):
        pooled = sum(times * matrix for times, matrix in zip(drawn[d], counts[seed], strict=True))
        np.testing.assert_allclose(got[d, seed], dice_per_class(np.asarray(pooled))[1:])


def test_what_is_not_known_does_not_count():
    values = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]])
    np.testing.assert_array_equal(mean_known(values), [2.0, np.nan])
    assert interval_95(np.append(np.arange(101.0), np.nan)) == pytest.approx((2.5, 97.5))
    assert np.isnan(interval_95(np.full(3, np.nan))).all()
