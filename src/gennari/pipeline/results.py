"""The files that tell the table: Markdown, CSV, JSON and figures, from finished cells alone."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from gennari.pipeline.cells import CellResult
from gennari.pipeline.companions import distance_bins
from gennari.pipeline.rows import BASELINE, FULL, ROWS
from gennari.pipeline.stacks import Stack
from gennari.pipeline.statistics import make_table
from gennari.pipeline.table import RowResult, Table
from gennari.pipeline.table_page import markdown
from gennari.pipeline.table_words import csv_table, text_table
from gennari.report.chart_figures import Curve, CurvePanel, confusion_figure, training_curves
from gennari.report.style import to_png
from gennari.report.table_figures import ForestPanel, confused_by_distance_figure, dice_with_intervals, forest
from gennari.sources.atomic import atomic_path, write_json, write_text


class Results(NamedTuple):
    """What was written.

    Attributes:
        table: for the terminal.
        document: for `--json`, as it stands in the JSON file.
        paths: all files.
    """

    table: str
    document: dict[str, object]
    paths: tuple[Path, ...]


def write_results(
    folder: Path,
    cells: Sequence[CellResult],
    rng: np.random.Generator,
    seeds: Sequence[int] | None = None,
    rows: Collection[str] = tuple(ROWS),
    stem: str = "reproduce",
) -> Results:
    """Write `<stem>.md`, `.csv`, `.json` and the figures `<stem>-*.png` of what is finished so far, each atomically.

    Args:
        folder: such as docs/results; what an earlier call wrote there is replaced.
        cells: of one split and one geometry, in any order.
        rng: for the draws of the intervals; the same state gives the same files.
        seeds: that were planned, so that missing ones are said; None takes those that occur.
        rows: of the paper's that were planned, likewise.
        stem: of all file names.

    Raises:
        InputError: the cells do not make one table (`pipeline/stacks.py`).
    """
    table = make_table(cells, rng, seeds, rows)
    shown, paths = [], []
    for name, title, caption, figure in _figures(table):
        paths.append(folder / f"{stem}-{name}.png")
        with atomic_path(paths[-1]) as temporary:
            temporary.write_bytes(to_png(figure, dpi=110))
        shown.append((paths[-1].name, title, caption))
    document = table.document()
    write_json(folder / f"{stem}.json", document)
    write_text(folder / f"{stem}.csv", csv_table(table))
    write_text(folder / f"{stem}.md", markdown(table, shown))
    paths += [folder / f"{stem}.{ending}" for ending in ("json", "csv", "md")]
    return Results(table=text_table(table), document=document, paths=tuple(paths))


def _figures(table: Table) -> Iterator[tuple[str, str, str, Figure]]:
    """(name, title, caption, figure) of those that the finished cells allow."""
    gathered = table.gathered
    two = [row for row in map(table.row, (BASELINE, FULL)) if row is not None and row.seeds]
    areas = gathered.classes[gathered.first_area :]
    if two:
        yield (
            "dice",
            "Dice by area",
            "Dice of each area with its 95 % interval; the dotted line is the mark of 0.7.",
            dice_with_intervals(areas, {row.label: np.array(list(row.dice_by_area.values())) for row in two}),
        )
        yield (
            "confusion",
            "Confusions",
            "Rows are the truth and sum to 100 %; all held-out sections and seeds together.",
            confusion_figure(
                {row.label: gathered.stacks[row.name].counts.sum(axis=(0, 1)) for row in two},
                gathered.classes,
                gathered.first_area,
            ),
        )
    far = [row for row in two if row.beside.confused_share]
    if far:
        yield (
            "distance",
            "Confusions by distance",
            "Of the areas' pixels, those given another area, by the distance of the two areas along the surface.",
            confused_by_distance_figure(
                distance_bins(),
                {row.label: list(row.beside.confused_share.values()) for row in far},
                {row.label: row.beside.given_no_area_share for row in far},
            ),
        )
    curves = [row for row in map(table.row, ("few-dist", "few-L", FULL)) if row is not None and row.seeds]
    panel = _convergence(table, curves)
    if panel.curves:
        yield (
            "convergence",
            "err_dist during pre-training",
            "Held-out err_dist by epoch, mean over seeds: the distance loss alone and both parts of the loss.",
            training_curves([panel]),
        )
    yield from _forests(table)


def _forests(table: Table) -> Iterator[tuple[str, str, str, Figure]]:
    rows = [row for row in (*table.rows, *table.controls) if row.name != BASELINE]
    if not all(np.isnan(row.paired_dice.value) for row in rows):
        yield (
            "differences",
            "Differences to the baseline",
            "Paired differences on the same sections and seeds, with 95 % intervals; blue where they exclude 0.",
            forest(
                [row.label for row in rows],
                [
                    ForestPanel(
                        title=f"{name} − that of the baseline",
                        value_label=name,
                        values=np.array([getattr(row, f"paired_{which}") for row in rows]),
                        printed=np.array([_printed(row, which) for row in rows]) if which == "dice" else None,
                    )
                    for name, which in (("Dice", "dice"), ("err_seg", "err_seg"))
                ],
                first_control=sum(row.name != BASELINE for row in table.rows),
            ),
        )
    against = [row for row in table.controls if not np.isnan(row.full_dice.value)]
    if against:
        yield (
            "controls",
            "The full L against each control",
            "Paired differences, the full L minus the control; right of 0 in Dice, left of 0 in err_seg is above.",
            forest(
                [row.label for row in against],
                [
                    ForestPanel(
                        title=f"{name}: full L − control",
                        value_label=name,
                        values=np.array([getattr(row, f"full_{which}") for row in against]),
                    )
                    for name, which in (("Dice", "dice"), ("err_seg", "err_seg"))
                ],
            ),
        )


def _printed(row: RowResult, which: str) -> float:
    """The paper's difference to its baseline; NaN for controls."""
    printed = ROWS.get(row.name)
    return float("nan") if printed is None else getattr(printed, which) - getattr(ROWS[BASELINE], which)


def _convergence(table: Table, rows: Sequence[RowResult]) -> CurvePanel:
    curves = [(row, _mean_curve(table.gathered.stacks[row.name])) for row in rows]
    medians = [row.beside.err_dist_median_mm for row in rows if not np.isnan(row.beside.err_dist_median_mm)]
    return CurvePanel(
        title="Held-out pairs",
        step_label="epoch",
        value_label="err_dist (mm)",
        curves=[Curve(label=row.label, step=c[:, 0], value=c[:, 1]) for row, c in curves if len(c)],
        levels={"median predictor": float(np.mean(medians))} if medians else {},
    )


def _mean_curve(stack: Stack) -> Float[np.ndarray, "e 2"]:
    """(epoch, err_dist) over seeds, as far as all of them go."""
    runs = [np.array(cells[0].convergence, float).reshape(-1, 2) for cells in stack.cells]
    epochs = min(len(run) for run in runs)
    return np.mean([run[:epochs] for run in runs], axis=0)
