"""Shortest distances along a surface: the heat method, calibrated on a few exact ones, straight lines near by.

Measured against exact distances (MMP) beyond 5 mm, on sources other than the two used for calibration: mean relative
error 1.0 % (99th percentile 3.3-3.8 %) on BigBrain's mid surface (163,842 vertices) and 1.0-1.2 % (3.2-4.2 %) on
fsaverage5's, subdivided once (40,962); below 5 mm the mean error is 0.03-0.05 mm. The raw heat method is off by 3.3 %
and 2.3 % there, and one constant factor leaves 1.1 % and 1.2-1.4 %, and 0.2 mm below 5 mm: the heat method comes out
short near the source and long far from it, by about 1 % each time the distance doubles, hence a power law.
`calibrate` states the error on the mesh at hand.
"""

from dataclasses import dataclass

import numpy as np
import potpourri3d
from jaxtyping import Float, Int, Int32
from pygeodesic import geodesic as mmp

from gennari.errors import InputError
from gennari.records import TriangleMesh
from gennari.surface.mesh import edge_lengths_mm, interpolate, pieces

PIVOT_MM = 10.0
FAR_MM = 5.0
"""Relative errors are stated beyond it, absolute ones below."""
NEAR_EDGES = 1.4
"""Nearer than this many median edges the surface is taken as flat (best of those tried on both brains)."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How heat distances h become distances: `factor * h * (h / 10 mm) ** exponent`; and how well that does.

    Attributes:
        factor: at 10 mm.
        exponent: about -0.015: the heat method's overestimate grows with the distance.
        mean_relative_error: mean |d - exact| / exact beyond 5 mm, each source judged by a fit on the others.
        p99_relative_error: 99th percentile of the same.
        near_error_mm: mean |d - exact| within 5 mm.
        sources: how many exact sources it rests on.
    """

    factor: float = 1.0
    exponent: float = 0.0
    mean_relative_error: float = float("nan")
    p99_relative_error: float = float("nan")
    near_error_mm: float = float("nan")
    sources: int = 0

    def apply(self, heat_mm: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """Distances in mm of heat distances in mm."""
        return self.factor * heat_mm * (np.maximum(heat_mm, 1e-6) / PIVOT_MM) ** self.exponent


class GeodesicSolver:
    """Distances in mm along a mesh from one place to all others; factorised once, then quick for each source.

    The solver holds compiled matrices and cannot be pickled: each process makes its own. It keeps no results.

    Args:
        mesh: in BRAIN_MM, usually a hemisphere's mid surface.
        calibration: of the same mesh, from `calibrate`; None leaves the heat method as it is (about 3 % long).
    """

    def __init__(self, mesh: TriangleMesh, calibration: Calibration | None = None) -> None:
        self.mesh = mesh
        self.calibration = calibration or Calibration()
        self.near_mm = NEAR_EDGES * float(np.median(edge_lengths_mm(mesh)))
        self._points = mesh.vertices_mm.astype(float)
        self._piece = pieces(mesh)
        self._solvers: dict[int, tuple[potpourri3d.MeshHeatMethodDistanceSolver, np.ndarray]] = {}
        for piece in np.unique(self._piece[mesh.faces]):
            points, faces, kept = _one_piece(mesh, self._piece, int(piece))
            self._solvers[int(piece)] = potpourri3d.MeshHeatMethodDistanceSolver(points, faces), kept

    def from_vertex(self, v: int) -> Float[np.ndarray, "v"]:
        """Distances from one vertex to all; NaN where the mesh's other pieces cannot be reached.

        Raises:
            InputError: the vertex belongs to no face.
        """
        return self._settle(self.heat_from_vertex(v), self._points[v], self._points)

    def from_point(self, face: int, weights: Float[np.ndarray, "3"]) -> Float[np.ndarray, "v"]:
        """Distances from a place inside a face to all vertices; NaN where they cannot be reached.

        The mean of its corners' distances by its weights (one solve for each corner that has weight), and the straight
        line near by, where that mean cannot be right.
        """
        source = np.asarray(weights, float) @ self._points[self.mesh.faces[face]]
        return self._settle(self._heat_from(face, weights), source, self._points)

    def distances(
        self,
        face: int,
        weights: Float[np.ndarray, "3"],
        to_face: Int[np.ndarray, "n"],
        to_weights: Float[np.ndarray, "n 3"],
    ) -> Float[np.ndarray, "n"]:
        """Distances from a place inside a face to others inside faces.

        Raises:
            InputError: a target lies on another piece of the mesh.
        """
        faces = self.mesh.faces
        apart = np.flatnonzero(self._piece[faces[to_face, 0]] != self._piece[faces[face, 0]])
        if apart.size:
            raise InputError(
                "distances exist only within one connected piece of a surface, but no path leads from face "
                f"{face} to face {to_face[apart[0]]}; take both from one hemisphere, or repair the mesh"
            )
        source = np.asarray(weights, float) @ self._points[faces[face]]
        heat = interpolate(self._heat_from(face, weights), faces, to_face, to_weights)
        return self._settle(heat, source, interpolate(self._points, faces, to_face, to_weights))

    def heat_from_vertex(self, v: int) -> Float[np.ndarray, "v"]:
        """Heat distances in mm from a vertex as the method gives them, before calibration; NaN where unreachable.

        Raises:
            InputError: the vertex belongs to no face.
        """
        piece = int(self._piece[v])
        if piece not in self._solvers:
            raise InputError(f"a source of distances must belong to a face, vertex {v} has none; repair the mesh")
        solver, kept = self._solvers[piece]
        heat = np.full(len(self._points), np.nan)
        heat[kept] = solver.compute_distance(int(np.searchsorted(kept, v)))
        return heat

    def _heat_from(self, face: int, weights: Float[np.ndarray, "3"]) -> Float[np.ndarray, "v"]:
        """Heat distances from a place inside a face."""
        corners = zip(self.mesh.faces[face], np.asarray(weights, float), strict=True)
        return np.sum([weight * self.heat_from_vertex(int(v)) for v, weight in corners if weight > 0], axis=0)

    def _settle(
        self, heat_mm: Float[np.ndarray, "n"], source_mm: Float[np.ndarray, "3"], points_mm: Float[np.ndarray, "n 3"]
    ) -> Float[np.ndarray, "n"]:
        """Calibrate; go over to the straight line from twice `near_mm` down to `near_mm`; never below that line."""
        along = self.calibration.apply(heat_mm)
        straight = np.linalg.norm(points_mm - source_mm, axis=1)
        share = np.clip(along / self.near_mm - 1, 0, 1)
        return np.maximum(straight, share * along + (1 - share) * straight)


def exact_from_vertex(mesh: TriangleMesh, vertex: int) -> Float[np.ndarray, "v"]:
    """Exact polyhedral distances in mm from a vertex (Mitchell, Mount and Papadimitriou 1987); NaN where unreachable.

    Slow: 1 s on 41k vertices, 4-8 s on 164k.
    """
    labels = pieces(mesh)
    points, faces, kept = _one_piece(mesh, labels, int(labels[vertex]))
    source = np.searchsorted(kept, [vertex]).astype(np.int32)
    distances = np.full(len(labels), np.nan)
    distances[kept], _ = mmp.PyGeodesicAlgorithmExact(points, faces).geodesicDistances(source, None)
    return distances


def calibrate(mesh: TriangleMesh, rng: np.random.Generator, sources: int = 2) -> Calibration:
    """Fit the heat method to exact distances from a few random vertices, and state the error that is left.

    Args:
        mesh: the one that distances will be asked on; factors do not carry over to another.
        rng: chooses the sources, on the mesh's largest piece.
        sources: at least 2, since each is judged by a fit on the others.

    Raises:
        ValueError: fewer than 2 sources.
    """
    if sources < 2:
        raise ValueError(f"a calibration needs at least 2 sources (one to judge the other by), got {sources}")
    labels = pieces(mesh)
    largest = np.flatnonzero(labels == np.bincount(labels).argmax())
    chosen = rng.choice(largest, sources, replace=False)
    solver = GeodesicSolver(mesh)
    exact = np.array([exact_from_vertex(mesh, int(v))[largest] for v in chosen])
    heat = np.array([solver.heat_from_vertex(int(v))[largest] for v in chosen])
    errors = []
    for judged, v in enumerate(chosen):
        others = np.arange(sources) != judged
        solver.calibration = _fit(heat[others], exact[others])
        errors.append(solver.from_vertex(int(v))[largest] - exact[judged])
    error, far = np.abs(errors), exact > FAR_MM
    relative = error[far] / exact[far]
    near = error[(exact > 0) & ~far]
    fitted = _fit(heat, exact)
    return Calibration(
        factor=fitted.factor,
        exponent=fitted.exponent,
        mean_relative_error=float(relative.mean()) if relative.size else float("nan"),
        p99_relative_error=float(np.percentile(relative, 99)) if relative.size else float("nan"),
        near_error_mm=float(near.mean()) if near.size else float("nan"),
        sources=sources,
    )


def _one_piece(
    mesh: TriangleMesh, labels: Int[np.ndarray, "v"], piece: int
) -> tuple[Float[np.ndarray, "p 3"], Int32[np.ndarray, "g 3"], Int[np.ndarray, "p"]]:
    """Points and faces of one connected piece, and which vertices of the mesh these are: libraries want it alone."""
    kept = np.flatnonzero(labels == piece)
    faces = np.searchsorted(kept, mesh.faces[labels[mesh.faces[:, 0]] == piece]).astype(np.int32)
    return mesh.vertices_mm[kept].astype(float), faces, kept


def _fit(heat_mm: Float[np.ndarray, "s v"], exact_mm: Float[np.ndarray, "s v"]) -> Calibration:
    """Least squares of log(exact / heat) against log(heat): relative errors count alike at every distance."""
    usable = (exact_mm > 0) & (heat_mm > 0)
    heat, exact = heat_mm[usable], exact_mm[usable]
    if len(heat) < 2:
        return Calibration()
    exponent, offset = np.polyfit(np.log(heat / PIVOT_MM), np.log(exact / heat), 1)
    return Calibration(factor=float(np.exp(offset)), exponent=float(exponent))
