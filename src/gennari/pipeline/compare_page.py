"""What a comparison's page says: its tables, for Markdown and for the terminal."""

from collections.abc import Mapping, Sequence

import numpy as np

from gennari.pipeline.compare_table import ComparedRow
from gennari.pipeline.estimates import Estimate
from gennari.pipeline.table_words import interval, number
from gennari.recipes.comparisons import PAPERS_ENCODER, UNTRAINED_LONG

HELD_OUT = "held-out"
AND_CONTEXT = " + context"
_HEADS = (
    "objective", "encoder", "sections", "seeds", "Dice (areas)", "less L's", "1 - Dice falls", "err_seg", "less L's",
    "val Dice", "err_dist mm", "probe F1", "border AUROC", "pre-training s", "compute, L = 1",
)  # fmt: skip


def _cells(row: ComparedRow) -> tuple[str, ...]:
    return (
        label(row.objective, PAPERS_ENCODER, row.context), row.encoder or "–", str(row.labels_sections),
        str(len(row.seeds)), interval(row.dice, 3),
        interval(row.paired, 3, signed=True), interval(row.dice_fall, 2, signed=True), interval(row.err_seg, 2),
        interval(row.paired_err_seg, 2, signed=True), number(row.val_dice, 3), number(row.err_dist_mm, 1),
        number(row.probe_f1, 3), number(row.border_auroc_partial, 3), number(row.pretrain_seconds, 0),
        number(row.compute, 2),
    )  # fmt: skip


def table_lines(rows: Sequence[ComparedRow]) -> list[str]:
    """The table for a terminal, heads first, columns aligned."""
    table = [_HEADS, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]


def page(
    parts: Mapping[str, Sequence[ComparedRow]],
    long: Mapping[str, Sequence[ComparedRow]],
    chosen: Mapping[str, str] | None,
    confirmed: Mapping[str, str] | None,
    figures: Sequence[str],
) -> str:
    """The Markdown page.

    Args:
        parts: rows by individual, as `compared_rows` gives them against the paper's L.
        long: those of them that stand beside `UNTRAINED_LONG`, against it.
        chosen: objective and encoder of the winner by validation; None as long as stages are unfinished.
        confirmed: the same of the one that was confirmed, and on which individual.
        figures: names of the pictures beside the page.
    """
    lines = [
        "# Ways to pre-train, compared",
        "",
        "Written by `gennari compare`; every number is of a **phantom** (synthetic brains). Intervals are the middle "
        "95 % over brains, sections and seeds; differences are to the paper's L with the same labels, on the same "
        "sections and seeds. Winners are chosen on annotated pixels of validation sections alone.",
        "",
        *(line for name in figures for line in (f"![{name}]({name})", "")),
        f"{_winner_words(chosen)} {_confirmed_words(confirmed)}",
    ]
    for individual, rows in parts.items():
        lines += ["", f"## {title(individual)}", ""]
        lines += [f"| {' | '.join(_HEADS)} |", f"|{'---|' * len(_HEADS)}"]
        lines += [f"| {' | '.join(_cells(row))} |" for row in rows]
        lines += _alike_lines(rows)
        lines += _long_lines(long.get(individual, ()))
        gaps = {row.labels_sections: row.missing for row in rows if row.missing}
        lines += [""] + [f"With {count} sections nobody annotated {', '.join(areas)}." for count, areas in gaps.items()]
    return "\n".join(lines).rstrip() + "\n"


def _winner_words(chosen: Mapping[str, str] | None) -> str:
    if chosen is None:
        return "Winner by validation: not known before all stages are finished."
    return f"Winner by validation: {label(chosen['objective'], chosen['encoder'], False)}."


def _confirmed_words(confirmed: Mapping[str, str] | None) -> str:
    if confirmed is None:
        return "Confirmed on a sealed individual: nothing yet."
    name = label(confirmed["objective"], confirmed["encoder"], False)
    return f"Confirmed on the sealed individual {confirmed['individual']}: {name}."


def _alike_lines(rows: Sequence[ComparedRow]) -> list[str]:
    """Where sections were told of each other: against the paper's L that has this, too."""
    known = [row for row in rows if not np.isnan(row.dice_fall_alike.value)]
    falls = [(row, row.dice_fall_alike, row.err_seg_fall_alike) for row in known]
    return _falls_table("The same against the paper's L with context:", falls)


def _long_lines(rows: Sequence[ComparedRow]) -> list[str]:
    """Against no pre-training with as much compute as the paper's L takes in all."""
    known = [row for row in rows if not np.isnan(row.paired.value)]
    falls = [(row, row.dice_fall, row.err_seg_fall) for row in known]
    return _falls_table(f"Against `{UNTRAINED_LONG}`, no pre-training and all of L's compute in fine-tuning:", falls)


def _falls_table(heading: str, falls: Sequence[tuple[ComparedRow, Estimate, Estimate]]) -> list[str]:
    heads = ("objective", "encoder", "sections", "seeds", "compute, L = 1", "1 - Dice falls", "err_seg falls")
    table = [
        (
            label(row.objective, PAPERS_ENCODER, row.context), row.encoder or "–", str(row.labels_sections),
            str(len(row.seeds)), number(row.compute, 2), interval(dice, 2, signed=True), interval(err, 2, signed=True),
        )
        for row, dice, err in falls
    ]  # fmt: skip
    if not table:
        return []
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *(f"| {' | '.join(row)} |" for row in table)]
    return ["", heading, "", *lines]


def label(objective: str, encoder: str, context: bool) -> str:
    """Of a row; the paper's encoder goes without saying."""
    named = objective if encoder in (PAPERS_ENCODER, "") else f"{objective}, {encoder}"
    return named + (AND_CONTEXT if context else "")


def title(individual: str) -> str:
    """Of an individual's table and panel."""
    return "Held-out sections" if individual == HELD_OUT else f"Sealed individual {individual}"
