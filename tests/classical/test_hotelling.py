import numpy as np
import pytest

from gennari.classical.hotelling import d2_by_block, f_of_d2


def textbook(one, two):
    """D², T² and F of two blocks, as printed."""
    b, p = one.shape
    s = (np.cov(one.T) * (b - 1) + np.cov(two.T) * (b - 1)) / (2 * b - 2)
    step = one.mean(0) - two.mean(0)
    d2 = step @ np.linalg.inv(s) @ step
    t2 = b * b / (b + b) * d2
    return d2, (2 * b - p - 1) / ((2 * b - 2) * p) * t2


@pytest.mark.parametrize("closed", [False, True])
def test_every_gap_equals_the_textbook_formulas(closed, correlated):
    n, blocks = 45, (6, 9, 20)
    x = 1e3 + correlated(n) * [1.0, 1e-4, 1e4]
    d2 = d2_by_block(x, blocks, closed)
    for j, b in enumerate(blocks):
        for i in range(n):
            before, after = np.arange(i + 1 - b, i + 1), np.arange(i + 1, i + 1 + b)
            if closed or (before[0] >= 0 and after[-1] < n):
                expected = textbook(x[before % n], x[after % n])
                assert d2[j, i] == pytest.approx(expected[0], rel=1e-6)
                assert f_of_d2(d2[j, i : i + 1], b, 3)[0][0] == pytest.approx(expected[1], rel=1e-6)
            else:
                assert np.isnan(d2[j, i])


@pytest.mark.parametrize("closed", [False, True])
def test_blocks_that_do_not_fit_have_no_value(closed, correlated):
    d2 = d2_by_block(correlated(19), (6, 9, 10), closed)
    assert np.isfinite(d2).sum(axis=1).tolist() == ([19, 19, 0] if closed else [8, 2, 0])


def test_p_values_of_independent_rows_are_uniform(rng):
    d2 = np.concatenate([d2_by_block(rng.normal(size=(20, 4)), [10])[:, 9] for _ in range(600)])
    p = f_of_d2(d2, 10, 4)[1]
    assert np.quantile(p, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.05)


def test_each_d2_has_the_f_of_its_own_block():
    f, p = f_of_d2(np.array([2.0, 2.0]), np.array([10, 24]), 10)
    assert f == pytest.approx([9 / 180 * 10, 37 / 460 * 24])
    assert p[0] > p[1]


def test_a_border_is_found_at_its_gap(rng):
    x = rng.normal(size=(80, 3))
    x[37:] += 3
    assert np.nanargmax(d2_by_block(x, [10])) == 36


def test_rows_that_are_alike_within_two_blocks_have_no_value(rng):
    x = rng.normal(size=(60, 2))
    x[:20] = 1.0
    d2 = d2_by_block(x, [8])[0]
    assert np.isnan(d2[7:12]).all()
    assert np.isfinite(d2[13:52]).all()


def test_too_small_blocks_are_refused(rng):
    with pytest.raises(ValueError, match=r"2b > p \+ 1, got b = 5, p = 10"):
        d2_by_block(rng.normal(size=(50, 10)), [12, 5])


def test_features_that_depend_on_each_other_are_refused(rng):
    x = rng.normal(size=(40, 2))
    with pytest.raises(ValueError, match="must not depend on each other"):
        d2_by_block(np.column_stack([x, x.sum(axis=1)]), [8])


def test_rows_that_are_not_known_are_refused(rng):
    x = rng.normal(size=(40, 2))
    x[3, 1] = np.nan
    with pytest.raises(ValueError, match="must be finite"):
        d2_by_block(x, [8])
