"""Folding: depth and own folds by the amounts asked for, on surfaces that stay surfaces."""

import numpy as np
import pytest
from scipy.spatial import KDTree

from gennari.errors import InputError
from gennari.phantom import folding
from gennari.phantom.folding import fold, smoothed_mid, sulcal_depth_mm, turned_prisms
from gennari.phantom.geometry import folder_geometry
from gennari.records import Hemisphere, TriangleMesh
from gennari.surface.mesh import edges, vertex_normals

DEPTH_SD, FOLDING_MM = 0.12, 0.6
"""The defaults."""


@pytest.fixture(scope="module")
def left(geometry) -> Hemisphere:
    return geometry.hemispheres[0]


@pytest.fixture(scope="module")
def folded(left) -> list[Hemisphere]:
    return [fold(left, DEPTH_SD, FOLDING_MM, np.random.default_rng(seed)) for seed in range(2)]


def _thickness_mm(hemisphere: Hemisphere) -> np.ndarray:
    return np.linalg.norm(hemisphere.pial.vertices_mm - hemisphere.white.vertices_mm, axis=1)


def _crossing_edges(mesh: TriangleMesh, chosen: np.ndarray, other: TriangleMesh) -> np.ndarray:
    """Which of the chosen edges (n, 2) pass through a face of `other` that holds neither of their ends."""
    start, end = mesh.vertices_mm[chosen[:, 0]], mesh.vertices_mm[chosen[:, 1]]
    corners = other.vertices_mm[other.faces]
    centres = corners.mean(axis=1)
    reach = np.linalg.norm(corners - centres[:, None], axis=2).max()
    near = KDTree(centres).query_ball_point(0.5 * (start + end), 0.5 * np.linalg.norm(end - start, axis=1) + reach)
    edge = np.repeat(np.arange(len(chosen)), [len(found) for found in near])
    face = np.concatenate([np.asarray(found, int) for found in near])
    apart = ~(other.faces[face][:, :, None] == chosen[edge][:, None, :]).any(axis=(1, 2))
    edge, face = edge[apart], face[apart]
    # Moeller & Trumbore 1997
    a, b, c = corners[face].transpose(1, 0, 2)
    along, u_side, v_side = end[edge] - start[edge], b - a, c - a
    across = np.cross(along, v_side)
    determinant = (u_side * across).sum(axis=1)
    determinant[np.abs(determinant) < 1e-9] = np.inf
    away = start[edge] - a
    u = (away * across).sum(axis=1) / determinant
    turned = np.cross(away, u_side)
    v = (along * turned).sum(axis=1) / determinant
    t = (v_side * turned).sum(axis=1) / determinant
    hit = (u > 0) & (v > 0) & (u + v < 1) & (t > 0) & (t < 1)
    crossed = np.zeros(len(chosen), bool)
    crossed[edge[hit]] = True
    return crossed


def _check_valid(given: Hemisphere, drawn: Hemisphere, edges_tried: int) -> None:
    """At most 0.5 percentage points more turned prisms, no more crossings, mean change of thickness at most 5 %."""
    assert turned_prisms(drawn.pial, drawn.white).mean() <= turned_prisms(given.pial, given.white).mean() + 0.005
    thickness, cortex = _thickness_mm(given), ~given.medial_wall & (_thickness_mm(given) > 1)
    assert np.abs(_thickness_mm(drawn)[cortex] / thickness[cortex] - 1).mean() <= 0.05
    tried = edges(given.pial)
    tried = tried[cortex[tried].all(axis=1)]
    tried = tried[np.random.default_rng(0).permutation(len(tried))[:edges_tried]]
    for inner, outer in (("pial", "pial"), ("white", "white"), ("pial", "white")):
        before, after = (_crossing_edges(getattr(h, inner), tried, getattr(h, outer)) for h in (given, drawn))
        assert after.mean() <= before.mean() + 1e-4, (inner, outer)


def test_nothing_asked_for_changes_nothing(left, rng):
    assert fold(left, 0.0, 0.0, rng) is left


def test_the_same_seed_folds_the_same_way(left, folded):
    again = fold(left, DEPTH_SD, FOLDING_MM, np.random.default_rng(0))
    np.testing.assert_array_equal(again.pial.vertices_mm, folded[0].pial.vertices_mm)
    assert again.inflated is left.inflated


@pytest.mark.parametrize("seed", [0, 1])
def test_surfaces_stay_valid_and_keep_their_thickness(left, folded, seed):
    _check_valid(left, folded[seed], 3000)


def test_own_folds_have_the_rms_asked_for_and_their_wavelength(left):
    moved = []
    for seed in range(4):
        drawn = fold(left, 0.0, FOLDING_MM, np.random.default_rng(seed))
        moved.append(((drawn.mid.vertices_mm - left.mid.vertices_mm) * vertex_normals(smoothed_mid(left.mid))).sum(1))
    assert np.sqrt(np.mean(np.square(moved))) == pytest.approx(FOLDING_MM, rel=0.15)
    # half a wavelength on, a fold is a valley; a whole one on, it is not
    places = left.mirrored_inflated_mm
    gaps = np.linalg.norm(places[::20, None] - places[None, ::20], axis=2)
    product = np.mean([np.outer(values[::20], values[::20]) for values in moved], axis=0)
    power = np.mean(np.square(moved))
    near, half, whole = (product[(gaps > low) & (gaps < low + 3)].mean() / power for low in (0.5, 12, 25))
    assert near > 0.5
    assert half < -0.05
    assert abs(whole) < 0.2


def test_sulci_differ_in_depth_by_the_share_asked_for(left):
    smoothed = smoothed_mid(left.mid)
    normals = vertex_normals(smoothed)
    drawn = [fold(left, DEPTH_SD, 0.0, np.random.default_rng(seed)) for seed in range(6)]
    # counted from the geometry's smoothed surface: an individual's own moves along with its folds
    given, *depths = (((h.mid.vertices_mm - smoothed.vertices_mm) * normals).sum(axis=1) for h in (left, *drawn))
    for places in (given < np.quantile(given, 0.1), given > np.quantile(given, 0.9)):
        share = np.array(depths)[:, places] / given[places]
        assert np.std(share, axis=0, ddof=1).mean() == pytest.approx(DEPTH_SD, rel=0.2)


def test_too_much_is_refused(left, rng):
    with pytest.raises(InputError, match=r"folding_mm 6 would leave .* of the folds; lower them"):
        fold(left, 0.0, 6.0, rng)


def test_prisms_that_turn_over_are_refused(left, rng, monkeypatch):
    monkeypatch.setattr(folding, "MAX_STRAIN", 100.0)
    monkeypatch.setattr(folding, "MAX_THICKER", 100.0)
    with pytest.raises(InputError, match=r"would turn .* more prisms over; lower them"):
        fold(left, 0.0, 6.0, rng)


def test_folds_are_lower_where_cortex_would_not_keep_its_thickness(left, monkeypatch):
    monkeypatch.setattr(folding, "MAX_THICKER", 0.01)
    monkeypatch.setattr(folding, "MIN_SHARE", 0.0)
    drawn = fold(left, DEPTH_SD, FOLDING_MM, np.random.default_rng(0))
    thickness, cortex = _thickness_mm(left), ~left.medial_wall & (_thickness_mm(left) > 1)
    change = np.abs(_thickness_mm(drawn)[cortex] / thickness[cortex] - 1).mean()
    assert change == pytest.approx(0.01, rel=0.05)


def test_where_space_would_be_pressed_too_hard_folds_are_lower(left):
    whole, lower = (fold(left, 0.0, size, np.random.default_rng(0)) for size in (0.3, 1.0))
    shift = [np.abs(drawn.pial.vertices_mm - left.pial.vertices_mm).max() for drawn in (whole, lower)]
    assert folding.MIN_SHARE * 1.0 / 0.3 < shift[1] / shift[0] < 0.95 * 1.0 / 0.3


def test_turned_prisms_are_counted():
    corners = np.array(
        [[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 0, 0], [6, 0, 0], [5, 1, 0], [9, 0, 0], [10, 0, 0], [9, 1, 0]]
    )
    faces = np.array([[0, 1, 2], [4, 5, 3], [7, 6, 8]], np.int32)
    white = corners - [0, 0, 1.0]
    # the second is written from another corner, the third the other way round: only that one is turned
    pair = [TriangleMesh(vertices_mm=points, faces=faces) for points in (corners, white)]
    assert list(turned_prisms(*pair)) == [False, False, True]


def test_an_edge_through_a_face_is_found():
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    face = TriangleMesh(vertices_mm=corners, faces=np.array([[0, 1, 2]], np.int32))
    ends = np.array([[0.2, 0.2, -1], [0.2, 0.2, 1], [0.9, 0.9, 1], [0.9, 0.9, -1]])
    lines = TriangleMesh(vertices_mm=np.concatenate([corners + 9, ends]), faces=np.array([[0, 1, 2]], np.int32))
    assert list(_crossing_edges(lines, np.array([[3, 4], [5, 6]]), face)) == [True, False]


@pytest.mark.real
@pytest.mark.slow
def test_real_surfaces_stay_valid_and_fold_differently(real_data):
    for given in folder_geometry(real_data / "bigbrain").hemispheres:
        pair = [fold(given, DEPTH_SD, FOLDING_MM, np.random.default_rng(seed)) for seed in range(2)]
        for drawn in pair:
            _check_valid(given, drawn, 20000)
        assert np.corrcoef([sulcal_depth_mm(drawn) for drawn in pair])[0, 1] < 0.985
