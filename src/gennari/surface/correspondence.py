"""Which place of the left hemisphere a place of the right one corresponds to, and which of another brain's."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int, Int32
from scipy.spatial import KDTree

from gennari.errors import InputError
from gennari.records import Hemisphere, TriangleMesh

ToLeft = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(face (n,), weights (n, 3)) on the right hemisphere to the same on the left one."""
ToReference = ToLeft
"""The same from one brain to another, side by side."""
MIRROR = np.array([-1.0, 1.0, 1.0])
NEAR_FACES = 32
"""So many faces around a direction are tried before the best of them is taken, edges or not."""


def right_to_left(
    hemispheres: tuple[Hemisphere, Hemisphere], spheres: tuple[TriangleMesh, TriangleMesh] | None = None
) -> ToLeft:
    """How places of the right hemisphere are found on the left one.

    By vertex, where the right mesh is the left one mirrored: the same faces in the same order, turned round, as a
    mirror turns them (CIVET's meshes are such, and with them BigBrain's). Faces that are the same and *not* turned
    round are none: fsaverage's two hemispheres share their sphere, so that equal vertices lie 4 cm apart once mirrored.
    Otherwise by the registration spheres, the right one mirrored in x.

    Args:
        hemispheres: left and right.
        spheres: of the same two, vertex for vertex, any radius.

    Raises:
        InputError: neither is possible.
    """
    left, right = (hemisphere.pial.faces for hemisphere in hemispheres)
    if left.shape == right.shape and np.array_equal(_lowest_first(left), _lowest_first(right[:, ::-1])):
        return lambda face, weights: _by_vertex(left, right, face, weights)
    if spheres is None:
        raise InputError(
            "places of the right hemisphere are found on the left one by vertex (the right mesh being the left one "
            "mirrored) or by registration spheres, but these meshes are no mirror images and no spheres were given; "
            "put hemi-L_sphere.surf.gii and hemi-R_sphere.surf.gii beside the surfaces"
        )
    for sphere, hemisphere in zip(spheres, hemispheres, strict=True):
        _check_sphere(sphere, hemisphere)
    mirrored = _unit(spheres[1].vertices_mm * MIRROR)
    find = locator(spheres[0])
    return lambda face, weights: find(np.einsum("nc,ncx->nx", weights, mirrored[right[face]]))


def to_reference(
    reference: Hemisphere, other: Hemisphere, spheres: tuple[TriangleMesh, TriangleMesh] | None = None
) -> ToReference:
    """How places of one brain's hemisphere are found on the same side of another brain.

    By vertex, where the two have the same faces (one template fitted to both brains, as CIVET's meshes are, or a
    phantom's individuals on one geometry). Otherwise by the registration spheres, which must be registered to one
    template.

    Args:
        reference: where places are looked for.
        other: where they are known.
        spheres: of these two, vertex for vertex, any radius.

    Raises:
        InputError: neither is possible.
        ValueError: the two are different sides.
    """
    if reference.side != other.side:
        raise ValueError(f"places correspond on the same side of two brains, got {reference.side} and {other.side}")
    faces = other.pial.faces
    if np.array_equal(reference.pial.faces, faces):
        return lambda face, weights: (np.asarray(face, np.int32), weights)
    if spheres is None:
        raise InputError(
            f"places of one brain are found on another by vertex (of equal meshes) or by registration spheres, but "
            f"hemispheres {other.side} have {len(faces)} and {len(reference.pial.faces)} faces that differ and no "
            f"spheres were given; put hemi-{other.side}_sphere.surf.gii beside the surfaces of both brains"
        )
    for sphere, hemisphere in zip(spheres, (reference, other), strict=True):
        _check_sphere(sphere, hemisphere)
    points, find = _unit(spheres[1].vertices_mm), locator(spheres[0])
    return lambda face, weights: find(np.einsum("nc,ncx->nx", weights, points[faces[face]]))


def locator(sphere: TriangleMesh) -> Callable[[Float[np.ndarray, "n 3"]], tuple[np.ndarray, np.ndarray]]:
    """A function that finds the face of a sphere and the weights in it through which directions from its centre pass.

    Args:
        sphere: around the origin.
    """
    points = _unit(sphere.vertices_mm.astype(float))
    corners = points[sphere.faces]
    tree = KDTree(_unit(corners.mean(axis=1)))

    def find(direction: Float[np.ndarray, "n 3"]) -> tuple[Int32[np.ndarray, "n"], Float[np.ndarray, "n 3"]]:
        near = tree.query(_unit(direction), k=min(NEAR_FACES, len(corners)))[1].reshape(len(direction), -1)
        best = np.full(len(direction), -np.inf)
        face, weights = np.zeros(len(direction), np.int32), np.zeros((len(direction), 3))
        for candidate in near.T:
            a, b, c = corners[candidate].transpose(1, 0, 2)
            shares = np.stack(
                [np.einsum("nx,nx->n", direction, np.cross(*sides)) for sides in ((b, c), (c, a), (a, b))], axis=1
            )
            total = np.abs(shares).sum(axis=1, keepdims=True)
            shares = np.divide(shares * _turn(a, b, c)[:, None], total, out=np.full_like(shares, -1.0), where=total > 0)
            better = shares.min(axis=1) > best
            best[better] = shares.min(axis=1)[better]
            face[better], weights[better] = candidate[better], shares[better]
        weights = np.clip(weights, 0, None)
        return face, weights / weights.sum(axis=1, keepdims=True)

    return find


def mirror_residual_mm(hemispheres: tuple[Hemisphere, Hemisphere], to_left: ToLeft) -> float:
    """Root mean square distance, over the right's faces, of mirrored inflated positions from those of the left.

    It says how alike the two halves are made by the mirroring: what a network that sees no side cannot know.
    """
    right = hemispheres[1].pial.faces
    middle = np.full((len(right), 3), 1 / 3)
    face, weights = to_left(np.arange(len(right)), middle)
    here = hemispheres[1].mirrored_inflated_mm[right].mean(axis=1)
    corners = hemispheres[0].pial.faces[face]
    there = np.einsum("nc,ncx->nx", weights, hemispheres[0].mirrored_inflated_mm[corners])
    return float(np.sqrt(((here - there) ** 2).sum(axis=1).mean()))


def _check_sphere(sphere: TriangleMesh, hemisphere: Hemisphere) -> None:
    if not np.array_equal(sphere.faces, hemisphere.pial.faces):
        raise InputError(
            f"the registration sphere of hemisphere {hemisphere.side} must have the faces of its pial surface, but "
            "they differ; take it from the same reconstruction"
        )


def _by_vertex(
    left: Int32[np.ndarray, "f 3"],
    right: Int32[np.ndarray, "f 3"],
    face: Int[np.ndarray, "n"],
    weights: Float[np.ndarray, "n 3"],
) -> tuple[Int32[np.ndarray, "n"], Float[np.ndarray, "n 3"]]:
    """The same face, each weight to the corner that names the same vertex."""
    same = left[face][:, :, None] == right[face][:, None, :]
    return np.asarray(face, np.int32), np.einsum("nij,nj->ni", same, weights)


def _lowest_first(faces: Int[np.ndarray, "f 3"]) -> Int[np.ndarray, "f 3"]:
    """Each face begun at its lowest vertex, in its own direction."""
    first = faces.argmin(axis=1)[:, None]
    return np.take_along_axis(faces, (first + np.arange(3)) % 3, axis=1)


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """+1 for faces whose corners turn one way round as seen from outside, -1 for the other."""
    return np.sign(np.einsum("nx,nx->n", a, np.cross(b, c)))


def _unit(vectors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
