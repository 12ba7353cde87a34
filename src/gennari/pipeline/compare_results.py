"""The files that tell a comparison: JSON, CSV, Markdown and one figure, from finished cells alone."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from gennari.errors import InputError
from gennari.pipeline.compare_cells import ComparedCell, all_compared
from gennari.pipeline.compare_confirm import confirmed
from gennari.pipeline.compare_plans import winner
from gennari.pipeline.compare_table import ComparedRow, compared_rows
from gennari.pipeline.table_words import interval, number
from gennari.recipes.comparisons import PAPERS_ENCODER, Comparison
from gennari.report.compare_figures import LabelCurve, labels_figure
from gennari.report.style import to_png
from gennari.sources.atomic import atomic_path, write_json, write_text

HELD_OUT = "held-out"


class ComparedResults(NamedTuple):
    """What was written.

    Attributes:
        table: for the terminal.
        document: for `--json`, as it stands in the JSON file.
        paths: all files.
    """

    table: str
    document: dict[str, object]
    paths: tuple[Path, ...]


def write_comparison(results: Path, recipe: Comparison, rng: np.random.Generator) -> ComparedResults:
    """Write `<results>.json`, `.csv`, `.md` and `.png` beside the folder of cells, each atomically.

    Args:
        results: folder of the finished cells.
        recipe: that they were made with; only to say who would win.
        rng: for the draws of the intervals; the same state gives the same files.

    Raises:
        InputError: there is no cell, or they do not make one table.
    """
    cells = all_compared(results)
    if not cells:
        raise InputError(f"a comparison needs at least one finished cell, but {results} has none; give stages to make")
    sealed = confirmed(results)
    parts = {HELD_OUT: compared_rows(cells, rng)}
    if sealed is not None and sealed[1]:
        parts[sealed[0].individual] = compared_rows(sealed[1], rng)
    rows = [row for part in parts.values() for row in part]
    document: dict[str, object] = {
        "winner": _winner(recipe, cells),
        "confirmed": sealed[0].model_dump() if sealed else None,
        "cells": [row.document() for row in rows],
    }
    paths = tuple(results.with_name(f"{results.name}.{ending}") for ending in ("json", "csv", "md", "png"))
    write_json(paths[0], document)
    write_text(paths[1], _csv([row.document() for row in rows]))
    write_text(paths[2], _page(parts, document, paths[3].name))
    with atomic_path(paths[3]) as temporary:
        temporary.write_bytes(to_png(_figure(parts), dpi=110))
    return ComparedResults(table="\n".join(_lines(rows)), document=document, paths=paths)


def _winner(recipe: Comparison, cells: Sequence[ComparedCell]) -> dict[str, str] | None:
    """By validation sections; None as long as stages are unfinished."""
    try:
        objective, encoder = winner(recipe, cells)
    except InputError:
        return None
    return {"objective": objective, "encoder": encoder}


_HEADS = (
    "objective", "encoder", "sections", "seeds", "Dice (areas)", "less L's", "1 - Dice falls", "err_seg", "less L's",
    "val Dice", "err_dist mm", "probe F1", "border AUROC", "pre-training s",
)  # fmt: skip


def _cells(row: ComparedRow) -> tuple[str, ...]:
    return (
        row.objective, row.encoder, str(row.labels_sections), str(len(row.seeds)), interval(row.dice, 3),
        interval(row.paired, 3, signed=True), interval(row.dice_fall, 2, signed=True), interval(row.err_seg, 2),
        interval(row.paired_err_seg, 2, signed=True), number(row.val_dice, 3), number(row.err_dist_mm, 1),
        number(row.probe_f1, 3), number(row.border_auroc_partial, 3), number(row.pretrain_seconds, 0),
    )  # fmt: skip


def _lines(rows: Sequence[ComparedRow]) -> list[str]:
    table = [_HEADS, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]


def _csv(documents: Sequence[dict[str, object]]) -> str:
    buffer = io.StringIO()
    columns = [name for name, value in documents[0].items() if not isinstance(value, list | tuple)]
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(documents)
    return buffer.getvalue()


def _page(parts: dict[str, list[ComparedRow]], document: dict[str, object], figure: str) -> str:
    lines = [
        "# Ways to pre-train, compared",
        "",
        "Written by `gennari compare`; every number is of a **phantom** (synthetic brains). Intervals are the middle "
        "95 % over brains, sections and seeds; differences are to the paper's L with the same labels, on the same "
        "sections and seeds. Winners are chosen on annotated pixels of validation sections alone.",
        "",
        f"![Dice against annotated sections]({figure})",
        "",
        f"Winner by validation: {document['winner'] or 'stages are not finished'}; confirmed: "
        f"{document['confirmed'] or 'not yet'}.",
    ]
    for individual, rows in parts.items():
        lines += ["", f"## {'Held-out sections' if individual == HELD_OUT else f'Sealed individual {individual}'}", ""]
        lines += [f"| {' | '.join(_HEADS)} |", f"|{'---|' * len(_HEADS)}"]
        lines += [f"| {' | '.join(_cells(row))} |" for row in rows]
        gaps = {row.labels_sections: row.missing for row in rows if row.missing}
        lines += [""] + [f"With {count} sections nobody annotated {', '.join(areas)}." for count, areas in gaps.items()]
    return "\n".join(lines).rstrip() + "\n"


def _figure(parts: dict[str, list[ComparedRow]]) -> Figure:
    """Lines of what was made on more than one budget; all points where nothing was."""
    panels = {}
    for individual, rows in parts.items():
        kinds = dict.fromkeys((row.objective, row.encoder) for row in rows)
        curves = []
        for objective, encoder in kinds:
            own = [row for row in rows if (row.objective, row.encoder) == (objective, encoder)]
            label = objective if encoder == PAPERS_ENCODER else f"{objective}, {encoder}"
            curves.append(
                LabelCurve(
                    label=label,
                    sections=[row.labels_sections for row in own],
                    values=np.array([row.dice for row in own]),
                    dashed=encoder != PAPERS_ENCODER,
                )
            )
        most = max(len(curve.sections) for curve in curves)
        chosen = [curve for curve in curves if len(curve.sections) == most]
        title = "Held-out sections" if individual == HELD_OUT else f"Sealed individual {individual}"
        panels[title] = chosen
    return labels_figure(panels, "Dice over areas")
