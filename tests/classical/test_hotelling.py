import numpy as np
import pytest

from gennari.classical.hotelling import block_test, candidates, persistent, surrogate, surrogate_threshold


def correlated(rng, n=120, p=3):
    smooth = np.apply_along_axis(np.convolve, 0, rng.normal(size=(n + 8, p)), np.ones(9), "valid")
    return smooth @ rng.normal(size=(p, p))


def test_every_place_equals_the_textbook_formulas(rng):
    x, b, p = correlated(rng, 40), 6, 3
    got = block_test(x, b)
    assert len(got.d2) == 40 - 2 * b + 1
    for i in range(len(got.d2)):
        one, two = x[i : i + b], x[i + b : i + 2 * b]
        s = (np.cov(one.T) * (b - 1) + np.cov(two.T) * (b - 1)) / (2 * b - 2)
        step = one.mean(0) - two.mean(0)
        d2 = step @ np.linalg.inv(s) @ step
        t2 = b * b / (b + b) * d2
        assert (got.d2[i], got.t2[i]) == pytest.approx((d2, t2))
        assert got.f[i] == pytest.approx((2 * b - p - 1) / ((2 * b - 2) * p) * t2)


def test_p_values_of_independent_rows_are_uniform(rng):
    p = np.concatenate([block_test(rng.normal(size=(20, 4)), 10).p_value for _ in range(600)])
    assert np.quantile(p, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.05)


def test_a_border_is_found_at_its_place(rng):
    x = rng.normal(size=(80, 3))
    x[37:] += 3
    got = block_test(x, 10)
    assert got.d2.argmax() + 10 == 37


@pytest.mark.parametrize(
    ("shape", "block", "match"),
    [((50, 10), 5, r"2b > p \+ 1, got b = 5, p = 10"), ((15, 3), 8, "need 16 rows, got 15")],
)
def test_too_few_rows_are_refused(shape, block, match, rng):
    with pytest.raises(ValueError, match=match):
        block_test(rng.normal(size=shape), block)


def test_features_that_depend_on_each_other_are_refused(rng):
    x = rng.normal(size=(40, 2))
    with pytest.raises(ValueError, match="must not depend on each other"):
        block_test(np.column_stack([x, x.sum(axis=1)]), 8)


@pytest.mark.parametrize("n", [60, 61])
def test_a_surrogate_keeps_means_auto_and_cross_correlations(n, rng):
    x = correlated(rng, n)
    y = surrogate(x, rng)
    assert not np.allclose(x, y)
    assert y.mean(axis=0) == pytest.approx(x.mean(axis=0))
    for lag in range(5):  # circular, as the spectrum sees it
        assert np.roll(y, lag, axis=0).T @ y == pytest.approx(np.roll(x, lag, axis=0).T @ x)


def test_the_threshold_lets_through_as_many_borderless_series_as_it_says(rng):
    over = 0
    for _ in range(40):
        x = correlated(rng)
        over += block_test(x, 10).d2.max() > surrogate_threshold(x, 10, rng, count=30, quantile=0.8)
    assert 1 <= over <= 18  # 8 expected; the textbook F would let all of them through


def test_candidates_are_local_maxima_above_the_threshold():
    d2 = np.array([5.0, 1, 3, 3, 1, 9, 2, 4])
    assert np.flatnonzero(candidates(d2, 2.5)).tolist() == [0, 2, 5, 7]
    assert np.flatnonzero(candidates(d2, 4.5)).tolist() == [0, 5]


def test_candidates_that_keep_their_place_over_block_sizes_are_accepted():
    places = [np.array([10.0, 40.0]), np.array([11.0, 70.0]), np.array([9.0, 71.0]), np.array([10.0])]
    assert persistent(places, 2.0).tolist() == [10.0, 70.5]
    assert persistent(places, 2.0, share=1.0).tolist() == [10.0]
