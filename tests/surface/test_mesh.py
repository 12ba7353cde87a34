import numpy as np
import pytest

from gennari.errors import InputError
from gennari.records import TriangleMesh
from gennari.surface import mesh as m


def square() -> TriangleMesh:
    corners = np.array([[0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0]], float)
    return TriangleMesh(vertices_mm=corners, faces=np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def with_stray_vertices(mesh: TriangleMesh, count: int) -> TriangleMesh:
    return TriangleMesh(vertices_mm=np.concatenate([mesh.vertices_mm, np.zeros((count, 3))]), faces=mesh.faces)


def test_normals_of_a_sphere_point_outward_along_the_radius(sphere):
    ball = sphere(7.0, 4)
    assert np.allclose(m.vertex_normals(ball), ball.vertices_mm / 7.0, atol=1e-2)


def test_normals_weight_faces_by_area_and_are_zero_without_a_face():
    corners = np.array([[0, 0, 0], [4, 0, 0], [0, 1, 0], [0, 0, 1], [9, 9, 9]], float)
    bent = TriangleMesh(vertices_mm=corners, faces=np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    normals = m.vertex_normals(bent)
    assert np.allclose(normals[0], np.array([1, 0, 4]) / np.sqrt(17))
    assert np.array_equal(normals[4], np.zeros(3))


def test_areas_of_a_square_and_a_sphere(sphere):
    assert np.allclose(m.face_areas_mm2(square()), [2, 2])
    assert m.face_areas_mm2(sphere(3.0, 5)).sum() == pytest.approx(4 * np.pi * 9, rel=2e-3)


def test_edges_come_once_sorted_with_their_lengths():
    assert m.edges(square()).tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [2, 3]]
    assert np.allclose(m.edge_lengths_mm(square()), [2, 8**0.5, 2, 2, 2])


def test_adjacency_is_symmetric_and_keeps_edges_of_length_zero():
    flat = TriangleMesh(vertices_mm=square().vertices_mm * [1, 0, 0], faces=square().faces)
    graph = m.adjacency(flat)
    assert graph.nnz == 10
    assert (graph != graph.T).nnz == 0
    assert m.adjacency(square())[0, 2] == pytest.approx(8**0.5)


def test_subdividing_puts_new_vertices_between_their_parents(rng):
    ball = TriangleMesh(vertices_mm=rng.normal(size=(4, 3)), faces=square().faces)
    fine, parents = m.subdivide(ball)
    old = len(ball.vertices_mm)
    assert fine.faces.shape == (8, 3)
    assert np.array_equal(fine.vertices_mm[:old], ball.vertices_mm)
    assert np.allclose(fine.vertices_mm[old:], ball.vertices_mm[parents].mean(axis=1))
    assert np.allclose(m.face_areas_mm2(fine).reshape(2, 4), m.face_areas_mm2(ball)[:, None] / 4)


def test_subdividing_keeps_a_closed_mesh_closed_and_oriented(sphere):
    fine, _ = m.subdivide(sphere(1.0, 1))
    sides = np.concatenate([fine.faces[:, [0, 1]], fine.faces[:, [1, 2]], fine.faces[:, [2, 0]]])
    assert len(np.unique(sides, axis=0)) == len(sides) == 2 * len(m.edges(fine))


@pytest.mark.parametrize("shape", [(4,), (4, 5)])
def test_interpolation_is_linear_in_the_face(rng, shape):
    values, weights = rng.normal(size=shape), rng.dirichlet(np.ones(3), 6)
    face = rng.integers(0, 2, 6)
    expected = [sum(w * values[v] for w, v in zip(weights[i], square().faces[face[i]], strict=True)) for i in range(6)]
    assert np.allclose(m.interpolate(values, square().faces, face, weights), expected)


def test_pieces_of_two_separate_spheres_and_a_stray_vertex(sphere):
    ball = sphere(1.0, 1)
    count = len(ball.vertices_mm)
    both = TriangleMesh(
        vertices_mm=np.concatenate([ball.vertices_mm, ball.vertices_mm + 9]),
        faces=np.concatenate([ball.faces, ball.faces + np.int32(count)]),
    )
    assert m.pieces(with_stray_vertices(both, 1)).tolist() == [0] * count + [1] * count + [2]


def test_medial_wall_is_the_largest_piece_where_the_surfaces_coincide(sphere):
    white = sphere(10.0, 3)
    cap, spot = white.vertices_mm[:, 0] < -7, white.vertices_mm[:, 0] > 9.5
    assert cap.sum() > spot.sum() > 0
    factor = np.where(cap | spot, 1.0, 1.25)[:, None]
    pial = TriangleMesh(vertices_mm=white.vertices_mm * factor, faces=white.faces)
    assert np.array_equal(m.medial_wall(pial, white), cap)
    assert m.medial_wall(pial, white, thickness_mm=99.0).all()
    assert not m.medial_wall(sphere(12.0, 3), white).any()


def test_a_pair_that_corresponds_passes(sphere):
    m.check_pair(sphere(12.0, 2), sphere(10.0, 2))


def test_a_pair_with_other_faces_is_refused(sphere):
    with pytest.raises(InputError, match="same faces"):
        m.check_pair(sphere(12.0, 2), sphere(10.0, 1))


def test_a_pair_with_another_count_of_vertices_is_refused(sphere):
    with pytest.raises(InputError, match="one vertex for each other"):
        m.check_pair(sphere(12.0, 2), with_stray_vertices(sphere(10.0, 2), 1))


def test_a_pair_with_shuffled_vertices_is_refused(sphere, rng):
    white = sphere(60.0, 2)
    shuffled = TriangleMesh(vertices_mm=rng.permutation(white.vertices_mm), faces=white.faces)
    with pytest.raises(InputError, match="another order"):
        m.check_pair(sphere(62.0, 2), shuffled)
