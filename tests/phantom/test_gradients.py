"""Trends over the hemisphere: direction and size as the module says."""

import numpy as np
import pytest

from gennari.phantom.gradients import trends
from gennari.phantom.layers import LAYERS
from gennari.records import Hemisphere
from gennari.sources.fsaverage import fsaverage5_hemispheres


@pytest.fixture(scope="module")
def hemispheres() -> tuple[Hemisphere, Hemisphere]:
    return fsaverage5_hemispheres(0)


def _slope(values: np.ndarray, place: np.ndarray) -> float:
    """Change of values over the whole extent of a coordinate, the others held fixed."""
    unit = (place - place.min(axis=0)) / np.ptp(place, axis=0)
    return np.linalg.lstsq(np.column_stack([unit, np.ones(len(unit))]), values, rcond=None)[0]


@pytest.mark.parametrize("side", [0, 1])
def test_each_trend_changes_by_one_over_the_hemisphere(hemispheres, side):
    hemisphere = hemispheres[side]
    values, place = trends(hemisphere), hemisphere.mirrored_inflated_mm
    expected = {  # per layer: lateral side outwards (x falls), rostral (y grows), dorsal (z grows)
        "I": (0, -1, 0), "II": (-1, -1, -1), "III": (-1, -1, 1), "IV": (0, -1, -1), "V": (1, -1, 1), "VI": (1, -1, 0),
    }  # fmt: skip
    for layer, name in enumerate(LAYERS):
        np.testing.assert_allclose(_slope(values[:, layer], place)[:3], expected[name], atol=1e-6)


def test_left_and_right_are_alike(hemispheres):
    left, right = (trends(h) for h in hemispheres)
    np.testing.assert_allclose(left.mean(axis=0), right.mean(axis=0), atol=0.1)


def test_lateral_is_lateral_in_both_hemispheres(hemispheres):
    for hemisphere in hemispheres:
        outwards = np.abs(hemisphere.mid.vertices_mm[:, 0])
        upper_on_lower = trends(hemisphere)[:, 1] - trends(hemisphere)[:, 5]
        assert np.corrcoef(outwards, upper_on_lower)[0, 1] > 0.3
