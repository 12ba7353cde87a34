"""Near pairs of a run's patches: drawn and measured once, and kept."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from gennari.execute import Report, run_tasks, usable_cores
from gennari.pipeline.stages import Run
from gennari.records import PairTable, PatchTable
from gennari.sampling.near import draw_near, near_among
from gennari.sources.tables import read_pairs, write_pairs
from gennari.surface.geodesic import GeodesicSolver
from gennari.train.settings import PretrainSettings

NEAR = "near"
"""Folder of near pairs in a run."""
PAIRS_A_TASK = 20_000
_NEAR = 13
"""Randomness has a purpose: it goes into the seed."""


def near_pairs(run: Run, patches: PatchTable, radius_mm: float, tick: Report) -> PairTable:
    """A partner within a radius along the cortex for each training patch that has one (`draw_near`).

    Distances are those of the front without calibration, whose error is below 0.01 mm at some millimetres. Kept in the
    run's folder by radius and patches, so that a repeated call reads what was drawn.

    Args:
        run: whose brains the patches lie in, and whose seed draws.
        patches: of one brain or several, of which those of the training split are paired.
        radius_mm: along the cortex.
        tick: hears of the measuring.
    """
    path = _path(run, patches, radius_mm)
    if not path.exists():
        write_pairs(path, _drawn(run, patches, radius_mm, tick))
    return read_pairs(path)


def near_of(
    run: Run, patches: PatchTable, train: PairTable, settings: PretrainSettings, tick: Report
) -> PairTable | None:
    """Near pairs among the patches of `train`, as `near_pairs` draws them; None where settings ask for no contrast."""
    if settings.contrast is None:
        return None
    return near_among(near_pairs(run, patches, settings.contrast.radius_mm, tick), train)


def _drawn(run: Run, patches: PatchTable, radius_mm: float, tick: Report) -> PairTable:
    rows = np.flatnonzero(patches.split == "train")
    rng = np.random.default_rng([run.experiment.seed, _NEAR])
    tables = [(np.zeros(0, int), np.zeros(0, int), np.zeros(0))]
    for brain in sorted(set(patches.brain[rows].tolist())):
        own = rows[patches.brain[rows] == brain]
        of_brain = patches.take(own)
        solvers = {
            side: GeodesicSolver(hemisphere.mid)
            for side, hemisphere in enumerate(run.dataset.brain(brain).hemispheres())
            if (of_brain.side == side).any()
        }
        along = partial(_along, of_brain, solvers, radius_mm, tick)
        found = draw_near(of_brain, _places_mm(of_brain, solvers), radius_mm, along, rng)
        tables.append((own[found.first], own[found.second], found.distance_mm))
    first, second, distance_mm = (np.concatenate(columns) for columns in zip(*tables, strict=True))
    return PairTable(first=first.astype(np.int32), second=second.astype(np.int32), distance_mm=distance_mm)


def _places_mm(patches: PatchTable, solvers: dict[int, GeodesicSolver]) -> Float[np.ndarray, "n 3"]:
    """Where patches lie on the mid surface, which is where they are measured."""
    out = np.zeros((len(patches), 3))
    for side, solver in solvers.items():
        own = patches.side == side
        corners = solver.mesh.vertices_mm[solver.mesh.faces[patches.face[own]]]
        out[own] = np.einsum("nc,ncx->nx", patches.weights[own].astype(float), corners)
    return out


def _along(
    patches: PatchTable,
    solvers: dict[int, GeodesicSolver],
    radius_mm: float,
    tick: Report,
    first: Int[np.ndarray, "n"],
    second: Int[np.ndarray, "n"],
) -> Float[np.ndarray, "n"]:
    """Distances of pairs within a hemisphere, in pieces on all cores (the fronts let go of the interpreter's lock)."""
    out = np.full(len(first), np.nan)

    def measure(rows: np.ndarray) -> np.ndarray:
        a, b = first[rows], second[rows]
        places = patches.face[a], patches.weights[a].astype(float), patches.face[b], patches.weights[b].astype(float)
        return solvers[int(patches.side[a[0]])].near_distances(*places, limit_mm=radius_mm)

    def keep(rows: np.ndarray, distance_mm: np.ndarray) -> None:
        out[rows] = distance_mm

    tasks = []
    for side in solvers:
        own = np.flatnonzero(patches.side[first] == side)
        tasks += np.array_split(own, -(-len(own) // PAIRS_A_TASK)) if len(own) else []
    with ThreadPoolExecutor(usable_cores()) as threads:
        run_tasks(
            measure, tasks, executor=threads, tick=tick, stage="near pairs", name=lambda rows: f"{len(rows)} pairs",
            keep=keep,
        )  # fmt: skip
    return out


def _path(run: Run, patches: PatchTable, radius_mm: float) -> Path:
    digest = hashlib.sha256(repr((radius_mm, run.experiment.seed, sorted(set(patches.brain.tolist())))).encode())
    for array in (patches.section, patches.side, patches.face, patches.weights, patches.split == "train"):
        digest.update(np.ascontiguousarray(array).tobytes())
    return run.path(NEAR, f"{radius_mm:g}mm-{digest.hexdigest()[:16]}.parquet")
