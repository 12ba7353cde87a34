"""Distances of all pairs of a run: calibrated once, solved on all cores, kept source by source."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from gennari.execute import Report, Tick, run_tasks
from gennari.pipeline.journal import Journal
from gennari.records import SIDES, Hemisphere, PairTable, PatchTable, Side
from gennari.sampling.distances import LEFT, LeftPlaces, Solve, solves
from gennari.surface.correspondence import ToLeft
from gennari.surface.exact import ExactSolver
from gennari.surface.geodesic import Calibration, GeodesicSolver, calibrate


class Measured(NamedTuple):
    """Pairs with their distances, and how the hemispheres' distances are calibrated (empty for exact ones)."""

    pairs: PairTable
    calibrations: dict[Side, Calibration]


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """How distances are measured.

    Attributes:
        exact: by the exact method.
        seed: of the calibrations' sources.
        workers: threads for the front, whose kernels run side by side; processes for the exact method and for
            calibrating, since their library holds the interpreter's lock.
    """

    exact: bool = False
    seed: int = 0
    workers: int = 1


def measure_all(
    hemispheres: tuple[Hemisphere, Hemisphere],
    patches: PatchTable,
    first: Int[np.ndarray, "p"],
    second: Int[np.ndarray, "p"],
    how: Measuring,
    journal_folder: Path,
    tick: Report,
    to_left: ToLeft | None = None,
) -> Measured:
    """Distances of pairs; an interrupted call is repeated to go on with the sources that are left.

    Args:
        hemispheres: left and right.
        patches: where the patches lie.
        first: rows of `patches`.
        second: rows of `patches`.
        how: exactly or not, on how many cores.
        journal_folder: where finished sources are kept; the caller removes it (`forget`) once the result is stored.
        tick: hears of each source.
        to_left: where places of the right hemisphere lie on the left one; for pairs that span both.
    """
    journal = Journal(journal_folder, _key(hemispheres, patches, first, second, how))
    calibrations = journal.calibrations()
    if calibrations is None:
        calibrations = {} if how.exact else _calibrations(hemispheres, how, tick)
        journal.begin(calibrations)
    distance = journal.distances(len(first))
    todo = solves(patches, first, second, left_places(patches, to_left) if to_left else None)
    left = [solve for solve in todo if np.isnan(distance[solve.pairs]).any()]
    _solve_all(hemispheres, calibrations, left, how, journal, _after(tick, len(todo) - len(left)))
    table = PairTable(
        first=first.astype(np.int32), second=second.astype(np.int32), distance_mm=journal.distances(len(first))
    )
    return Measured(pairs=table, calibrations=calibrations)


def left_places(patches: PatchTable, to_left: ToLeft) -> LeftPlaces:
    """Where all patches lie on the left hemisphere."""
    face, weights = patches.face.copy(), patches.weights.astype(float)
    right = np.flatnonzero(patches.side != LEFT)
    face[right], weights[right] = to_left(face[right], weights[right])
    return LeftPlaces(face=face, weights=weights)


def _solve_all(
    hemispheres: Sequence[Hemisphere],
    calibrations: dict[Side, Calibration],
    todo: Sequence[Solve],
    how: Measuring,
    journal: Journal,
    tick: Report,
) -> None:
    run = partial(run_tasks, tick=tick, stage="distances", name=_name, keep=_keep(journal))
    if how.exact:
        exact = {side: ExactSolver(mesh=hemisphere.mid) for side, hemisphere in enumerate(hemispheres)}
        run(partial(_run, exact), todo, workers=how.workers)
        return
    needed = {solve.side for solve in todo}  # none where all was finished before
    solvers = {
        side: GeodesicSolver(hemisphere.mid, calibrations[hemisphere.side])
        for side, hemisphere in enumerate(hemispheres)
        if side in needed
    }
    with ThreadPoolExecutor(how.workers) as threads:
        run(partial(_run, solvers), todo, executor=threads)


def _run(solvers: Mapping[int, GeodesicSolver | ExactSolver], solve: Solve) -> Float[np.ndarray, "k"]:
    return solve.run(solvers[solve.side].distances)


def _keep(journal: Journal) -> Callable[[Solve, np.ndarray], None]:
    return lambda solve, distance_mm: journal.add(solve.pairs, distance_mm)


def _name(solve: Solve) -> str:
    return f"hemisphere {SIDES[solve.side]}, {len(solve.pairs)} pairs"


def _after(tick: Report, finished: int) -> Report:
    """Ticks that count what was finished before."""
    return lambda t: tick(t._replace(done=t.done + finished, total=t.total + finished))


def _calibrations(hemispheres: tuple[Hemisphere, Hemisphere], how: Measuring, tick: Report) -> dict[Side, Calibration]:
    tick(Tick("calibration", 0, len(hemispheres), "exact distances from two places each"))
    workers = min(how.workers, len(hemispheres))
    done = run_tasks(
        partial(_calibrated, how.seed), hemispheres, workers=workers, tick=tick, stage="calibration", name=_side
    )
    return {hemisphere.side: calibration for hemisphere, calibration in zip(hemispheres, done, strict=True)}


def _calibrated(seed: int, hemisphere: Hemisphere) -> Calibration:
    return calibrate(hemisphere.mid, np.random.default_rng([seed, SIDES.index(hemisphere.side)]))


def _side(hemisphere: Hemisphere) -> str:
    return f"hemisphere {hemisphere.side}"


def _key(
    hemispheres: Sequence[Hemisphere], patches: PatchTable, first: np.ndarray, second: np.ndarray, how: Measuring
) -> str:
    """A hash of all that decides the distances."""
    digest = hashlib.sha256(f"{how.exact} {how.seed}".encode())
    arrays = [first, second, patches.side, patches.face, patches.weights]
    for array in [*arrays, *(array for h in hemispheres for array in (h.mid.vertices_mm, h.mid.faces))]:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
