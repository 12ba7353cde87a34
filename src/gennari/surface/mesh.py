"""What a triangle mesh knows of itself: normals, areas, edges, pieces, and values inside its faces."""

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int, Int32
from scipy.sparse.csgraph import connected_components

from gennari.errors import InputError
from gennari.records import TriangleMesh

MAX_MEDIAN_THICKNESS_MM = 10.0
"""No human cortex comes near it; vertices in another order give several centimetres."""


def vertex_normals(mesh: TriangleMesh) -> Float[np.ndarray, "v 3"]:
    """Unit normals at the vertices (frame of the mesh), the area-weighted mean over the faces around each.

    A vertex of no face, or whose faces cancel, gets (0, 0, 0).
    """
    crosses = _crosses(mesh)
    corners = mesh.faces.T.ravel()
    count = len(mesh.vertices_mm)
    normals = np.column_stack([np.bincount(corners, np.tile(axis, 3), count) for axis in crosses.T])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.divide(normals, lengths, out=np.zeros_like(normals), where=lengths > 0)


def face_areas_mm2(mesh: TriangleMesh) -> Float[np.ndarray, "f"]:
    """Area of each face in mm²."""
    return 0.5 * np.linalg.norm(_crosses(mesh), axis=1)


def edges(mesh: TriangleMesh) -> Int32[np.ndarray, "e 2"]:
    """Each edge once, lower vertex first, sorted by lower then higher vertex."""
    unique, _ = _edges_of_faces(mesh)
    return unique


def edge_lengths_mm(mesh: TriangleMesh) -> Float[np.ndarray, "e"]:
    """Length of each of `edges(mesh)`."""
    first, second = edges(mesh).T
    return np.linalg.norm(mesh.vertices_mm[first] - mesh.vertices_mm[second], axis=1).astype(float)


def adjacency(mesh: TriangleMesh) -> sp.csr_array:
    """Symmetric (v, v) matrix that holds the length in mm of each edge.

    Edges of length zero are kept as stored zeros, so that the pattern is the mesh's even where vertices coincide.
    """
    first, second = edges(mesh).T
    lengths = edge_lengths_mm(mesh)
    count = len(mesh.vertices_mm)
    rows, columns = np.concatenate([first, second]), np.concatenate([second, first])
    return sp.csr_array((np.concatenate([lengths, lengths]), (rows, columns)), shape=(count, count))


def pieces(mesh: TriangleMesh) -> Int32[np.ndarray, "v"]:
    """Which connected piece each vertex belongs to, counted from 0; a vertex of no face is a piece by itself."""
    return _pieces_among(mesh, np.ones(len(mesh.vertices_mm), bool))


def subdivide(mesh: TriangleMesh) -> tuple[TriangleMesh, Int32[np.ndarray, "e 2"]]:
    """Split each face into four at the middles of its edges.

    Returns:
        The finer mesh, whose first v vertices are the old ones, and for each new vertex k the two parents
        `parents[k - v]`, so that data of a vertex can be averaged: `np.concatenate([x, x[parents].mean(axis=1)])`.
    """
    parents, edge_of_side = _edges_of_faces(mesh)
    count = len(mesh.vertices_mm)
    middles = mesh.vertices_mm[parents].mean(axis=1, dtype=float)
    a, b, c = mesh.faces.T
    ab, bc, ca = edge_of_side + np.int32(count)
    faces = np.stack([(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]).transpose(2, 0, 1).reshape(-1, 3)
    vertices = np.concatenate([mesh.vertices_mm.astype(float), middles])
    return TriangleMesh(vertices_mm=vertices, faces=np.ascontiguousarray(faces, np.int32)), parents


def interpolate(
    values: Float[np.ndarray, "v *k"],
    faces: Int32[np.ndarray, "f 3"],
    face: Int[np.ndarray, "n"],
    weights: Float[np.ndarray, "n 3"],
) -> Float[np.ndarray, "n *k"]:
    """Values of the vertices at places inside faces (linear in each face).

    Args:
        values: one value or row a vertex.
        faces: of the mesh.
        face: in which face each place lies.
        weights: its barycentric weights there.
    """
    return np.einsum("nc,nc...->n...", weights, values[faces[face]])


def check_pair(pial: TriangleMesh, white: TriangleMesh) -> None:
    """Refuse a pial and a white surface whose vertices cannot correspond.

    Raises:
        InputError: the faces differ, or the surfaces stand absurdly far apart (vertices in another order).
    """
    if pial.faces.shape != white.faces.shape or not np.array_equal(pial.faces, white.faces):
        raise InputError(
            "pial and white surface must have the same faces in the same order, got "
            f"{len(pial.faces)} and {len(white.faces)} faces that differ; take both from one reconstruction"
        )
    if len(pial.vertices_mm) != len(white.vertices_mm):
        raise InputError(
            "pial and white surface must have one vertex for each other, got "
            f"{len(pial.vertices_mm)} and {len(white.vertices_mm)}; take both from one reconstruction"
        )
    median = float(np.median(np.linalg.norm(pial.vertices_mm - white.vertices_mm, axis=1)))
    if median > MAX_MEDIAN_THICKNESS_MM:
        raise InputError(
            f"pial and white vertices must correspond (median distance <= {MAX_MEDIAN_THICKNESS_MM:g} mm), got "
            f"{median:.1f} mm; are the two from different sides, or is one in another order or unit?"
        )


def proper_faces(mesh: TriangleMesh) -> Int32[np.ndarray, "g 3"]:
    """The faces with three different vertices."""
    a, b, c = mesh.faces.T
    return mesh.faces[(a != b) & (b != c) & (c != a)]


def check_manifold(mesh: TriangleMesh) -> None:
    """Refuse a mesh in which more than two faces share an edge; faces that name a vertex twice do not count.

    Raises:
        InputError: names the first such edge.
    """
    unique, edge_of_side = _edges_of_faces(TriangleMesh(vertices_mm=mesh.vertices_mm, faces=proper_faces(mesh)))
    shared = np.bincount(edge_of_side.ravel(), minlength=len(unique))
    if shared.size and shared.max() > 2:
        first, second = unique[shared.argmax()]
        raise InputError(
            f"an edge of a surface must have at most two faces, but the one between vertices {first} and {second} has "
            f"{shared.max()}; repair the mesh (remove the faces that are there twice or stick out)"
        )


def check_reachable(mesh: TriangleMesh, piece: Int[np.ndarray, "v"], face: int, to_face: Int[np.ndarray, "n"]) -> None:
    """Refuse places that no path along the surface joins.

    Args:
        mesh: the surface.
        piece: of its vertices, from `pieces`.
        face: where paths begin.
        to_face: where they end.

    Raises:
        InputError: one of these faces lies on another piece.
    """
    apart = np.flatnonzero(piece[mesh.faces[to_face, 0]] != piece[mesh.faces[face, 0]])
    if apart.size:
        raise InputError(
            "distances exist only within one connected piece of a surface, but no path leads from face "
            f"{face} to face {to_face[apart[0]]}; take both from one hemisphere, or repair the mesh"
        )


def medial_wall(pial: TriangleMesh, white: TriangleMesh, thickness_mm: float = 0.1) -> Bool[np.ndarray, "v"]:
    """Vertices where pial and white coincide, which is how reconstructions close the medial wall.

    Only the largest connected piece is kept: other thin spots are thin cortex. All False where no vertex is that thin.

    Args:
        pial: outer surface.
        white: inner surface over the same faces.
        thickness_mm: nearer than this counts as coinciding.
    """
    thin = np.linalg.norm(pial.vertices_mm - white.vertices_mm, axis=1) < thickness_mm
    return largest_piece(pial, thin)


def largest_piece(mesh: TriangleMesh, chosen: Bool[np.ndarray, "v"]) -> Bool[np.ndarray, "v"]:
    """The largest connected piece (by vertices) of those chosen; all False if none is."""
    if not chosen.any():
        return np.zeros(len(chosen), bool)
    label = _pieces_among(mesh, chosen)
    return chosen & (label == np.bincount(label[chosen]).argmax())


def _crosses(mesh: TriangleMesh) -> Float[np.ndarray, "f 3"]:
    """Cross product of two sides of each face: its normal, twice its area long."""
    a, b, c = (mesh.vertices_mm[corner].astype(float) for corner in mesh.faces.T)
    return np.cross(b - a, c - a)


def _edges_of_faces(mesh: TriangleMesh) -> tuple[Int32[np.ndarray, "e 2"], Int32[np.ndarray, "3 f"]]:
    """The unique edges, and for the sides (ab, bc, ca) of each face which edge it is."""
    start = mesh.faces.T.astype(np.int64)
    end = np.roll(start, -1, axis=0)
    count = max(len(mesh.vertices_mm), 1)
    keys, inverse = np.unique(np.minimum(start, end) * count + np.maximum(start, end), return_inverse=True)
    unique = np.column_stack([keys // count, keys % count]).astype(np.int32)
    return unique, inverse.reshape(start.shape).astype(np.int32)


def _pieces_among(mesh: TriangleMesh, chosen: Bool[np.ndarray, "v"]) -> Int32[np.ndarray, "v"]:
    """Connected pieces of the graph of edges between chosen vertices."""
    kept = edges(mesh)
    kept = kept[chosen[kept].all(axis=1)]
    count = len(mesh.vertices_mm)
    graph = sp.coo_array((np.ones(len(kept), np.int8), (kept[:, 0], kept[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int32)
