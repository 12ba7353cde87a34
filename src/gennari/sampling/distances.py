"""How far apart paired patches are along the cortex: one solve for each source."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Int32

from gennari.execute import Report, Tick
from gennari.records import SIDES, PairTable, PatchTable
from gennari.sampling.pairs import by_source

DistancesFrom = Callable[[int, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(face, weights (3,), to_face (n,), to_weights (n, 3)) to (n,) mm: `GeodesicSolver.distances` of a hemisphere."""
LEFT = SIDES.index("L")


@dataclass(frozen=True, kw_only=True)
class LeftPlaces:
    """Where each row of a PatchTable lies on the left hemisphere; patches of the left one where they lie."""

    face: Int32[np.ndarray, "n"]
    weights: Float[np.ndarray, "n 3"]


@dataclass(frozen=True, kw_only=True)
class Solve:
    """One run of a solver: from one place to those of all pairs that are measured from it.

    Attributes:
        side: the hemisphere it runs on.
        pairs: which pairs the targets belong to.
    """

    side: int
    face: int
    weights: Float[np.ndarray, "3"]
    to_face: Int32[np.ndarray, "k"]
    to_weights: Float[np.ndarray, "k 3"]
    pairs: Int[np.ndarray, "k"]

    def run(self, distances_from: DistancesFrom) -> Float[np.ndarray, "k"]:
        """Distances in mm of its pairs, by a solver of its hemisphere."""
        return distances_from(self.face, self.weights, self.to_face, self.to_weights)


def solves(
    patches: PatchTable,
    first: Int[np.ndarray, "p"],
    second: Int[np.ndarray, "p"],
    left: LeftPlaces | None = None,
) -> list[Solve]:
    """What has to be solved for the distances of pairs.

    The source of a pair is the patch with more pairs (the lower row on a tie), so a pair has one distance whichever
    way round it is written. A pair that spans the hemispheres is measured on the left one.

    Args:
        patches: where the patches lie.
        first: rows of `patches`.
        second: rows of `patches`.
        left: needed only for pairs that span the hemispheres.

    Raises:
        ValueError: a pair spans the hemispheres and nothing says where the right one lies on the left one.
    """
    crossing = patches.side[first] != patches.side[second]
    if crossing.any() and left is None:
        raise ValueError(
            f"both patches of a pair must lie in one hemisphere; pair {np.flatnonzero(crossing)[0]} spans the two"
        )
    source, target = by_source(first, second, len(patches))
    on = np.where(crossing, LEFT, patches.side[source])
    found = []
    order = np.lexsort((on, source))
    changes = np.flatnonzero(np.diff(source[order]) | np.diff(on[order])) + 1
    for pairs in np.split(order, changes) if len(order) else []:
        row, side, to = int(source[pairs[0]]), int(on[pairs[0]]), target[pairs]
        # on the left one, places of the left are their own, so one table serves pairs that cross and pairs that do not
        places = left if left is not None and side == LEFT else patches
        found.append(
            Solve(
                side=side,
                face=int(places.face[row]),
                weights=np.asarray(places.weights[row], float),
                to_face=places.face[to],
                to_weights=np.asarray(places.weights[to], float),
                pairs=pairs,
            )
        )
    return found


def measure_pairs(
    patches: PatchTable,
    first: Int[np.ndarray, "p"],
    second: Int[np.ndarray, "p"],
    distances_from: tuple[DistancesFrom, DistancesFrom],
    tick: Report | None = None,
    left: LeftPlaces | None = None,
) -> PairTable:
    """Geodesic distance of each pair, solve by solve in this thread (`pipeline/distances.py` does it in many).

    Args:
        patches: where the patches lie.
        first: rows of `patches`.
        second: rows of `patches`.
        distances_from: the solvers of the left and the right hemisphere.
        tick: hears of each solve.
        left: as `solves` takes it.

    Raises:
        ValueError: as `solves`.
    """
    todo = solves(patches, first, second, left)
    distance = np.empty(len(first))
    for done, solve in enumerate(todo, start=1):
        distance[solve.pairs] = solve.run(distances_from[solve.side])
        if tick is not None:
            tick(Tick("distances", done, len(todo)))
    return PairTable(first=first.astype(np.int32), second=second.astype(np.int32), distance_mm=distance)
