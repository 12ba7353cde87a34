"""Shortest distances along a surface: a front over straightened triangles, calibrated on a few exact sources.

Measured against exact distances (MMP) on BigBrain's mid surfaces (163,842 vertices), 20 sources each that calibration
did not see: mean relative error beyond 5 mm 0.25 % (99th percentile 0.9 %), mean error below 0.01 mm, 0.1 s a source
and a second to set up. The heat method beside it leaves 1.0 % (3.5 %) after a calibration of its own, at 0.25 s a
source inside a face and 600 MB a hemisphere (docs/results.md). Without straightening the triangles first the front
would be 2-3 % long with a spread to match.

The front comes out long, the more the farther it ran: by 1 % at 60 mm, hardly at all near the source. `calibrate`
takes that out and states the error on the mesh at hand.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from gennari.errors import InputError
from gennari.records import TriangleMesh
from gennari.surface.delaunay import intrinsic_delaunay
from gennari.surface.exact import exact_from_vertex
from gennari.surface.mesh import check_reachable, pieces, proper_faces
from gennari.surface.wavefront import at_places, by_vertex, run_front, run_short_fronts

FAR_MM = 5.0
"""Relative errors are stated beyond it, absolute ones below."""
AROUND_SIDES = 3.0
"""A place inside a face first spreads this many of the face's longest side over the faces as they are."""
REACHES_MM = (10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
"""Tried by the fit."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How a front's distances h become distances: h / (1 + excess * h / (h + reach)); and how well that does.

    Attributes:
        excess: by how much the front is too long far away.
        reach_mm: where half of that has come up.
        mean_relative_error: mean |d - exact| / exact beyond 5 mm, each source judged by a fit on the others.
        p99_relative_error: 99th percentile of the same.
        near_error_mm: mean |d - exact| within 5 mm.
        sources: how many exact sources it rests on.
    """

    excess: float = 0.0
    reach_mm: float = 1.0
    mean_relative_error: float = float("nan")
    p99_relative_error: float = float("nan")
    near_error_mm: float = float("nan")
    sources: int = 0

    def apply(self, front_mm: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """Distances in mm of a front's distances in mm."""
        return front_mm / (1 + self.excess * front_mm / (front_mm + self.reach_mm))


class GeodesicSolver:
    """Distances in mm along a mesh from one place to all others; set up in half a second, 0.1 s for each source.

    It holds arrays only and keeps no results: threads may share it (the kernels let go of the interpreter's lock).
    Edges of more than two faces and faces without area do no harm.

    Args:
        mesh: in BRAIN_MM, usually a hemisphere's mid surface.
        calibration: of the same mesh, from `calibrate`; None leaves the front as it is (about 1 % long).
    """

    def __init__(self, mesh: TriangleMesh, calibration: Calibration | None = None) -> None:
        self.mesh = mesh
        self.calibration = calibration or Calibration()
        self._points = mesh.vertices_mm.astype(float)
        self._piece = pieces(mesh)
        faces = proper_faces(mesh)
        sides = np.linalg.norm(self._points[faces] - self._points[np.roll(faces, -1, axis=1)], axis=2)
        self._as_it_is = by_vertex(faces, sides, len(self._points))
        self._straightened = by_vertex(*intrinsic_delaunay(mesh), len(self._points))

    def from_vertex(self, v: int) -> Float[np.ndarray, "v"]:
        """Distances from one vertex to all; NaN where the mesh's other pieces cannot be reached.

        Raises:
            InputError: the vertex belongs to no face.
        """
        return self._settle(self.front_from_vertex(v), self._points[v], self._points)

    def from_vertices(self, vertices: Int[np.ndarray, "n"]) -> Float[np.ndarray, "v"]:
        """Distances from a set of vertices to all; NaN where they cannot be reached.

        Neighbours in the set stand for the edge between them too, so beside it distances run to the edge, not to its
        ends. Where fronts of vertices far apart meet, they may be 2 % short.
        """
        return self.calibration.apply(_or_nan(run_front(self._straightened, vertices, np.zeros(len(vertices)))))

    def from_point(self, face: int, weights: Float[np.ndarray, "3"]) -> Float[np.ndarray, "v"]:
        """Distances from a place inside a face to all vertices; NaN where they cannot be reached."""
        source = np.asarray(weights, float) @ self._points[self.mesh.faces[face]]
        return self._settle(self._front_from(face, source), source, self._points)

    def distances(
        self,
        face: int,
        weights: Float[np.ndarray, "3"],
        to_face: Int[np.ndarray, "n"],
        to_weights: Float[np.ndarray, "n 3"],
        limit_mm: float = np.inf,
    ) -> Float[np.ndarray, "n"]:
        """Distances from a place inside a face to others inside faces.

        Args:
            face: where paths begin.
            weights: in it.
            to_face: where they end.
            to_weights: in these.
            limit_mm: how far the front runs, which is what takes time. It must exceed the distances of interest by
                the longest side of a face; beyond it answers are NaN or too long.

        Raises:
            InputError: a target lies on another piece of the mesh.
        """
        check_reachable(self.mesh, self._piece, face, to_face)
        corners = self.mesh.faces[to_face]
        source = np.asarray(weights, float) @ self._points[self.mesh.faces[face]]
        places = np.einsum("nc,ncx->nx", to_weights, self._points[corners])
        front = _or_nan(at_places(self._front_from(face, source, limit_mm), self._points, corners, to_weights))
        straight = np.linalg.norm(places - source, axis=1)
        return self._settle(np.where(np.asarray(to_face) == face, straight, front), source, places)

    def near_distances(
        self,
        face: Int[np.ndarray, "n"],
        weights: Float[np.ndarray, "n 3"],
        to_face: Int[np.ndarray, "n"],
        to_weights: Float[np.ndarray, "n 3"],
        limit_mm: float,
    ) -> Float[np.ndarray, "n"]:
        """Distances of many pairs of places that lie close to each other, as `distances` has them; NaN beyond.

        Tens of microseconds a source of some mm. Neighbouring rows that begin at one place share a front.

        Args:
            face: where paths begin.
            weights: in it.
            to_face: where they end.
            to_weights: in these.
            limit_mm: of the distances of interest; fronts run farther by a face's longest side. Beyond it answers are
                NaN or too long.
        """
        if not len(face):
            return np.zeros(0)
        begins = np.concatenate([[True], (np.diff(face) != 0) | (np.diff(weights, axis=0) != 0).any(axis=1)])
        first = np.append(np.flatnonzero(begins), len(face))
        corners, to_corners = self.mesh.faces[face], self.mesh.faces[to_face]
        source = np.einsum("nc,ncx->nx", weights, self._points[corners])
        place = np.einsum("nc,ncx->nx", to_weights, self._points[to_corners])
        at = self._points[corners[begins]]
        spokes = np.linalg.norm(at - source[begins, None], axis=2)
        around = AROUND_SIDES * np.linalg.norm(at - np.roll(at, 1, axis=1), axis=2).max(axis=1)
        ends = self._points[to_corners]
        longest = np.linalg.norm(ends - np.roll(ends, 1, axis=1), axis=2).max()
        front = run_short_fronts(
            self._as_it_is, self._straightened, self._points, (corners[begins], spokes, around), first,
            (to_corners, np.asarray(to_weights, float)), limit_mm + float(longest),
        )  # fmt: skip
        straight = np.linalg.norm(place - source, axis=1)
        return self._settle(np.where(np.asarray(to_face) == face, straight, _or_nan(front)), source, place)

    def front_from_vertex(self, v: int) -> Float[np.ndarray, "v"]:
        """Distances in mm from a vertex as the front gives them, before calibration; NaN where unreachable.

        Raises:
            InputError: the vertex belongs to no face.
        """
        if self._as_it_is.start[v] == self._as_it_is.start[v + 1]:
            raise InputError(f"a source of distances must belong to a face, vertex {v} has none; repair the mesh")
        return _or_nan(run_front(self._straightened, np.array([v]), np.zeros(1)))

    def _front_from(
        self, face: int, source_mm: Float[np.ndarray, "3"], limit_mm: float = np.inf
    ) -> Float[np.ndarray, "v"]:
        """The same from a place inside a face.

        Straightened triangles may cross the face's sides, so the front starts on the faces as they are.
        """
        corners = self.mesh.faces[face]
        spokes = np.linalg.norm(self._points[corners] - source_mm, axis=1)
        longest = np.linalg.norm(self._points[corners] - self._points[np.roll(corners, 1)], axis=1).max()
        around = run_front(self._as_it_is, corners, spokes, AROUND_SIDES * longest)
        seeds = np.flatnonzero(np.isfinite(around))
        return _or_nan(run_front(self._straightened, seeds, around[seeds], limit_mm))

    def _settle(
        self, front_mm: Float[np.ndarray, "n"], source_mm: Float[np.ndarray, "..."], points_mm: Float[np.ndarray, "n 3"]
    ) -> Float[np.ndarray, "n"]:
        """Calibrate; no distance is shorter than the straight line."""
        return np.maximum(np.linalg.norm(points_mm - source_mm, axis=1), self.calibration.apply(front_mm))


def calibrate(mesh: TriangleMesh, rng: np.random.Generator, sources: int = 2) -> Calibration:
    """Fit the front to exact distances from a few random vertices, and state the error that is left.

    Args:
        mesh: the one that distances will be asked on; a calibration does not carry over to another.
        rng: chooses the sources, on the mesh's largest piece.
        sources: at least 2, since each is judged by a fit on the others.

    Raises:
        ValueError: fewer than 2 sources.
        InputError: an edge of the mesh has more than two faces, which the exact method does not take.
    """
    if sources < 2:
        raise ValueError(f"a calibration needs at least 2 sources (one to judge the other by), got {sources}")
    labels = pieces(mesh)
    largest = np.flatnonzero(labels == np.bincount(labels).argmax())
    chosen = rng.choice(largest, sources, replace=False)
    solver = GeodesicSolver(mesh)
    exact = np.array([exact_from_vertex(mesh, int(v))[largest] for v in chosen])
    front = np.array([solver.front_from_vertex(int(v))[largest] for v in chosen])
    errors = []
    for judged, v in enumerate(chosen):
        others = np.arange(sources) != judged
        solver.calibration = _fit(front[others], exact[others])
        errors.append(solver.from_vertex(int(v))[largest] - exact[judged])
    error, far = np.abs(errors), exact > FAR_MM
    relative = error[far] / exact[far]
    near = error[(exact > 0) & ~far]
    fitted = _fit(front, exact)
    return Calibration(
        excess=fitted.excess,
        reach_mm=fitted.reach_mm,
        mean_relative_error=float(relative.mean()) if relative.size else float("nan"),
        p99_relative_error=float(np.percentile(relative, 99)) if relative.size else float("nan"),
        near_error_mm=float(near.mean()) if near.size else float("nan"),
        sources=sources,
    )


def _fit(front_mm: Float[np.ndarray, "s v"], exact_mm: Float[np.ndarray, "s v"]) -> Calibration:
    """Least squares of front / exact - 1: relative errors count alike at every distance."""
    usable = (exact_mm > 0) & (front_mm > 0)
    front, over = front_mm[usable], front_mm[usable] / exact_mm[usable] - 1
    best, least = Calibration(), float((over**2).sum())
    for reach_mm in REACHES_MM:
        share = front / (front + reach_mm)
        excess = float((share * over).sum() / max((share**2).sum(), 1e-12))
        left = float(((over - excess * share) ** 2).sum())
        if left < least:
            best, least = Calibration(excess=excess, reach_mm=reach_mm), left
    return best


def _or_nan(front_mm: Float[np.ndarray, "v"]) -> Float[np.ndarray, "v"]:
    return np.where(np.isfinite(front_mm), front_mm, np.nan)
