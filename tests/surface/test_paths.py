import numpy as np
import potpourri3d as pp3d
import pytest
from scipy.sparse.csgraph import dijkstra

from gennari.records import TriangleMesh
from gennari.surface.mesh import adjacency, subdivide
from gennari.surface.paths import geodesic_path


def length(points):
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())


def plane(count=15):
    x, y = np.meshgrid(np.arange(count, dtype=float), np.arange(count, dtype=float), indexing="ij")
    i = np.arange(count * count).reshape(count, count)
    a, b, c, d = i[:-1, :-1].ravel(), i[1:, :-1].ravel(), i[1:, 1:].ravel(), i[:-1, 1:].ravel()
    faces = np.concatenate([np.column_stack([a, b, c]), np.column_stack([a, c, d])]).astype(np.int32)
    return TriangleMesh(vertices_mm=np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)]), faces=faces)


@pytest.fixture(scope="module")
def sphere():
    corners = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
    faces = [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]]
    mesh = TriangleMesh(vertices_mm=corners, faces=np.array(faces, np.int32))
    for _ in range(5):
        mesh, _ = subdivide(mesh)
    unit = mesh.vertices_mm / np.linalg.norm(mesh.vertices_mm, axis=1, keepdims=True)
    return TriangleMesh(vertices_mm=10 * unit, faces=mesh.faces)


def test_on_a_plane_it_is_the_straight_line():
    mesh = plane()
    first, last = 1 * 15 + 1, 13 * 15 + 6  # (1, 1) to (13, 6)
    points = geodesic_path(mesh, first, last).on(mesh)
    assert np.allclose(points[[0, -1]], mesh.vertices_mm[[first, last]])
    assert length(points) == pytest.approx(13.0)
    assert length(points) < 0.95 * dijkstra(adjacency(mesh), indices=first)[last]
    across = (points[:, 0] - 1) * 5 - (points[:, 1] - 1) * 12
    assert np.abs(across).max() < 0.01


def test_on_a_sphere_it_is_the_great_circle(sphere):
    first, last = 700, 3100
    points = geodesic_path(sphere, first, last).on(sphere)
    a, b = sphere.vertices_mm[[first, last]]
    assert np.allclose(points[0], a)
    assert np.allclose(points[-1], b)
    assert length(points) == pytest.approx(10 * np.arccos(a @ b / 100), rel=2e-3)
    normal = np.cross(a, b) / np.linalg.norm(np.cross(a, b))
    assert np.abs(points @ normal).max() < 0.1


def test_the_same_edges_draw_it_on_another_surface(sphere):
    path = geodesic_path(sphere, 700, 3100)
    double = TriangleMesh(vertices_mm=2 * sphere.vertices_mm, faces=sphere.faces)
    assert np.allclose(path.on(double), 2 * path.on(sphere))


def test_from_a_vertex_to_itself_it_stays_there(sphere):
    assert np.allclose(geodesic_path(sphere, 5, 5).on(sphere), sphere.vertices_mm[[5]])


def test_neighbours_are_joined_along_their_edge(sphere):
    first, last = (int(vertex) for vertex in sphere.faces[7, :2])
    path = geodesic_path(sphere, first, last)
    assert np.allclose(path.on(sphere), sphere.vertices_mm[[first, last]])


def test_on_folds_it_is_as_short_as_one_by_edge_flips(sphere, rng):
    x, y, z = sphere.vertices_mm.T
    bumps = 1 + 0.15 * np.sin(0.9 * x) * np.sin(0.8 * y + 1) + 0.1 * np.sin(1.1 * z)
    folded = TriangleMesh(vertices_mm=sphere.vertices_mm * bumps[:, None], faces=sphere.faces)
    flips = pp3d.EdgeFlipGeodesicSolver(folded.vertices_mm, folded.faces)
    ratios = []
    for first, last in rng.integers(0, len(x), (6, 2)):
        points = geodesic_path(folded, int(first), int(last)).on(folded)
        ratios.append(length(points) / length(flips.find_geodesic_path(int(first), int(last))))
    # flips start from the path along edges and may end on the longer side of a bump
    assert max(ratios) < 1.002
    assert np.median(ratios) == pytest.approx(1, abs=1e-3)


def test_each_step_stays_within_one_face(sphere):
    path = geodesic_path(sphere, 700, 3100)
    faces = {frozenset(face.tolist()) for face in sphere.faces}
    for one, other in zip(path.ends[:-1], path.ends[1:], strict=True):
        corners = frozenset(one.tolist()) | frozenset(other.tolist())
        assert any(corners <= face for face in faces)


def test_on_a_mesh_that_is_no_manifold_it_goes_through_the_shared_edge():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0.5, 1, 0], [0.5, 0, 1], [0.5, -1, 0]], float)
    mesh = TriangleMesh(vertices_mm=vertices, faces=np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4]], np.int32))
    points = geodesic_path(mesh, 2, 4).on(mesh)
    assert np.allclose(points, [[0.5, 1, 0], [0.5, 0, 0], [0.5, -1, 0]])


def test_pieces_are_not_joined():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 0, 0], [6, 0, 0], [5, 1, 0]], float)
    mesh = TriangleMesh(vertices_mm=vertices, faces=np.array([[0, 1, 2], [3, 4, 5]], np.int32))
    with pytest.raises(ValueError, match="vertices 1 and 4 do not"):
        geodesic_path(mesh, 1, 4)
