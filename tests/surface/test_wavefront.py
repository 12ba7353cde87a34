import numpy as np
import pytest
from scipy.sparse.csgraph import dijkstra

from gennari.records import TriangleMesh
from gennari.surface.mesh import adjacency
from gennari.surface.wavefront import at_places, by_vertex, run_front, third


def triangles(mesh: TriangleMesh):
    points = mesh.vertices_mm[mesh.faces]
    return by_vertex(mesh.faces, np.linalg.norm(points - np.roll(points, -1, axis=1), axis=2), len(mesh.vertices_mm))


def test_the_third_corner_is_as_far_from_the_image_of_the_source_as_from_the_source(rng):
    for _ in range(50):
        base, source, top = rng.uniform(1, 3), rng.uniform([0, -3], [1, -1]), rng.uniform([0, 0.1], [1, 1])
        source[0], top[0] = source[0] * base, top[0] * base
        ends = np.array([[0, 0], [base, 0]])
        known, spokes = np.linalg.norm(ends - source, axis=1), np.linalg.norm(ends - top, axis=1)
        assert third(known[0], known[1], base, spokes[0], spokes[1]) == pytest.approx(np.linalg.norm(top - source))


@pytest.mark.parametrize(
    ("known", "other", "base", "expected"),
    [
        (1.0, 9.0, 1.0, 3.0),  # no such image: over the nearer end
        (1.0, np.inf, 1.0, 3.0),  # one end unknown
        (1.0, 1.0, 0.0, 3.0),  # a base without length
        (0.5, 0.5, 1.0, np.sqrt(4 - 0.25)),  # the source lies on the base
        (1.0, 1.9, 1.0, 3.0),  # the line passes beside the base
    ],
)
def test_where_no_line_passes_between_the_ends_the_way_goes_over_one(known, other, base, expected):
    assert third(known, other, base, 2.0, 2.0) == pytest.approx(expected)


def test_a_front_is_never_longer_than_the_way_along_edges_nor_shorter_than_the_chord(sphere, rng):
    ball = sphere(5.0, 3)
    rough = TriangleMesh(vertices_mm=ball.vertices_mm + rng.normal(0, 0.2, ball.vertices_mm.shape), faces=ball.faces)
    found = run_front(triangles(rough), np.array([9]), np.zeros(1))
    assert (found <= dijkstra(adjacency(rough), indices=9) + 1e-9).all()
    assert (found >= 0.97 * np.linalg.norm(rough.vertices_mm - rough.vertices_mm[9], axis=1)).all()


def test_seeds_keep_their_distance_unless_a_shorter_way_reaches_them(sphere):
    mesh = triangles(sphere(5.0, 2))
    alone = run_front(mesh, np.array([3]), np.array([1.5]))
    assert alone[3] == 1.5
    assert np.allclose(alone, run_front(mesh, np.array([3]), np.zeros(1)) + 1.5, atol=0.2)
    late = run_front(mesh, np.array([3, 50, 50]), np.array([1.5, 99.0, 98.0]))
    assert np.array_equal(late, alone)


def test_a_front_stops_at_its_limit(sphere):
    mesh = triangles(sphere(5.0, 3))
    whole, part = run_front(mesh, np.array([0]), np.zeros(1)), run_front(mesh, np.array([0]), np.zeros(1), 4.0)
    assert np.array_equal(part[whole <= 4], whole[whole <= 4])
    assert np.isinf(part[whole > 8]).all()


def test_a_place_inside_a_face_continues_its_corners(rng):
    corners, source = np.array([[0, 0, 0], [2, 0, 0], [0, 1.5, 0]]), np.array([4.0, 3.0, 0.0])
    weights = rng.dirichlet(np.ones(3), 20)
    known = np.linalg.norm(corners - source, axis=1)
    found = at_places(known, corners, np.tile([0, 1, 2], (20, 1)), weights)
    assert np.allclose(found, np.linalg.norm(weights @ corners - source, axis=1))
