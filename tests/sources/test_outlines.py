import numpy as np
import pytest
from scipy import ndimage
from shapely.geometry import MultiPolygon, Polygon

from gennari.sources.outlines import mask_polygons
from gennari.surface.contours import fill_polygons


def filled(area: Polygon | MultiPolygon, shape: tuple[int, int]) -> np.ndarray:
    polygons = area.geoms if isinstance(area, MultiPolygon) else [area]
    lines = [line for polygon in polygons for line in (polygon.exterior, *polygon.interiors)]
    return fill_polygons([np.asarray(line.coords)[:-1, ::-1] for line in lines], shape)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.7, 0.98])
def test_a_ragged_mask_comes_back_and_every_piece_is_valid(rng, share):
    mask = rng.random((60, 70)) < share
    area = mask_polygons(mask)
    assert area.is_valid
    assert area.area == mask.sum()
    np.testing.assert_array_equal(filled(area, mask.shape), mask)
    pieces = 1 if isinstance(area, Polygon) else len(area.geoms)
    assert pieces == ndimage.label(mask)[1]


def test_holes_that_touch_each_other_and_the_rim_belong_to_their_piece():
    mask = np.ones((7, 7), bool)
    for row, col in ((2, 3), (3, 2), (3, 4), (4, 3)):  # round (3, 3), which hangs by corners only
        mask[row, col] = False
    mask[0, 0] = mask[1, 1] = False
    area = mask_polygons(mask)
    assert area.is_valid
    assert sorted(polygon.area for polygon in area.geoms) == [1, mask.sum() - 1]
    np.testing.assert_array_equal(filled(area, mask.shape), mask)


def test_x_is_the_column_and_the_scale_multiplies():
    mask = np.zeros((5, 9), bool)
    mask[1:3, 4:8] = True
    area = mask_polygons(mask, 2.5)
    assert isinstance(area, Polygon)
    assert area.bounds == (10.0, 2.5, 20.0, 7.5)


def test_an_empty_mask_has_no_outline():
    with pytest.raises(ValueError, match="got a mask without any pixel"):
        mask_polygons(np.zeros((3, 3), bool))
