from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.records import Hemisphere, TriangleMesh
from gennari.sources.fsaverage import fsaverage5_hemispheres, fsaverage5_sphere
from gennari.sources.surfaces import read_hemispheres, read_spheres
from gennari.surface.correspondence import locator, mirror_residual_mm, right_to_left, to_reference


def mirrored(left: Hemisphere, turn: bool = True) -> Hemisphere:
    """The same hemisphere on the other side, its faces turned round as a mirror turns them (or not)."""
    faces = left.pial.faces[:, [1, 0, 2]] if turn else left.pial.faces

    def other(mesh: TriangleMesh) -> TriangleMesh:
        return TriangleMesh(vertices_mm=mesh.vertices_mm * [-1, 1, 1], faces=faces)

    return Hemisphere(
        side="R", pial=other(left.pial), white=other(left.white), inflated=other(left.inflated),
        medial_wall=left.medial_wall,
    )  # fmt: skip


def places_mm(mesh: TriangleMesh, face: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.einsum("nc,ncx->nx", weights, mesh.vertices_mm[mesh.faces[face]])


@pytest.fixture
def left(shell, rng) -> Hemisphere:
    """A lopsided ball, so that no turn of it is itself."""
    ball = shell(10.0, 8.0, 3)
    bumps = 1 + 0.2 * rng.random((len(ball.pial.vertices_mm), 1))
    meshes = {name: replace(mesh, vertices_mm=mesh.vertices_mm * bumps) for name, mesh in
              (("pial", ball.pial), ("white", ball.white), ("inflated", ball.inflated))}  # fmt: skip
    return replace(ball, **meshes)


def test_a_mirrored_mesh_corresponds_by_vertex(left, rng):
    right = mirrored(left)
    to_left = right_to_left((left, right))
    face, weights = rng.integers(0, 500, 40), rng.dirichlet(np.ones(3), 40)
    found = places_mm(left.pial, *to_left(face, weights))
    assert np.allclose(found, places_mm(right.pial, face, weights) * [-1, 1, 1])
    assert mirror_residual_mm((left, right), to_left) == pytest.approx(0, abs=1e-9)


def test_the_same_faces_not_turned_round_are_no_mirror_and_need_spheres(left, sphere, rng):
    right = mirrored(left, turn=False)
    with pytest.raises(InputError, match=r"put hemi-L_sphere.surf.gii"):
        right_to_left((left, right))
    ball = sphere(100.0, 3)
    to_left = right_to_left((left, right), (ball, replace(ball, vertices_mm=ball.vertices_mm * [-1, 1, 1])))
    face, weights = rng.integers(0, 500, 40), rng.dirichlet(np.ones(3), 40)
    found = places_mm(left.pial, *to_left(face, weights))
    assert np.allclose(found, places_mm(right.pial, face, weights) * [-1, 1, 1], atol=1e-6)


def test_a_sphere_of_another_mesh_is_refused(left, sphere):
    right = mirrored(left, turn=False)
    with pytest.raises(InputError, match="sphere of hemisphere R must have the faces"):
        right_to_left((left, right), (sphere(100.0, 3), sphere(100.0, 2)))


def test_places_on_a_sphere_are_found_again(sphere, rng):
    ball = sphere(3.0, 3)
    turned = replace(ball, faces=np.ascontiguousarray(ball.faces[:, ::-1]))
    face, weights = rng.integers(0, len(ball.faces), 200), rng.dirichlet(np.ones(3), 200)
    for mesh in (ball, turned):
        found, shares = locator(mesh)(places_mm(mesh, face, weights))
        assert np.array_equal(found, face)
        assert np.allclose(shares, weights)
    at_corner = locator(ball)(ball.vertices_mm[:5])
    assert np.allclose(places_mm(ball, *at_corner), ball.vertices_mm[:5])


def test_fsaverages_equal_vertices_are_no_correspondence_but_its_spheres_are():
    """Once mirrored, equal vertices lie 4 cm apart and places of equal direction 1.7 cm."""
    hemispheres = fsaverage5_hemispheres(0)
    assert np.array_equal(hemispheres[0].pial.faces, hemispheres[1].pial.faces)
    with pytest.raises(InputError, match="no mirror images"):
        right_to_left(hemispheres)
    spheres = tuple(
        TriangleMesh(vertices_mm=fsaverage5_sphere(half.side, 0), faces=half.pial.faces) for half in hemispheres
    )
    to_left = right_to_left(hemispheres, (spheres[0], spheres[1]))
    apart = [half.pial.vertices_mm - half.pial.vertices_mm.mean(axis=0) for half in hemispheres]
    middle = np.full((len(hemispheres[1].pial.faces), 3), 1 / 3)
    face, weights = to_left(np.arange(len(middle)), middle)
    there = np.einsum("nc,ncx->nx", weights, apart[0][hemispheres[0].pial.faces[face]])
    here = apart[1][hemispheres[1].pial.faces].mean(axis=1) * [-1, 1, 1]
    assert np.median(np.linalg.norm(apart[0] - apart[1] * [-1, 1, 1], axis=1)) > 35
    assert np.median(np.linalg.norm(there - here, axis=1)) < 20


@pytest.mark.real
def test_bigbrains_meshes_are_mirror_images(real_data: Path):
    hemispheres = read_hemispheres(real_data / "bigbrain", bigbrain=True)
    residual = mirror_residual_mm(hemispheres, right_to_left(hemispheres))
    assert read_spheres(real_data / "bigbrain") is not None
    assert residual < 20


def renumbered(mesh: TriangleMesh, order: np.ndarray) -> TriangleMesh:
    """The same mesh with its vertices in another order."""
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return TriangleMesh(vertices_mm=mesh.vertices_mm[order], faces=place[mesh.faces])


@pytest.fixture
def other(left, rng) -> tuple[Hemisphere, np.ndarray]:
    """The hemisphere of another reconstruction: the same shape, other vertex numbers, twice as large."""
    order = rng.permutation(len(left.pial.vertices_mm))
    meshes = {name: renumbered(getattr(left, name), order) for name in ("pial", "white", "inflated")}
    larger = {name: replace(mesh, vertices_mm=2 * mesh.vertices_mm) for name, mesh in meshes.items()}
    return replace(left, **larger, medial_wall=left.medial_wall[order]), order


def test_brains_of_equal_meshes_correspond_by_vertex(left, rng):
    larger = replace(left, pial=replace(left.pial, vertices_mm=3 * left.pial.vertices_mm))
    face, weights = rng.integers(0, 500, 40), rng.dirichlet(np.ones(3), 40)
    found = to_reference(left, larger)(face, weights)
    np.testing.assert_array_equal(found[0], face)
    np.testing.assert_array_equal(found[1], weights)


def test_brains_of_other_meshes_correspond_through_their_spheres(left, other, sphere, rng):
    ball = sphere(100.0, 3)
    find = to_reference(left, other[0], (ball, renumbered(ball, other[1])))
    face, weights = rng.integers(0, 500, 40), rng.dirichlet(np.ones(3), 40)
    found = places_mm(left.pial, *find(face, weights))
    assert np.allclose(2 * found, places_mm(other[0].pial, face, weights), atol=1e-6)


def test_brains_of_other_meshes_without_spheres_are_refused(left, other):
    with pytest.raises(InputError, match=r"faces that differ and no spheres were given; put hemi-L_sphere.surf.gii"):
        to_reference(left, other[0])


def test_a_sphere_of_other_faces_than_its_brain_is_refused(left, other, sphere):
    ball = sphere(100.0, 3)
    with pytest.raises(InputError, match="must have the faces of its pial surface"):
        to_reference(left, other[0], (ball, ball))


def test_different_sides_of_two_brains_do_not_correspond(left):
    with pytest.raises(ValueError, match="the same side of two brains, got L and R"):
        to_reference(left, mirrored(left))
