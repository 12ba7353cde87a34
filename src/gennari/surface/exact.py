"""Exact shortest distances along a surface (Mitchell, Mount and Papadimitriou 1987): seconds a source, no error."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Int32
from pygeodesic import geodesic as mmp

from gennari.errors import InputError
from gennari.records import TriangleMesh
from gennari.surface.mesh import check_manifold, check_reachable, pieces, proper_faces
from gennari.surface.wavefront import at_places

INSIDE = 1e-6
"""A source inside a face becomes a vertex; nearer to a side than this share of the face it is moved so far in."""


def exact_from_vertex(mesh: TriangleMesh, vertex: int) -> Float[np.ndarray, "v"]:
    """Exact polyhedral distances in mm from a vertex; NaN where unreachable. Slow: 1 s on 41k vertices, 4-8 s on 164k.

    Raises:
        InputError: the vertex belongs to no face, or an edge of the mesh has more than two faces.
    """
    return _from_vertex(mesh, pieces(mesh), vertex)


def exact_from_point(mesh: TriangleMesh, face: int, weights: Float[np.ndarray, "3"]) -> Float[np.ndarray, "v"]:
    """Exact distances in mm from a place inside a face, made a vertex for the purpose; NaN where unreachable.

    Raises:
        InputError: as `exact_from_vertex`.
    """
    weights = np.asarray(weights, float)
    corners = mesh.faces[face]
    if weights.max() >= 1:
        return exact_from_vertex(mesh, int(corners[weights.argmax()]))
    inside = np.maximum(weights, INSIDE)
    count = len(mesh.vertices_mm)
    point = inside / inside.sum() @ mesh.vertices_mm[corners].astype(float)
    around = [(corners[0], corners[1], count), (corners[1], corners[2], count), (corners[2], corners[0], count)]
    finer = TriangleMesh(
        vertices_mm=np.concatenate([mesh.vertices_mm.astype(float), point[None]]),
        faces=np.concatenate([np.delete(mesh.faces, face, axis=0), np.array(around, np.int32)]),
    )
    return exact_from_vertex(finer, count)[:count]


@dataclass(frozen=True, kw_only=True)
class ExactSolver:
    """Exact distances between places, with the face of `GeodesicSolver`; picklable.

    Targets are reached from their face's corners, exactly unless the front bends inside that face.
    """

    mesh: TriangleMesh

    def distances(
        self,
        face: int,
        weights: Float[np.ndarray, "3"],
        to_face: Int[np.ndarray, "n"],
        to_weights: Float[np.ndarray, "n 3"],
    ) -> Float[np.ndarray, "n"]:
        """Distances in mm from a place inside a face to others inside faces.

        Raises:
            InputError: a target lies on another piece of the mesh; or as `exact_from_vertex`.
        """
        faces, points = self.mesh.faces, self.mesh.vertices_mm
        check_reachable(self.mesh, pieces(self.mesh), face, to_face)
        found = at_places(exact_from_point(self.mesh, face, weights), points, faces[to_face], to_weights)
        straight = np.linalg.norm((to_weights - np.asarray(weights, float)) @ points[faces[face]], axis=1)
        return np.where(np.asarray(to_face) == face, straight, found)


def _from_vertex(mesh: TriangleMesh, labels: Int[np.ndarray, "v"], vertex: int) -> Float[np.ndarray, "v"]:
    check_manifold(mesh)
    points, faces, kept = _one_piece(mesh, labels, int(labels[vertex]))
    if not len(faces):
        raise InputError(f"a source of distances must belong to a face, vertex {vertex} has none; repair the mesh")
    source = np.searchsorted(kept, [vertex]).astype(np.int32)
    distances = np.full(len(labels), np.nan)
    distances[kept], _ = mmp.PyGeodesicAlgorithmExact(points, faces).geodesicDistances(source, None)
    return distances


def _one_piece(
    mesh: TriangleMesh, labels: Int[np.ndarray, "v"], piece: int
) -> tuple[Float[np.ndarray, "p 3"], Int32[np.ndarray, "g 3"], Int[np.ndarray, "p"]]:
    """Points and faces of one connected piece, and which vertices of the mesh these are: the library wants it alone."""
    proper = proper_faces(mesh)
    kept = np.flatnonzero(labels == piece)
    faces = np.searchsorted(kept, proper[labels[proper[:, 0]] == piece]).astype(np.int32)
    return mesh.vertices_mm[kept].astype(float), faces, kept
