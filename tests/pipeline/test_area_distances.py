"""Distances between areas: the mean of both hemispheres, and places for areas that are nowhere the most probable."""

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.pipeline.area_distances import area_distances_mm
from gennari.records import Hemisphere, LabelSet, Side, TriangleMesh
from gennari.surface.geodesic import GeodesicSolver

LABELS = LabelSet(names=("other", "one", "two"), colours=("#000000",) * 3, first_area=1)


def strip(side: Side, step_mm: float, count: int = 21) -> Hemisphere:
    """A flat strip of triangles along x, two vertices every `step_mm`."""
    along = np.arange(count) * step_mm
    points = np.concatenate([np.column_stack([along, np.full(count, y), np.zeros(count)]) for y in (0.0, step_mm)])
    here = np.arange(count - 1)
    below, above = (
        np.column_stack([here, here + 1, here + count]),
        np.column_stack([here + 1, here + count + 1, here + count]),
    )
    mesh = TriangleMesh(vertices_mm=points, faces=np.concatenate([below, above]).astype(np.int32))
    return Hemisphere(side=side, pial=mesh, white=mesh, inflated=mesh, medial_wall=np.zeros(2 * count, bool))


def atlas(hemisphere: Hemisphere, one: float, two: float) -> np.ndarray:
    """Area one is certain up to a share of the strip, area two beyond another."""
    share = hemisphere.pial.vertices_mm[:, 0] / hemisphere.pial.vertices_mm[:, 0].max()
    return np.column_stack([share <= one + 1e-9, share >= two - 1e-9]).astype(np.float32)


def test_it_is_the_mean_gap_of_both_hemispheres():
    both = (strip("L", 1.0), strip("R", 2.0))
    distance = area_distances_mm(both, (atlas(both[0], 0.2, 0.7), atlas(both[1], 0.2, 0.7)), LABELS)
    gap = (10.0 + 20.0) / 2  # half of 20 and of 40 mm
    np.testing.assert_allclose(distance, [[0, gap], [gap, 0]], rtol=0.03)


def test_an_area_that_is_nowhere_the_most_probable_lies_where_it_is_most_probable():
    both = (strip("L", 1.0), strip("R", 1.0))
    weak = atlas(both[0], 0.2, 2.0)
    weak[20, 1] = 0.3  # the last vertex of the lower row, other cortex has 0.7
    expected = GeodesicSolver(both[0].mid).front_from_vertex(20)[weak[:, 0] == 1].min()
    assert area_distances_mm(both, (weak, weak), LABELS)[0, 1] == pytest.approx(expected, rel=0.03)


def test_an_area_without_a_place_is_refused():
    both = (strip("L", 1.0), strip("R", 1.0))
    empty = atlas(both[0], 0.2, 2.0)
    with pytest.raises(InputError, match="place on both hemispheres of the atlas, but one, two cannot"):
        area_distances_mm(both, (empty, empty), LABELS)
