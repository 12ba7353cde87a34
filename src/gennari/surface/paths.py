"""One shortest path along a surface, for drawing: where it crosses each edge."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.optimize import minimize
from scipy.sparse.csgraph import dijkstra

from gennari.records import TriangleMesh
from gennari.surface.mesh import adjacency, pieces

CORRIDOR = 1.12
"""Looked at are vertices on paths along edges at most this much longer than the shortest: edges zigzag as much."""
POINTS = (3, 9)
"""On each edge, where paths may cross it: first in the corridor, then in the faces around the path found there."""


@dataclass(frozen=True, kw_only=True)
class SurfacePath:
    """A path over a mesh, by the edges it crosses: the same numbers draw it on every surface with these faces.

    Attributes:
        ends: (n, 2) the two vertices of each edge; twice the same where the path begins and ends.
        share: how far along the edge, 0 at the first vertex.
    """

    ends: Int[np.ndarray, "n 2"]
    share: Float[np.ndarray, "n"]

    def on(self, mesh: TriangleMesh) -> Float[np.ndarray, "n 3"]:
        """Its points on a mesh."""
        first, second = mesh.vertices_mm[self.ends[:, 0]], mesh.vertices_mm[self.ends[:, 1]]
        return first + self.share[:, None] * (second - first)


def geodesic_path(mesh: TriangleMesh, first: int, last: int) -> SurfacePath:
    """A geodesic between two vertices: the best path over points on the edges, then pulled straight.

    Pulling keeps the faces it runs through, over which length is convex in where each edge is crossed. It is for
    drawing: within a thousandth of the shortest on smooth surfaces, while distances come from surface/geodesic.py.

    Args:
        mesh: the surface.
        first: vertex it starts from.
        last: vertex it ends at.

    Raises:
        ValueError: the vertices lie on different pieces of the surface.
    """
    piece = pieces(mesh)
    if piece[first] != piece[last]:
        raise ValueError(f"a path must lie on one piece of surface; vertices {first} and {last} do not")
    ends = np.array([[first, first], [last, last]])
    share = np.zeros(2)
    if first != last and not _share_a_face(mesh, first, last):
        crossed, at = _over_points(mesh, _corridor(mesh, first, last), first, last, POINTS[0])
        around = mesh.faces[np.isin(mesh.faces, crossed).any(axis=1)]
        crossed, at = _over_points(mesh, around, first, last, POINTS[1])
        ends, share = np.concatenate([ends[:1], crossed, ends[1:]]), np.concatenate([[0.0], at, [0.0]])
    return SurfacePath(ends=ends, share=_pulled(mesh, ends, share))


def _share_a_face(mesh: TriangleMesh, first: int, last: int) -> bool:
    return bool(((mesh.faces == first).any(axis=1) & (mesh.faces == last).any(axis=1)).any())


def _corridor(mesh: TriangleMesh, first: int, last: int) -> np.ndarray:
    """The faces near the shortest path along edges, among which the straight one is."""
    from_first, from_last = dijkstra(adjacency(mesh), indices=[first, last])
    near = from_first + from_last <= CORRIDOR * from_first[last]
    return mesh.faces[near[mesh.faces].any(axis=1)]


def _over_points(
    mesh: TriangleMesh, faces: np.ndarray, first: int, last: int, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The edges that the best path over `count` points on each edge crosses, and where (Dijkstra)."""
    sides = np.sort(faces[:, [[1, 2], [2, 0], [0, 1]]], axis=2)  # side k faces corner k
    edges, side = np.unique(sides.reshape(-1, 2), axis=0, return_inverse=True)
    side = side.reshape(-1, 3)
    at = (np.arange(count) + 0.5) / count
    a, b = (mesh.vertices_mm[edges[:, k]].astype(float)[:, None] for k in (0, 1))
    points = np.concatenate([(a + at[:, None] * (b - a)).reshape(-1, 3), mesh.vertices_mm[[first, last]]])
    begin, end = len(points) - 2, len(points) - 1
    arcs = [_between(side[:, i], side[:, j], count) for i, j in ((0, 1), (1, 2), (2, 0))]
    for vertex, node in ((first, begin), (last, end)):
        face, corner = np.nonzero(faces == vertex)
        opposite = (side[face, corner][:, None] * count + np.arange(count)).ravel()
        arcs.append(np.stack([np.full(len(opposite), node), opposite]))
    low, high = np.sort(np.concatenate(arcs, axis=1), axis=0)
    one, other = np.divmod(np.unique(low * len(points) + high), len(points))  # a face may be there twice
    length = np.linalg.norm(points[one] - points[other], axis=1)
    graph = sp.coo_array((length, (one, other)), shape=(len(points), len(points))).tocsr()
    _, before = dijkstra(graph, directed=False, indices=begin, return_predecessors=True)
    path, node = [], int(before[end])
    while node != begin:
        path.append(node)
        node = int(before[node])
    nodes = np.array(path[::-1])
    return edges[nodes // count], at[nodes % count]


def _between(one: np.ndarray, other: np.ndarray, count: int) -> np.ndarray:
    """Arcs from each point of one edge to each of another, as two rows of nodes."""
    k, m = (index.ravel() for index in np.meshgrid(np.arange(count), np.arange(count)))
    return np.stack([(one[:, None] * count + k).ravel(), (other[:, None] * count + m).ravel()])


def _pulled(mesh: TriangleMesh, ends: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Where the shortest path through the same edges crosses them."""
    if len(share) < 3:
        return share
    origin, along = mesh.vertices_mm[ends[:, 0]].astype(float), np.diff(mesh.vertices_mm[ends], axis=1)[:, 0]

    def length(inner: np.ndarray) -> tuple[float, np.ndarray]:
        points = origin.copy()
        points[1:-1] += inner[:, None] * along[1:-1]
        step = np.diff(points, axis=0)
        size = np.maximum(np.linalg.norm(step, axis=1), 1e-12)
        unit = step / size[:, None]
        return float(size.sum()), ((unit[:-1] - unit[1:]) * along[1:-1]).sum(axis=1)

    found = minimize(
        length, share[1:-1], jac=True, method="L-BFGS-B", bounds=[(0, 1)] * (len(share) - 2), options={"maxiter": 2000}
    )
    return np.concatenate([share[:1], found.x, share[-1:]])
