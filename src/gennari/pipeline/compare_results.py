"""The files that tell a comparison: JSON, CSV, Markdown and figures, from finished cells alone."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from gennari.errors import InputError
from gennari.pipeline.compare_cells import ComparedCell, all_compared
from gennari.pipeline.compare_compute import compute_over_papers
from gennari.pipeline.compare_confirm import confirmed
from gennari.pipeline.compare_page import HELD_OUT, label, page, table_lines, title
from gennari.pipeline.compare_plans import winner
from gennari.pipeline.compare_table import ComparedRow, compared_rows
from gennari.pipeline.estimates import UNKNOWN
from gennari.recipes.comparisons import PAPERS, PAPERS_ENCODER, UNTRAINED, UNTRAINED_LONG, Comparison
from gennari.report.compare_figures import LabelCurve, labels_figure
from gennari.report.style import to_png
from gennari.report.table_figures import ForestPanel, forest
from gennari.sources.atomic import atomic_path, write_json, write_text

SHOWN = 4
"""Lines beside the known two; the others stand in the table and among the differences."""


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
    """Write `<results>.json`, `.csv`, `.md` and figures beside the folder of cells, each atomically.

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
    compute = compute_over_papers(recipe, cells)
    of = {HELD_OUT: _in_order(cells, recipe)}
    if sealed is not None and sealed[1]:
        of[sealed[0].individual] = _in_order(sealed[1], recipe)
    parts = {individual: compared_rows(own, rng, compute) for individual, own in of.items()}
    beside = {name: _beside_long(own) for name, own in of.items()}
    long = {name: compared_rows(own, rng, compute, UNTRAINED_LONG) for name, own in beside.items() if own}
    rows = [row for part in parts.values() for row in part]
    chosen, proved = _winner(recipe, cells), sealed[0].model_dump() if sealed else None
    document: dict[str, object] = {
        "winner": chosen,
        "confirmed": proved,
        "cells": [row.document() for row in rows],
    }
    figures = {".png": _lines_figure(parts), **_differences_figures(parts)}
    drawn = {results.with_name(results.name + ending): figure for ending, figure in figures.items()}
    for path, figure in drawn.items():
        with atomic_path(path) as temporary:
            temporary.write_bytes(to_png(figure, dpi=110))
    paths = tuple(results.with_name(f"{results.name}.{ending}") for ending in ("json", "csv", "md"))
    write_json(paths[0], document)
    write_text(paths[1], _csv([row.document() for row in rows]))
    write_text(paths[2], page(parts, long, chosen, proved, [path.name for path in drawn]))
    return ComparedResults(table="\n".join(table_lines(rows)), document=document, paths=(*paths, *drawn))


def _in_order(cells: Sequence[ComparedCell], recipe: Comparison) -> list[ComparedCell]:
    """By encoder and objective as the recipe names them; what it does not name comes last."""
    encoders = [encoder.name for encoder in recipe.encoders]
    objectives = [objective.name for objective in (*recipe.objectives, *recipe.beside)]

    def place(cell: ComparedCell) -> tuple[int, int]:
        found = ((encoders, cell.encoder), (objectives, cell.objective))
        first, second = (names.index(name) if name in names else len(names) for names, name in found)
        return first, second

    return sorted(cells, key=place)


def _beside_long(cells: Sequence[ComparedCell]) -> list[ComparedCell]:
    """The long unpre-trained network's cells, and those of the same seeds and budgets."""
    known = {(cell.budget, cell.result.seed) for cell in cells if cell.objective == UNTRAINED_LONG}
    return [cell for cell in cells if (cell.budget, cell.result.seed) in known]


def _winner(recipe: Comparison, cells: Sequence[ComparedCell]) -> dict[str, str] | None:
    """By validation sections; None as long as stages are unfinished."""
    try:
        objective, encoder = winner(recipe, cells)
    except InputError:
        return None
    return {"objective": objective, "encoder": encoder}


def _csv(documents: Sequence[dict[str, object]]) -> str:
    buffer = io.StringIO()
    columns = [name for name, value in documents[0].items() if not isinstance(value, list | tuple)]
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(documents)
    return buffer.getvalue()


def _lines_figure(parts: dict[str, list[ComparedRow]]) -> Figure:
    """Dice over budgets: no pre-training, the paper's L, and the SHOWN best others by validation."""
    panels = {}
    for individual, rows in parts.items():
        own: dict[tuple[str, str, bool], list[ComparedRow]] = {}
        for row in rows:
            own.setdefault((row.objective, row.encoder, row.context), []).append(row)
        most = max(map(len, own.values()))
        whole = {kind: lines for kind, lines in own.items() if len(lines) == most}
        known = [kind for name in (UNTRAINED, PAPERS) if (kind := (name, PAPERS_ENCODER, False)) in whole]
        others = sorted(
            (kind for kind in whole if kind not in known and kind[1]),  # what learned nothing has no line
            key=lambda kind: -np.mean([row.val_dice for row in whole[kind]]),
        )
        panels[title(individual)] = [
            LabelCurve(
                label=label(*kind),
                sections=[row.labels_sections for row in whole[kind]],
                values=np.array([row.dice for row in whole[kind]]),
                dashed=kind[1:] != (PAPERS_ENCODER, False),
                seeds=[len(row.seeds) for row in whole[kind]],
            )
            for kind in (*known, *others[:SHOWN])
        ]
    return labels_figure(panels, "Dice over areas")


def _differences_figures(parts: dict[str, list[ComparedRow]]) -> dict[str, Figure]:
    """Paired differences to the paper's L by ending: one figure an individual, one panel a budget."""
    figures = {}
    for individual, rows in parts.items():
        known = [row for row in rows if not np.isnan(row.paired.value)]
        names = list(dict.fromkeys(label(row.objective, row.encoder, row.context) for row in known))
        panels = {}
        for count in sorted({row.labels_sections for row in known}, reverse=True):
            own = {
                label(row.objective, row.encoder, row.context): row.paired
                for row in known
                if row.labels_sections == count
            }
            panels[f"{title(individual)},\n{count} annotated"] = np.array([own.get(name, UNKNOWN) for name in names])
        if panels:
            ending = "" if individual == HELD_OUT else f"-{individual}"
            figures[f"-differences{ending}.png"] = forest(
                names,
                [
                    ForestPanel(title=heading, value_label="Dice, less L's", values=values)
                    for heading, values in panels.items()
                ],
            )
    return figures
