"""The paper's table from finished cells: one record a row, with paired intervals and the printed numbers beside."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from gennari.metrics.overlap import dice_per_class
from gennari.metrics.resampling import mean_known, pooled_dice
from gennari.pipeline.cells import CellResult
from gennari.pipeline.companions import Companions, companions
from gennari.pipeline.estimates import (
    Draws,
    Estimate,
    dice_draws,
    estimate,
    fall,
    make_draws,
    paired,
    section_draws,
    summed_up,
)
from gennari.pipeline.rows import BASELINE, CONTROLS, FULL, ROWS, SEEDLESS, label
from gennari.pipeline.stacks import Gathered, Stack, gather
from gennari.pipeline.table import GOOD_DICE, RowResult, Table


def make_table(
    cells: Sequence[CellResult],
    rng: np.random.Generator,
    seeds: Sequence[int] | None = None,
    rows: Collection[str] = tuple(ROWS),
) -> Table:
    """The table of what is finished so far.

    Args:
        cells: of one split and geometry, in any order.
        rng: draws brains, sections within brains and seeds; the same draws for all rows.
        seeds: that were planned; None takes those that occur.
        rows: of the paper's that were planned; they have their line even before they are finished.

    Raises:
        InputError: as `gather`.
    """
    gathered = gather(cells, seeds)
    draws = make_draws(gathered, rng)
    areas = range(gathered.first_area, len(gathered.classes))
    of_rows = {
        name: (dice_draws(stack, draws, areas), section_draws(stack.err_seg, draws))
        for name, stack in gathered.stacks.items()
        if stack.seeds
    }
    shown = [name for name in ROWS if name in rows or name in gathered.stacks]
    return Table(
        rows=tuple(_row(name, gathered, of_rows, draws) for name in shown),
        controls=tuple(_row(name, gathered, of_rows, draws) for name in CONTROLS if name in gathered.stacks),
        gathered=gathered,
    )


_OfRows = Mapping[str, tuple[Float[np.ndarray, "d s"], Float[np.ndarray, "d s"]]]
"""Dice and err_seg in each draw, by row."""


def _row(name: str, gathered: Gathered, of_rows: _OfRows, draws: Draws) -> RowResult:
    stack, printed = gathered.stacks.get(name), ROWS.get(name)
    row = RowResult(
        name=name,
        label=label(name, stack.cells[0][0].patches if stack and stack.cells else 0),
        seeds=stack.seeds if stack else (),
        missing=_missing(stack, gathered),
        incomplete=stack.incomplete if stack else (),
        paper_err_dist_mm=printed.err_dist_mm if printed else None,
        paper_dice=printed.dice if printed else None,
        paper_err_seg=printed.err_seg if printed else None,
        beside=Companions(),
    )
    if stack is None or not stack.seeds:
        return row
    dice, err_seg = of_rows[name]
    areas = list(range(gathered.first_area, len(gathered.classes)))
    by_class = np.array([dice_per_class(counts.sum(axis=0)) for counts in stack.counts])
    by_area = pooled_dice(stack.counts, draws.sections, areas)
    estimates = {gathered.classes[area]: estimate(by_area[:, :, k], draws) for k, area in enumerate(areas)}
    return replace(
        row,
        **_against_baseline(name, gathered, of_rows, draws),
        **_against_full(name, gathered, of_rows, draws),
        dice=estimate(dice, draws),
        err_seg=estimate(err_seg, draws),
        dice_by_area=estimates,
        dice_classes=float(mean_known(by_class).mean()),
        dice_other=float(by_class[:, gathered.first_area - 1].mean()),
        areas_above=sum(area.value > GOOD_DICE for area in estimates.values()),
        beside=companions(stack, gathered),
    )


def _against_baseline(name: str, gathered: Gathered, of_rows: _OfRows, draws: Draws) -> dict[str, Estimate]:
    if name == BASELINE or BASELINE not in of_rows:
        return {}
    found = {}
    for which, measure in enumerate(("dice", "err_seg")):
        both = _both(name, BASELINE, which, gathered, of_rows, draws)
        if both is not None:
            ours, baseline = both
            found[f"paired_{measure}"] = summed_up(ours - baseline)
            before, after = (1 - baseline, 1 - ours) if measure == "dice" else (baseline, ours)
            found[f"{measure}_fall"] = summed_up(fall(after, before))
    return found


def _against_full(name: str, gathered: Gathered, of_rows: _OfRows, draws: Draws) -> dict[str, Estimate]:
    if name == FULL or FULL not in of_rows:
        return {}
    both = {m: _both(FULL, name, k, gathered, of_rows, draws) for k, m in enumerate(("dice", "err_seg"))}
    return {f"full_{measure}": summed_up(pair[0] - pair[1]) for measure, pair in both.items() if pair is not None}


def _both(
    name: str, other: str, which: int, gathered: Gathered, of_rows: _OfRows, draws: Draws
) -> tuple[Float[np.ndarray, "d"], Float[np.ndarray, "d"]] | None:
    one, two = ((gathered.stacks[row], of_rows[row][which]) for row in (name, other))
    return paired(one, two, draws)


def _missing(stack: Stack | None, gathered: Gathered) -> tuple[int, ...]:
    if stack is not None and stack.row in SEEDLESS and stack.seeds:
        return ()
    return tuple(seed for seed in gathered.seeds if stack is None or seed not in stack.seeds)
