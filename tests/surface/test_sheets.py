import numpy as np
import pytest

from gennari.records import TriangleMesh
from gennari.surface.mesh import subdivide, vertex_normals
from gennari.surface.sheets import other_sheet_mm


def plate(z_mm, up, turn=0.0, size_mm=30.0, count=31):
    """A square plate whose faces look up or down, its grid turned in its plane."""
    step = np.linspace(-size_mm / 2, size_mm / 2, count)
    x, y = np.meshgrid(step, step, indexing="ij")
    cos, sin = np.cos(turn), np.sin(turn)
    vertices = np.column_stack([(cos * x - sin * y).ravel(), (sin * x + cos * y).ravel(), np.full(x.size, z_mm)])
    i = np.arange(count * count).reshape(count, count)
    a, b, c, d = i[:-1, :-1].ravel(), i[1:, :-1].ravel(), i[1:, 1:].ravel(), i[:-1, 1:].ravel()
    faces = np.concatenate([np.column_stack([a, b, c]), np.column_stack([a, c, d])])
    return TriangleMesh(vertices_mm=vertices, faces=(faces if up else faces[:, ::-1]).astype(np.int32))


def sphere(radius_mm, centre=(0.0, 0.0, 0.0)):
    corners = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
    faces = [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]]
    mesh = TriangleMesh(vertices_mm=corners, faces=np.array(faces, np.int32))
    for _ in range(5):
        mesh, _ = subdivide(mesh)
    unit = mesh.vertices_mm / np.linalg.norm(mesh.vertices_mm, axis=1, keepdims=True)
    return TriangleMesh(vertices_mm=radius_mm * unit + np.array(centre), faces=mesh.faces)


def test_of_two_parallel_plates_each_place_gets_the_gap(rng):
    low, high = plate(0.0, up=True), plate(3.7, up=False, turn=0.3)
    points = np.column_stack([rng.uniform(-9, 9, (50, 2)), np.zeros(50)])
    normals = np.tile([0.0, 0.0, 1.0], (50, 1))
    assert other_sheet_mm([low, high], points, normals) == pytest.approx(3.7, abs=1e-12)
    # through the tissue as well as through the gap
    assert other_sheet_mm([low, high], points, -normals) == pytest.approx(0.0, abs=1e-12)
    blade = plate(-2.2, up=False)
    assert other_sheet_mm([low, blade], points, normals) == pytest.approx(2.2, abs=1e-12)


def test_plates_that_face_the_same_way_are_one_sheet(rng):
    points = np.column_stack([rng.uniform(-9, 9, (5, 2)), np.zeros(5)])
    normals = np.tile([0.0, 0.0, 1.0], (5, 1))
    assert (other_sheet_mm([plate(0.0, up=True), plate(1.0, up=True)], points, normals) == 10).all()


def test_of_two_spheres_the_gap_grows_as_they_bend_away():
    one, other = sphere(12.0), sphere(12.0, (28.0, 0.0, 0.0))
    normals = vertex_normals(one)
    found = other_sheet_mm([one, other], one.vertices_mm, normals)
    arm = one.vertices_mm - np.array([28.0, 0, 0])
    distance = np.linalg.norm(arm, axis=1)
    facing = (np.einsum("nx,nx->n", arm / distance[:, None], normals) < -0.55) & (distance < 21.5)
    assert found.min() == pytest.approx(4.0, abs=0.02)
    assert np.abs(found - (distance - 12))[facing].max() < 0.02


def test_on_a_sphere_alone_it_is_what_is_turned_by_120_degrees():
    ball = sphere(5.0)
    found = other_sheet_mm([ball], ball.vertices_mm, vertex_normals(ball))
    assert found == pytest.approx(5 * np.sqrt(3), abs=0.2)  # to the first face beyond 120 degrees, which are 3 wide
    assert (other_sheet_mm([ball], ball.vertices_mm, vertex_normals(ball), reach_mm=8.0) == 8).all()


def test_it_is_the_nearest_of_all_faces_turned_away_whatever_grid_finds_it(rng):
    vertices = rng.uniform(-6, 6, (60, 3))
    faces = np.array([rng.choice(60, 3, replace=False) for _ in range(150)], np.int32)
    mesh = TriangleMesh(vertices_mm=vertices, faces=faces)
    points, normals = rng.uniform(-14, 14, (40, 3)), rng.normal(size=(40, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    found = other_sheet_mm([mesh], points, normals, reach_mm=9.0)
    facing = vertex_normals(mesh)[faces].sum(axis=1)
    facing /= np.linalg.norm(facing, axis=1, keepdims=True)
    for point, normal, distance in zip(points, normals, found, strict=True):
        others = faces[facing @ normal < -0.5]
        expected = min([nearest(point, vertices[corners]) for corners in others], default=np.inf)
        assert distance == pytest.approx(min(expected, 9.0), abs=1e-6)


def nearest(point, corners):
    """By projection onto the plane and onto each side, for a triangle that is not degenerate."""
    edges = np.column_stack([corners[1] - corners[0], corners[2] - corners[0]])
    share = np.linalg.lstsq(edges, point - corners[0], rcond=None)[0]
    if share.min() >= 0 and share.sum() <= 1:
        return np.linalg.norm(point - corners[0] - edges @ share)
    best = np.inf
    for a, b in ((0, 1), (1, 2), (2, 0)):
        side = corners[b] - corners[a]
        t = np.clip((point - corners[a]) @ side / (side @ side), 0, 1)
        best = min(best, np.linalg.norm(point - corners[a] - t * side))
    return best


def test_surfaces_without_faces_or_area_are_no_sheet():
    vertices = np.zeros((3, 3))
    point, normal = np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]])
    flat = TriangleMesh(vertices_mm=vertices, faces=np.array([[0, 1, 2]], np.int32))
    none = TriangleMesh(vertices_mm=vertices, faces=np.zeros((0, 3), np.int32))
    assert other_sheet_mm([flat, none], point, normal) == pytest.approx([10.0])
