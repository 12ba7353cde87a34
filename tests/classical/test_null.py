"""Homogeneous cortex of the phantom through the whole procedure: hardly a border, and a step is found."""

import numpy as np
import pytest
from scipy import stats

from gennari.classical.detection import DetectionSettings, detect_borders
from gennari.classical.hotelling import f_of_d2
from gennari.classical.profiles import profile_features
from gennari.phantom.flat import flat_strip
from gennari.phantom.layers import COLUMNS, profile_tables
from gennari.recipes.phantoms import phantom_settings

SETTINGS = phantom_settings("default")
ONE = profile_tables(one_cytoarchitecture=True)
QUICK = DetectionSettings(surrogates=19)


def rows_of(image) -> np.ndarray:
    """A profile every 128 µm of a flat strip, as `profile_series` reads them from II to VI."""
    inner = 255 - image[8:74].astype(float)
    n = image.shape[1] // 4
    return profile_features(inner[:, : 4 * n].reshape(66, n, 4).mean(axis=2).T)


def null_counts(ribbons: int, length_mm: float) -> tuple[int, int]:
    """Ribbons with a border, and those in which F's p-value, corrected for the number of gaps, is below alpha."""
    some = by_f = 0
    for k in range(ribbons):
        rng = np.random.default_rng([1999, k])
        found = detect_borders(rows_of(flat_strip(ONE, [0], length_mm, SETTINGS, rng)), False, rng, QUICK)
        some += len(found.gap) > 0
        p_of_f = f_of_d2(found.d2_by_block[7], found.blocks[7], 10)[1]
        by_f += bool(np.nanmin(p_of_f) * np.isfinite(p_of_f).sum() < QUICK.alpha)
    return some, by_f


def test_few_homogeneous_ribbons_have_a_border_and_by_f_nearly_all_have():
    some, by_f = null_counts(30, 15.0)
    assert some <= stats.binom.ppf(0.999, 30, 0.05)
    assert by_f > 15


@pytest.mark.slow
def test_at_most_33_of_400_homogeneous_ribbons_have_a_border():
    assert stats.binom.cdf(33, 400, 0.05) > 0.99  # 33 is asked for; 99.9 % would be 35
    assert null_counts(400, 25.0)[0] <= 33


def test_a_border_of_two_areas_is_found_in_place(rng):
    areas = [COLUMNS.index(name) for name in ("hOc2", "hOc3v")]
    near = []
    for _ in range(6):
        rows = rows_of(flat_strip(profile_tables(), areas, 40.0, SETTINGS, rng))
        gaps = detect_borders(rows, False, rng, QUICK).gap
        near.append(bool((np.abs(gaps - (len(rows) / 2 - 1)) <= 5).any()))
    assert sum(near) >= 3
