import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from shapely import Polygon, contains_xy

from gennari.errors import InputError
from gennari.records import TriangleMesh
from gennari.surface.contours import fill_polygons, plane_contours, trace

MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.booleans())


def area(ring: np.ndarray) -> float:
    """Signed area, positive for clockwise as the image is seen."""
    row, col = ring.T
    return 0.5 * float((col * np.roll(row, -1) - np.roll(col, -1) * row).sum())


@settings(deadline=None)  # the first example may wait for a kernel to be compiled
@given(MASKS)
def test_filling_a_traced_mask_gives_it_back(mask):
    rings = trace(mask)
    assert np.array_equal(fill_polygons(rings, mask.shape), mask)
    assert np.array_equal(fill_polygons(rings, mask.shape, "winding"), mask)
    assert sum(map(area, rings)) == mask.sum()


@settings(deadline=None)  # the first example may wait for a kernel to be compiled
@given(MASKS)
def test_traced_rings_are_simple_and_have_only_corners(mask):
    for ring in trace(mask):
        assert Polygon(ring).is_valid
        before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
        assert ((before * after).sum(axis=1) == 0).all()


def test_a_hole_is_traced_the_other_way():
    mask = np.ones((5, 6), bool)
    mask[2, 2:4] = False
    assert sorted(map(area, trace(mask))) == [-2, 30]
    assert trace(np.zeros((3, 3), bool)) == []


def test_filling_agrees_with_a_point_in_polygon_test(rng):
    for _ in range(20):
        ring = rng.uniform(-5, 25, (9, 2))
        rows, cols = np.mgrid[:20, :17] + 0.5
        # a self-crossing ring: even-odd by counting crossings of a ray to the right, one pixel at a time
        odd = np.zeros(rows.shape, bool)
        for (r0, c0), (r1, c1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            odd ^= ((r0 <= rows) != (r1 <= rows)) & (c0 + (c1 - c0) * (rows - r0) / (r1 - r0) <= cols)
        assert np.array_equal(fill_polygons([ring], rows.shape), odd)
        hull = np.array(Polygon(ring).convex_hull.exterior.coords)
        assert np.array_equal(fill_polygons([hull], rows.shape), contains_xy(Polygon(hull), rows, cols))


def test_neighbours_that_share_a_line_through_centres_share_no_pixel():
    left = np.array([[0, 0], [0, 2.5], [4, 2.5], [4, 0]])
    right = np.array([[0, 2.5], [0, 5], [4, 5], [4, 2.5]])
    masks = [fill_polygons([ring], (4, 5)) for ring in (left, right)]
    assert (masks[0] ^ masks[1]).all()
    assert masks[1][:, 2].all()


def test_overlapping_rings_cancel_or_stay_by_the_rule():
    one = np.array([[0, 0], [0, 3], [3, 3], [3, 0]], float)
    rings = [one, one + np.array([0, 1])]
    assert fill_polygons(rings, (1, 4)).tolist() == [[True, False, False, True]]
    assert fill_polygons(rings, (1, 4), "winding").all()


def test_a_sphere_is_cut_in_a_circle(sphere, section):
    (ring,) = plane_contours(sphere(10.0, 5), section(4.0, 12.0))
    radius_um = np.linalg.norm(ring - 12_000, axis=1)
    assert np.allclose(radius_um, 1000 * np.sqrt(84), rtol=2e-3)
    assert abs(area(ring)) == pytest.approx(np.pi * 84e6, rel=3e-3)


def test_a_plane_through_vertices_is_cut_without_gaps_or_branches(sphere, section):
    ball = sphere(10.0, 2)
    for y_mm in np.unique(ball.vertices_mm[:, 1])[1:-1]:
        rings = plane_contours(ball, section(float(y_mm), 12.0))
        assert len(rings) == 1
        assert np.ptp(rings[0], axis=0).min() > 0


def test_contours_turn_alike_and_holes_the_other_way(sphere, section):
    inner = sphere(5.0, 3)
    ball = sphere(10.0, 3)
    count = np.int32(len(ball.vertices_mm))
    hollow = TriangleMesh(
        vertices_mm=np.concatenate([ball.vertices_mm, inner.vertices_mm]),
        faces=np.concatenate([ball.faces, inner.faces[:, ::-1] + count]),
    )
    signed = sorted(map(area, plane_contours(hollow, section(0.5, 12.0))), key=abs)
    assert len(signed) == 2
    assert signed[0] * signed[1] < 0


def test_an_open_mesh_is_cut_in_an_open_line(section):
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], float)
    sheet = TriangleMesh(vertices_mm=corners, faces=np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    (line,) = plane_contours(sheet, section(0.5, 12.0))
    assert sorted(line[[0, -1], 1].tolist()) == [11_000, 13_000]
    assert np.allclose(line[:, 0], 12_000)


def test_a_plane_that_misses_cuts_nothing(sphere, section):
    assert plane_contours(sphere(10.0, 1), section(11.0, 12.0)) == []


def test_faces_oriented_against_each_other_are_refused(sphere, section):
    ball = sphere(10.0, 2)
    faces = ball.faces.copy()
    faces[::3] = faces[::3, ::-1]
    with pytest.raises(InputError, match="oriented alike"):
        plane_contours(TriangleMesh(vertices_mm=ball.vertices_mm, faces=faces), section(1.0, 12.0))
