"""Values of vertices spread along a surface over a stated length."""

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float

from gennari.records import TriangleMesh
from gennari.surface.mesh import adjacency


def diffused(
    mesh: TriangleMesh, values: Float[np.ndarray, "v k"], length_mm: float, allowed: Bool[np.ndarray, "v"]
) -> Float[np.ndarray, "v k"]:
    """Values of the vertices spread along a surface over `length_mm` (SD along each direction).

    Steps of a weighted Laplacian: each moves a vertex by a share a of the way to the mean of its neighbours, which
    count by 1 / edge². Such a step has a variance of a/2 times the mean square edge along each direction; number of
    steps and share (at most one half) are chosen so that variances add up to length². The mean square is that of the
    whole mesh: where it is coarser, values spread further.

    Args:
        mesh: in mm.
        values: a row a vertex.
        length_mm: 0 changes nothing.
        allowed: vertices that give and take; the others keep their values.
    """
    graph = sp.coo_array(adjacency(mesh))
    inside = allowed[graph.row] & allowed[graph.col]
    row, col, edge_mm = graph.row[inside], graph.col[inside], graph.data[inside]
    if length_mm == 0 or not edge_mm.size:
        return values
    pull = 1 / np.maximum(edge_mm, 1e-3 * edge_mm.mean()) ** 2
    pattern = sp.csr_array((pull, (row, col)), shape=graph.shape)
    total = pattern.sum(axis=1)
    moving = total > 0
    mean = sp.diags_array(np.divide(1, total, out=np.zeros_like(total), where=moving)) @ pattern
    square_mm2 = float((np.bincount(row, minlength=len(total))[moving] / total[moving]).mean())
    steps = int(np.ceil(4 * length_mm**2 / square_mm2))
    share = 2 * length_mm**2 / (steps * square_mm2)
    step = sp.csr_array(sp.diags_array(np.where(moving, 1 - share, 1.0)) + share * mean)
    for _ in range(steps):
        values = step @ values
    return values
