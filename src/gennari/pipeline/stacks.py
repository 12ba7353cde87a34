"""Cells gathered into one stack a row: the same sections in the same order for all, so that differences are paired."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from gennari.errors import InputError
from gennari.pipeline.cells import CellResult
from gennari.pipeline.rows import CONTROLS, ROWS
from gennari.pipeline.scoring import SectionResult, counts_of

Place = tuple[str, int]
"""A section: its brain and its number."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The finished seeds of one row.

    Attributes:
        seeds: whose cells hold every section.
        cells: of each of these seeds; several where a seed's folds stand in cells of their own.
        sections: of each of these seeds, in the order of `Gathered.places`.
        incomplete: what is said of seeds whose sections are not all there, such as "seed 2: 12 of 16 sections".
    """

    row: str
    seeds: tuple[int, ...]
    cells: tuple[tuple[CellResult, ...], ...]
    sections: tuple[tuple[SectionResult, ...], ...]
    incomplete: tuple[str, ...]

    @property
    def counts(self) -> Int[np.ndarray, "s n c c"]:
        """Confusion matrices by seed and section."""
        return np.stack([counts_of(sections) for sections in self.sections])

    def values(self, read: Callable[[SectionResult], float | None]) -> Float[np.ndarray, "s n"]:
        """One number by seed and section; NaN where there is none."""
        found = [[read(section) for section in sections] for sections in self.sections]
        return np.array([[np.nan if value is None else value for value in row] for row in found], float)

    @property
    def err_seg(self) -> Float[np.ndarray, "s n"]:
        """err_seg by seed and section; NaN where only confusions are known."""
        return self.values(lambda section: None if section.error is None else section.error.err_seg)


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """All cells of one table.

    Attributes:
        stacks: by row; rows without any cell are left out.
        places: the held-out sections, by brain and number.
        seeds: of the table: those that were planned, or else all that occur in its rows.
        area_distance_mm: between areas, from the first cell that knows it.
    """

    stacks: Mapping[str, Stack]
    places: tuple[Place, ...]
    seeds: tuple[int, ...]
    split: str
    geometry: str
    classes: tuple[str, ...]
    first_area: int
    area_distance_mm: Float[np.ndarray, "a a"] | None

    @property
    def brains(self) -> Int[np.ndarray, "n"]:
        """Which brain each section belongs to, as a number."""
        return np.unique([brain for brain, _ in self.places], return_inverse=True)[1]


def gather(
    cells: Sequence[CellResult],
    seeds: Sequence[int] | None = None,
    rows: Sequence[str] = tuple(ROWS),
    controls: Sequence[str] = tuple(CONTROLS),
) -> Gathered:
    """Sort cells into rows.

    Args:
        cells: in any order; the table may be half finished.
        seeds: that were planned; None takes those that occur in `rows`.
        rows: names of the rows; by default the paper's.
        controls: names of what is measured beside them, on the same sections.

    Raises:
        InputError: there is no cell, a row is unknown, cells come from different splits, geometries or label sets, a
            section occurs twice for one row and seed, or a control was measured on other sections than the rows.
    """
    if not cells:
        raise InputError("a table needs at least one finished cell, got none; run `gennari reproduce` first")
    unknown = sorted({cell.row for cell in cells} - {*rows, *controls})
    if unknown:
        raise InputError(f"rows must be {', '.join([*rows, *controls])}, got {', '.join(unknown)}; rename the cells")
    main = [cell for cell in cells if cell.row in rows] or list(cells)
    _check_alike("split", {cell.split for cell in cells})
    _check_alike("label set", {f"{cell.first_area} of {', '.join(cell.classes)}" for cell in cells})
    _check_alike("geometry", {cell.geometry for cell in main})
    places = tuple(sorted({(section.brain, section.section) for cell in main for section in cell.sections}))
    known = (cell.area_distance_mm for cell in cells if cell.area_distance_mm is not None)
    distance_mm = next(known, None)
    return Gathered(
        stacks={row: _stack(row, cells, places) for row in (*rows, *controls) if any(c.row == row for c in cells)},
        places=places,
        seeds=tuple(sorted({cell.seed for cell in main} if seeds is None else seeds)),
        split=main[0].split,
        geometry=main[0].geometry,
        classes=main[0].classes,
        first_area=main[0].first_area,
        area_distance_mm=None if distance_mm is None else np.array(distance_mm, float),
    )


def _check_alike(what: str, found: set[str]) -> None:
    if len(found) > 1:
        raise InputError(
            f"cells of one table must share their {what}, got {'; '.join(sorted(found))}; "
            "keep each kind in a folder of its own"
        )


def _stack(row: str, cells: Sequence[CellResult], places: tuple[Place, ...]) -> Stack:
    complete, incomplete = {}, []
    for seed in sorted({cell.seed for cell in cells if cell.row == row}):
        ours = tuple(cell for cell in cells if cell.row == row and cell.seed == seed)
        sections = _by_place(row, seed, ours, places)
        if len(sections) == len(places):
            complete[seed] = (ours, tuple(sections[place] for place in places))
        else:
            incomplete.append(f"seed {seed}: {len(sections)} of {len(places)} sections")
    return Stack(
        row=row,
        seeds=tuple(complete),
        cells=tuple(ours for ours, _ in complete.values()),
        sections=tuple(sections for _, sections in complete.values()),
        incomplete=tuple(incomplete),
    )


def _by_place(
    row: str, seed: int, cells: Sequence[CellResult], places: tuple[Place, ...]
) -> dict[Place, SectionResult]:
    found: dict[Place, SectionResult] = {}
    for section in (section for cell in cells for section in cell.sections):
        place = (section.brain, section.section)
        if place in found:
            raise InputError(
                f"a section must be measured once for a row and a seed, but {section.brain} {section.section} occurs "
                f"twice for {row}, seed {seed}; remove the older cell"
            )
        if place not in places:
            raise InputError(
                f"all rows must be measured on the same sections, but {row}, seed {seed} has {section.brain} "
                f"{section.section}, which the others do not have; were its cells made with another data set?"
            )
        found[place] = section
    return found
