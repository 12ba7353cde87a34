"""How far regions of a surface lie from each other."""

import numpy as np
from jaxtyping import Float, Int

from gennari.surface.geodesic import GeodesicSolver
from gennari.surface.mesh import edges


def region_distances_mm(solver: GeodesicSolver, region: Int[np.ndarray, "v"], count: int) -> Float[np.ndarray, "r r"]:
    """Length of the shortest way along the surface from each region to each other, from edge to vertex.

    Regions that an edge of the mesh joins touch: their distance is 0, as is that of a region to itself. NaN for a
    region without vertices and where no way leads from one to the other.

    Args:
        solver: of the mesh.
        region: of each vertex, 0..count-1; others (-1) belong to none.
        count: how many regions there are.
    """
    distance = np.full((count, count), np.nan)
    members = [np.flatnonzero(region == r) for r in range(count)]
    for r, from_here in enumerate(members):
        if not from_here.size:
            continue
        front = solver.from_vertices(from_here)
        for other, there in enumerate(members):
            reached = front[there][~np.isnan(front[there])]
            if reached.size:
                distance[r, other] = reached.min()
    joined = region[edges(solver.mesh)]
    joined = joined[((joined >= 0) & (joined < count)).all(axis=1)]
    distance[joined[:, 0], joined[:, 1]] = distance[joined[:, 1], joined[:, 0]] = 0.0
    # a front from one side and one from the other differ by a little
    return np.fmin(distance, distance.T)
