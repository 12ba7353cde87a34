"""The paper's table as a page of Markdown; every number on it comes from the cells."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from gennari.pipeline.companions import distance_bins
from gennari.pipeline.estimates import DRAWS
from gennari.pipeline.rows import BASELINE, FULL, PRINTED_LABELS
from gennari.pipeline.table import GOOD_DICE, RowResult, Table
from gennari.pipeline.table_words import NONE, falls, interval, notes, number, seeds_words


def markdown(table: Table, figures: Sequence[tuple[str, str, str]]) -> str:
    """The whole page.

    Args:
        table: what it tells.
        figures: (file name, title, caption) of the pictures that lie beside the page.
    """
    gathered = table.gathered
    brains = len({brain for brain, _ in gathered.places})
    parts = [
        f"# The paper's table, reproduced: split `{gathered.split}`, geometry {gathered.geometry}",
        f"Written by `gennari reproduce` from its finished cells. {len(gathered.places)} held-out sections of {brains} "
        f"brains, seeds {', '.join(map(str, gathered.seeds))}. Brackets are 95 % intervals over {DRAWS} draws of "
        "brains, sections within brains and seeds, the same draws for all rows; with few brains and seeds they are "
        "rough. Dice: macro over areas, confusions pooled over the sections of a seed, then the mean over seeds. "
        "err_seg: mean over sections and seeds; it falls as one over the root of the evaluated area, so only its order "
        "and relative change can be compared with the paper's.",
        _main(table),
        f"{falls(table)}.",
        *(f"{note}." for note in notes(table)),
        "## Controls" if table.controls else "",
        _controls(table),
        "## The pretext task",
        _pretext(table),
        "## Beside Dice and err_seg",
        _beside(table),
        _confused(table),
        "## Borders between areas",
        _borders(table),
        "## Training",
        _training(table),
        "## Figures" if figures else "",
        *(f"![{title}]({name})\n\n{caption}" for name, title, caption in figures),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _main(table: Table) -> str:
    heads = (
        "row", "the paper's", "seeds", "err_dist, mm", "(paper)", "Dice", "(paper)", "err_seg", "(paper)",
        "Dice − baseline", "err_seg − baseline",
    )  # fmt: skip
    return _table(heads, [
        (
            row.label, PRINTED_LABELS[row.name], seeds_words(row), number(row.beside.err_dist_mm, 1),
            number(row.paper_err_dist_mm, 2), interval(row.dice, 3), number(row.paper_dice, 2),
            interval(row.err_seg, 2), number(row.paper_err_seg, 1), interval(row.paired_dice, 3, signed=True),
            interval(row.paired_err_seg, 2, signed=True),
        )
        for row in table.rows
    ])  # fmt: skip


def _controls(table: Table) -> str:
    heads = (
        "control", "seeds", "Dice", "err_seg", "Dice − baseline", "full L − control, Dice", "full L − control, err_seg",
    )  # fmt: skip
    return _table(heads, [
        (
            row.label, seeds_words(row), interval(row.dice, 3), interval(row.err_seg, 2),
            interval(row.paired_dice, 3, signed=True), interval(row.full_dice, 3, signed=True),
            interval(row.full_err_seg, 2, signed=True),
        )
        for row in table.controls
    ])  # fmt: skip


def _pretext(table: Table) -> str:
    heads = (
        "row", "err_dist, mm", "median predictor", "section numbers only", "pairs < 20 mm", "farther pairs", "Spearman",
    )  # fmt: skip
    return _table(heads, [
        (
            row.label, number(of.err_dist_mm, 1), number(of.err_dist_median_mm, 1),
            number(of.err_dist_section_only_mm, 1), number(of.err_dist_near_mm, 1), number(of.err_dist_far_mm, 1),
            number(of.spearman, 2),
        )
        for row in _all(table, lambda row: not np.isnan(row.beside.err_dist_mm))
        for of in (row.beside,)
    ])  # fmt: skip


def _beside(table: Table) -> str:
    heads = (
        "row", "Dice, all classes", "Dice, other cortex", f"areas above {GOOD_DICE:g}", "Dice, annotated pixels",
        "err_seg, annotated pixels", "err_seg without absent classes", "their share of Σd², %", "pixel distance, µm",
        "RMS, µm", "wrong pixels, %", "size of areas off by, %", "area of a section, mm²",
    )  # fmt: skip
    return _table(heads, [
        (
            row.label, number(row.dice_classes, 3), number(row.dice_other, 3), str(row.areas_above),
            number(of.dice_annotated, 3), number(of.err_seg_annotated, 2), number(of.err_seg_present, 2),
            number(100 * of.absent_share, 1), number(of.pixel_distance_um, 0), number(of.rms_distance_um, 0),
            number(100 * of.wrong_share, 1), number(100 * of.extent_error_share, 1), number(of.area_mm2, 0),
        )
        for row in _all(table, _finished)
        for of in (row.beside,)
    ])  # fmt: skip


def _confused(table: Table) -> str:
    rows = _all(table, lambda row: bool(row.beside.confused_share))
    if not rows:
        return ""
    heads = ("row", "no area, %", *(f"{name}, %" for name in distance_bins()))
    shares = _table(heads, [
        (row.label, *(number(100 * share, 2) for share in (of.given_no_area_share, *of.confused_share.values())))
        for row in rows
        for of in (row.beside,)
    ])  # fmt: skip
    return (
        "Of the areas' pixels, those given no area, and those given another area by how far that lies from the true "
        f"one along the surface (nearest points):\n\n{shares}"
    )


def _borders(table: Table) -> str:
    heads = ("row", "median, mm", "95th percentile, mm", "predicted nowhere, %")
    rows = [
        (row.label, *_border(row.beside.border_median_mm, row.beside.border_p95_mm, row.beside.border_missing_share))
        for row in _all(table, lambda row: not np.isnan(row.beside.border_missing_share))
    ]
    two = [row for name in (BASELINE, FULL) if (row := table.row(name)) is not None and row.seeds]
    by_pair = {(b.first, b.second): {} for row in two for b in row.beside.borders}
    for row in two:
        for b in row.beside.borders:
            by_pair[b.first, b.second][row.name] = "{} / {} / {}".format(
                *_border(b.median_mm, b.p95_mm, b.missing_share)
            )
    pairs = [
        (f"{first} / {second}", *(found.get(row.name, NONE) for row in two))
        for (first, second), found in by_pair.items()
    ]
    more = _table(("median mm / 95th mm / nowhere %", *(row.label for row in two)), pairs)
    return (
        "Distance from the true border of two areas to the nearest predicted border of the same two in the section, "
        "over all sections and seeds. Where the two never meet in the prediction there is no distance; the last column "
        f"says how much of the border that is.\n\n{_table(heads, rows)}" + (f"\n\n{more}" if pairs else "")
    )


def _training(table: Table) -> str:
    heads = ("row", "patches", "iterations", "rate", "seconds a seed", "loss still falling, seeds")
    return _table(heads, [
        (
            row.label, str(of.patches or NONE), str(of.iterations or NONE),
            ", ".join(f"{rate:g}" for rate in of.rates) or NONE, number(of.seconds, 0),
            ", ".join(map(str, of.still_learning)) or NONE,
        )
        for row in _all(table, _finished)
        for of in (row.beside,)
    ])  # fmt: skip


def _all(table: Table, wanted: Callable[[RowResult], bool]) -> list[RowResult]:
    return [row for row in (*table.rows, *table.controls) if wanted(row)]


def _finished(row: RowResult) -> bool:
    return bool(row.seeds)


def _border(median_mm: float, p95_mm: float, missing: float) -> tuple[str, str, str]:
    return number(median_mm, 2), number(p95_mm, 2), number(100 * missing, 0)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) if len(lines) > 2 else ""
