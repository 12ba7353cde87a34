"""How strongly a surface bends at each vertex."""

import numpy as np
from jaxtyping import Float

from gennari.records import TriangleMesh
from gennari.surface.mesh import face_areas_mm2, vertex_normals


def mean_curvature_per_mm(mesh: TriangleMesh) -> Float[np.ndarray, "v"]:
    """Mean curvature (mean of the two principal ones) in 1/mm at the vertices; a sphere of radius R has 1/R.

    Positive where the surface bulges out (gyral crowns), negative in sulci, for faces oriented outward. The cotangent
    Laplacian over mixed Voronoi areas (Meyer et al. 2003, sections 3.3 and 3.5). Vertices of no face, or of faces
    without area, get 0.
    """
    count = len(mesh.vertices_mm)
    points = mesh.vertices_mm[mesh.faces].astype(float)
    areas = face_areas_mm2(mesh)
    opposite = np.roll(points, -2, axis=1) - np.roll(points, -1, axis=1)  # the side that faces each corner
    squared = np.einsum("fcx,fcx->fc", opposite, opposite)
    dot = -np.einsum("fcx,fcx->fc", np.roll(opposite, -1, axis=1), np.roll(opposite, -2, axis=1))
    cotangent = np.divide(dot, 2 * areas[:, None], out=np.zeros_like(dot), where=areas[:, None] > 0)
    voronoi = 0.125 * (squared * cotangent).sum(axis=1, keepdims=True) - 0.125 * squared * cotangent
    obtuse = (dot < 0).any(axis=1)
    share = np.where(obtuse[:, None], areas[:, None] * np.where(dot < 0, 0.5, 0.25), voronoi)
    along = 0.5 * cotangent[:, :, None] * opposite
    pull = np.roll(along, 1, axis=1) - np.roll(along, -1, axis=1)  # each side pulls its two ends together
    corners = mesh.faces.ravel()
    around = np.bincount(corners, share.ravel(), count)
    laplacian = np.column_stack([np.bincount(corners, axis, count) for axis in pull.reshape(-1, 3).T])
    inward = -np.einsum("vx,vx->v", laplacian, vertex_normals(mesh))
    return np.divide(0.5 * inward, around, out=np.zeros(count), where=around > 0)
