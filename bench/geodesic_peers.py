"""Our geodesics and their peers on one mesh, judged by exact distances (MMP) from the same sources."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import networkx as nx
import numpy as np
import potpourri3d
from scipy.sparse.csgraph import dijkstra

from gennari.records import TriangleMesh
from gennari.surface.exact import exact_from_vertex
from gennari.surface.geodesic import FAR_MM, GeodesicSolver, calibrate
from gennari.surface.mesh import adjacency

SLOW_SOURCES = 3
"""For networkx, whose distances are those of any other Dijkstra."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One method on one mesh.

    Attributes:
        errors: |d - exact| / exact of all places beyond FAR_MM.
        short_mm: |d - exact| of all places within it.
    """

    method: str
    errors: np.ndarray
    short_mm: np.ndarray
    set_up_seconds: float
    seconds_per_source: float
    sources: int


@dataclass(frozen=True, kw_only=True)
class MeshTask:
    """A mesh, and how many sources it is judged from; sources and calibration have seeds of their own."""

    name: str
    mesh: TriangleMesh
    sources: int


def judge_all(task: MeshTask) -> list[Judged]:
    """All methods; about 6 s a source on 163,842 vertices, most of it exact."""
    mesh = task.mesh
    chosen = np.random.default_rng(20).choice(len(mesh.vertices_mm), task.sources, replace=False)
    began = time.perf_counter()
    exact = np.stack([exact_from_vertex(mesh, int(v)) for v in chosen])
    exact_seconds = (time.perf_counter() - began) / len(chosen)
    found = [_judge(name, make, mesh, chosen, exact) for name, make in METHODS.items()]
    nothing = np.zeros(1)
    return [*found, Judged(method="exact MMP", errors=nothing, short_mm=nothing, set_up_seconds=0.0,
                           seconds_per_source=exact_seconds, sources=len(chosen))]  # fmt: skip


def _judge(
    name: str,
    make: Callable[[TriangleMesh], Callable[[int], np.ndarray]],
    mesh: TriangleMesh,
    sources: np.ndarray,
    exact: np.ndarray,
) -> Judged:
    began = time.perf_counter()
    distances_from = make(mesh)
    ready = time.perf_counter()
    used = sources[:SLOW_SOURCES] if name == "networkx" else sources
    found = np.stack([distances_from(int(v)) for v in used])
    ended = time.perf_counter()
    truth = exact[: len(used)]
    far, near = truth > FAR_MM, (truth <= FAR_MM) & (truth > 0)
    return Judged(
        method=name,
        errors=(np.abs(found - truth)[far] / truth[far]).astype(np.float32),
        short_mm=np.abs(found - truth)[near].astype(np.float32),
        set_up_seconds=ready - began,
        seconds_per_source=(ended - ready) / len(used),
        sources=len(used),
    )


def _ours(mesh: TriangleMesh) -> Callable[[int], np.ndarray]:
    solver = GeodesicSolver(mesh, calibrate(mesh, np.random.default_rng(0)))
    solver.from_vertex(0)  # compiled before the clock runs
    return solver.from_vertex


def _uncalibrated(mesh: TriangleMesh) -> Callable[[int], np.ndarray]:
    return GeodesicSolver(mesh).from_vertex


def _heat(mesh: TriangleMesh) -> Callable[[int], np.ndarray]:
    return potpourri3d.MeshHeatMethodDistanceSolver(mesh.vertices_mm.astype(float), mesh.faces).compute_distance


def _edges(mesh: TriangleMesh) -> Callable[[int], np.ndarray]:
    graph = adjacency(mesh)
    return lambda v: np.asarray(dijkstra(graph, indices=v))


def _networkx(mesh: TriangleMesh) -> Callable[[int], np.ndarray]:
    graph = nx.from_scipy_sparse_array(adjacency(mesh))
    return lambda v: _by_vertex(nx.single_source_dijkstra_path_length(graph, v), len(mesh.vertices_mm))


def _by_vertex(lengths: dict[int, float], count: int) -> np.ndarray:
    found = np.full(count, np.nan)
    found[list(lengths)] = list(lengths.values())
    return found


METHODS = {
    "ours": _ours,
    "ours, uncalibrated": _uncalibrated,
    "plain heat": _heat,
    "edge Dijkstra": _edges,
    "networkx": _networkx,
}
