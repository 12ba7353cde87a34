import numpy as np
import pytest

from gennari.records import TriangleMesh
from gennari.surface.delaunay import intrinsic_delaunay
from gennari.surface.mesh import proper_faces


def angles(lengths: np.ndarray) -> np.ndarray:
    """At the corner opposite each side, by the law of cosines."""
    a, b, c = (np.roll(lengths, -k, axis=1) for k in range(3))
    return np.arccos(np.clip((b**2 + c**2 - a**2) / (2 * b * c), -1, 1))


def areas(lengths: np.ndarray) -> np.ndarray:
    a, b, c = lengths.T
    half = (a + b + c) / 2
    return np.sqrt(np.maximum(half * (half - a) * (half - b) * (half - c), 0))


def test_a_flat_quadrilateral_gets_its_better_diagonal():
    corners = np.array([[0, 0, 0], [4, -1, 0], [8, 0, 0], [4, 1, 0]], float)
    thin = TriangleMesh(vertices_mm=corners, faces=np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    faces, lengths = intrinsic_delaunay(thin)
    assert sorted(map(sorted, faces.tolist())) == [[0, 1, 3], [1, 2, 3]]
    assert np.allclose(np.sort(lengths, axis=1), [[2, 17**0.5, 17**0.5]] * 2)


def test_a_bent_quadrilateral_is_measured_unfolded():
    corners = np.array([[0, 0, 0], [4, -1, 0], [8, 0, 0], [4, 0, 1]], float)
    bent = TriangleMesh(vertices_mm=corners, faces=np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    faces, lengths = intrinsic_delaunay(bent)
    assert sorted(map(sorted, faces.tolist())) == [[0, 1, 3], [1, 2, 3]]
    assert np.allclose(np.sort(lengths, axis=1)[:, 0], 2)


def test_opposite_angles_sum_to_no_more_than_half_a_turn_and_the_area_stays(sphere, rng):
    ball = sphere(5.0, 3)
    rough = TriangleMesh(vertices_mm=ball.vertices_mm + rng.normal(0, 0.3, ball.vertices_mm.shape), faces=ball.faces)
    faces, lengths = intrinsic_delaunay(rough)
    before = np.linalg.norm(rough.vertices_mm[rough.faces] - rough.vertices_mm[np.roll(rough.faces, -1, 1)], axis=2)
    assert areas(lengths).sum() == pytest.approx(areas(before).sum())
    assert not np.array_equal(np.sort(faces, axis=1), np.sort(rough.faces, axis=1))
    by_edge: dict[tuple[int, int, float], list[float]] = {}
    for face, sides, opposite in zip(faces, lengths, angles(lengths), strict=True):
        for k in range(3):
            edge = (*sorted((int(face[k]), int(face[(k + 1) % 3]))), round(float(sides[k]), 9))
            by_edge.setdefault(edge, []).append(float(opposite[k]))
    assert all(len(pair) == 2 for pair in by_edge.values())
    assert max(sum(pair) for pair in by_edge.values()) <= np.pi + 1e-6


def test_edges_at_borders_of_three_faces_and_turned_ones_stay():
    corners = np.array([[0, 0, 0], [4, -1, 0], [8, 0, 0], [4, 1, 0], [4, 0, 3]], float)
    shared = np.array([[0, 1, 2], [0, 2, 3], [0, 2, 4]], np.int32)
    turned = np.array([[0, 1, 2], [2, 0, 3]], np.int32)[:, [0, 1, 2]]
    turned[1] = [0, 3, 2]
    for faces in (shared, turned, shared[:1]):
        found, _ = intrinsic_delaunay(TriangleMesh(vertices_mm=corners, faces=faces))
        assert np.array_equal(found, faces)


def test_faces_that_name_a_vertex_twice_are_left_out():
    corners = np.zeros((3, 3))
    mesh = TriangleMesh(vertices_mm=corners, faces=np.array([[0, 1, 1], [0, 1, 2], [2, 0, 2]], np.int32))
    assert proper_faces(mesh).tolist() == [[0, 1, 2]]
    assert len(intrinsic_delaunay(mesh)[0]) == 1
