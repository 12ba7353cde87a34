"""The paper's table in words: a text table for the terminal, CSV, and the notes on it."""

import csv
import io

import numpy as np

from gennari.pipeline.companions import STILL_FALLING
from gennari.pipeline.estimates import Estimate
from gennari.pipeline.rows import BASELINE, BEATABLE, FULL, PAPER_DICE_FALL, PAPER_ERR_SEG_FALL
from gennari.pipeline.table import RowResult, Table

NONE = "–"
BASELINES = (BASELINE, "baseline-3x", "baseline-total")


def text_table(table: Table) -> str:
    """For the terminal."""
    heads = ("", "seeds", "err_dist mm", "Dice (areas)", "paper", "err_seg", "paper", "Dice - baseline", "err_seg - b.")
    rows = [
        (
            row.label, seeds_words(row), number(row.beside.err_dist_mm, 1), interval(row.dice, 3),
            number(row.paper_dice, 2), interval(row.err_seg, 2), number(row.paper_err_seg, 1),
            interval(row.paired_dice, 3, signed=True),
            interval(row.paired_err_seg, 2, signed=True),
        )
        for row in (*table.rows, *table.controls)
    ]  # fmt: skip
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows)]
    return "\n".join([line.rstrip() for line in lines] + [falls(table), *(note for note in notes(table))])


def csv_table(table: Table) -> str:
    """One line a row or control, every number that is not a list."""
    flat = [
        {"kind": kind, "finished": seeds_words(row), **row.flat()}
        for kind, part in (("row", table.rows), ("control", table.controls))
        for row in part
    ]
    columns = [name for name in flat[0] if not any(isinstance(line[name], list | dict) for line in flat)]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return buffer.getvalue()


def notes(table: Table) -> list[str]:
    """What is not finished, what was under-trained, which baseline is the best, and what L is not above."""
    everything = (*table.rows, *table.controls)
    open_rows = [
        f"{row.label}: {seeds_words(row)} seeds" + "".join(f" ({part})" for part in row.incomplete)
        for row in everything
        if row.missing or row.incomplete
    ]
    late = [
        f"{row.label} (seed {', '.join(map(str, row.beside.still_learning))})"
        for row in everything
        if row.beside.still_learning
    ]
    found = [
        f"Not finished: {'; '.join(open_rows)}" if open_rows else "",
        f"Under-trained, the loss still fell by more than {STILL_FALLING:.0%} at the end: {'; '.join(late)}"
        if late
        else "",
        _best_baseline(table),
        _above_controls(table),
    ]
    return [note for note in found if note]


def _best_baseline(table: Table) -> str:
    baselines = [row for name in BASELINES if (row := table.row(name)) is not None and row.seeds]
    if len(baselines) < 2:
        return ""
    best = max(baselines, key=lambda row: row.dice.value)
    gain = (
        "" if np.isnan(best.full_dice.value) else f"; the full L minus it: {interval(best.full_dice, 3, signed=True)}"
    )
    return f"Best baseline: {best.label}, Dice {best.dice.value:.3f}{gain}"


def _above_controls(table: Table) -> str:
    beatable = [row for row in table.controls if row.name in BEATABLE and not np.isnan(row.full_dice.value)]
    if not beatable:
        return ""
    others = [row.label for row in beatable if not row.full_dice.low > 0]
    above = (
        f"The full L is above {len(beatable) - len(others)} of {len(beatable)} controls in Dice (interval excludes 0)"
    )
    return f"{above}; not above: {'; '.join(others)}" if others else above


def falls(table: Table) -> str:
    """By which shares 1 - Dice and err_seg fall from the baseline to the full L, the paper's beside."""
    full = table.row(FULL)
    if full is None or np.isnan(full.dice_fall.value):
        return "From the baseline to the full L: not known yet"
    dice, err_seg = (Estimate(*(100 * part for part in fall)) for fall in (full.dice_fall, full.err_seg_fall))
    return (
        f"From the baseline to the full L, 1 − Dice falls by {interval(dice, 1)} % (the paper: {PAPER_DICE_FALL:.1%}) "
        f"and err_seg by {interval(err_seg, 1)} % (the paper: {PAPER_ERR_SEG_FALL:.1%})"
    )


def seeds_words(row: RowResult) -> str:
    """Such as "2 of 3"."""
    return f"{len(row.seeds)} of {len(row.seeds) + len(row.missing)}"


def number(value: float | None, digits: int) -> str:
    """A number, or a dash where it is not known."""
    return NONE if value is None or np.isnan(value) else f"{value:.{digits}f}"


def interval(found: Estimate, digits: int, signed: bool = False) -> str:
    """Such as "0.800 [0.780, 0.820]", or a dash where it is not known."""
    if np.isnan(found.value):
        return NONE
    value, low, high = (f"{part:{'+' if signed else ''}.{digits}f}" for part in found)
    return f"{value} [{low}, {high}]"
