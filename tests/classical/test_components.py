import numpy as np
import pytest

from gennari.classical.components import fit_components


def test_components_are_the_axes_of_largest_variance(rng):
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    rows = rng.normal(size=(4000, 5)) * [9, 4, 2, 0.1, 0.1] @ turn + 7
    fitted = fit_components(rows, 3)
    assert np.abs(fitted.axes @ turn[:3].T) == pytest.approx(np.eye(3), abs=0.05)
    assert fitted.axes @ fitted.axes.T == pytest.approx(np.eye(3), abs=1e-12)
    left, scales, right = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    expected = (left * scales)[:, :3]
    signs = np.sign(np.sum(fitted.axes * right[:3], axis=1))
    assert fitted(rows) == pytest.approx(expected * signs, abs=1e-8)
    assert fitted.explained == pytest.approx((scales**2 / (scales**2).sum())[:3])


def test_signs_do_not_depend_on_the_solver(rng):
    rows = rng.normal(size=(200, 4)) * [4, 3, 2, 1]
    axes = fit_components(rows, 4).axes
    assert (axes[np.arange(4), np.abs(axes).argmax(axis=1)] > 0).all()


def test_rows_that_are_not_known_are_left_out_and_stay_unknown(rng):
    rows = rng.normal(size=(50, 3))
    holed = np.insert(rows, 20, [1.0, np.nan, 2.0], axis=0)
    fitted = fit_components(holed, 2)
    assert fitted(rows) == pytest.approx(fit_components(rows, 2)(rows))
    assert np.flatnonzero(np.isnan(fitted(holed)).all(axis=1)).tolist() == [20]


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (np.ones((30, 12)), "30 rows that vary in 0"),
        (np.arange(24.0).reshape(2, 12) ** 2, "2 rows that vary in 1"),
        (np.full((4, 12), np.nan), "got none"),
    ],
)
def test_rows_that_vary_too_little_are_refused(rows, match):
    with pytest.raises(ValueError, match=match):
        fit_components(rows)
