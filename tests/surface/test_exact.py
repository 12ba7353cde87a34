import numpy as np
import pytest

from gennari.errors import InputError
from gennari.records import TriangleMesh
from gennari.surface.exact import ExactSolver, exact_from_point, exact_from_vertex


def sheet(side: int) -> TriangleMesh:
    rows, cols = np.mgrid[:side, :side]
    corner = (rows * side + cols)[:-1, :-1].ravel()
    faces = np.concatenate(
        [
            np.column_stack([corner, corner + side, corner + 1]),
            np.column_stack([corner + 1, corner + side, corner + side + 1]),
        ]
    )
    points = np.column_stack([rows.ravel(), cols.ravel(), np.zeros(side**2)]).astype(float)
    return TriangleMesh(vertices_mm=points, faces=faces.astype(np.int32))


@pytest.mark.parametrize("weights", [(0.2, 0.3, 0.5), (0.5, 0.5, 0.0), (0.0, 1.0, 0.0)])
def test_distances_from_a_place_inside_a_face_are_exact(weights):
    flat = sheet(9)
    source = np.array(weights) @ flat.vertices_mm[flat.faces[20]]
    straight = np.linalg.norm(flat.vertices_mm - source, axis=1)
    assert np.allclose(exact_from_point(flat, 20, np.array(weights)), straight, atol=1e-5)


def test_distances_round_the_corner_of_a_box_are_unfolded():
    corners = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0], [2, 2, 0], [0, 0, -2], [2, 0, -2]], float)
    roof = np.array([[0, 1, 3], [0, 3, 2], [0, 4, 5], [0, 5, 1]], np.int32)
    box = TriangleMesh(vertices_mm=corners, faces=roof)
    assert exact_from_vertex(box, 3)[4] == pytest.approx(np.hypot(4, 2))


def test_places_are_reached_exactly_on_a_flat_sheet_and_within_one_face(rng):
    flat = sheet(9)
    solver = ExactSolver(mesh=flat)
    face, weights = rng.integers(0, len(flat.faces), 30), rng.dirichlet(np.ones(3), 30)
    places = np.einsum("nc,ncx->nx", weights, flat.vertices_mm[flat.faces[face]])
    found = solver.distances(int(face[0]), weights[0], face, weights)
    assert np.allclose(found, np.linalg.norm(places - places[0], axis=1), atol=1e-5)
    assert found[0] == 0


def test_another_piece_is_refused_and_a_vertex_without_a_face_too():
    flat = sheet(3)
    apart = TriangleMesh(
        vertices_mm=np.concatenate([flat.vertices_mm, flat.vertices_mm + 9, [[5, 5, 5]]]),
        faces=np.concatenate([flat.faces, flat.faces + np.int32(9)]),
    )
    third = np.full(3, 1 / 3)
    with pytest.raises(InputError, match="no path leads from face 0 to face 9"):
        ExactSolver(mesh=apart).distances(0, third, np.array([9]), third[None])
    with pytest.raises(InputError, match="vertex 18 has none"):
        exact_from_vertex(apart, 18)
