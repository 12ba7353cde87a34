"""Places in order along mid cortex, every piece of every section's ribbon: where features are read for borders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, Int32

from gennari.execute import Report, run_tasks
from gennari.records import Hemisphere, PatchTable, Section
from gennari.sampling.cut import Cut, at_pixels, cut_section, plane_angles_deg, upright_rotations_deg, whole_faces
from gennari.sampling.settings import PatchSettings
from gennari.sampling.slab import Slabs, cut_slabs
from gennari.sampling.split import Split, position_mm
from gennari.sampling.table import Located, patch_table
from gennari.sampling.tissue import tissue_share
from gennari.sources.tables import read_arrays, write_arrays
from gennari.surface.mid_lines import MidLine, mid_lines

RUN_LENGTH = 16
"""Sections that one worker does at a time."""
BATCH = 1024
"""Places whose windows are looked at together: each takes some hundred kilobytes."""
UPRIGHT_WINDOW_UM: float = PatchSettings.model_fields["upright_window_um"].default
"""Patches along the ribbon are turned upright as those that networks are trained on are."""


@dataclass(frozen=True, kw_only=True)
class RibbonPlaces:
    """Places evenly spaced along mid cortex. Rows are ordered by section, piece and arc.

    Attributes:
        patches: a row for each place, upright; nothing is left out, oblique and bare places neither, so that
            neighbouring rows are neighbours on the ribbon.
        piece: of ribbon, unique over the whole table.
        arc_mm: along the mid-depth line from the start of the piece.
        length_mm: of the piece; of a closed one from the start round to it.
        closed: the piece returns to its start: after its last row comes its first.
        thickness_mm: from pial to white along the mid surface's normal.
    """

    patches: PatchTable
    piece: Int32[np.ndarray, "n"]
    arc_mm: Float[np.ndarray, "n"]
    length_mm: Float[np.ndarray, "n"]
    closed: Bool[np.ndarray, "n"]
    thickness_mm: Float[np.ndarray, "n"]

    def __len__(self) -> int:
        return len(self.piece)

    def take(self, rows: Int[np.ndarray, "m"] | Bool[np.ndarray, "n"]) -> "RibbonPlaces":
        """The table of these rows; take whole pieces where neighbours matter."""
        return RibbonPlaces(
            patches=self.patches.take(rows),
            **{name: getattr(self, name)[rows] for name in _COLUMNS},
        )


_COLUMNS = tuple(field.name for field in fields(RibbonPlaces) if field.name != "patches")


@dataclass(frozen=True, kw_only=True)
class _Task:
    """A run of neighbouring sections with the cortex they can meet: what one worker does at a time."""

    sections: tuple[Section, ...]
    slabs: Slabs
    patch_um: float
    step_um: float
    spacing_um: float
    shortest_mm: float

    @property
    def name(self) -> str:
        """For ticks and errors."""
        return f"sections {self.sections[0].id} to {self.sections[-1].id}"


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One piece of ribbon with its places."""

    line: MidLine
    located: Located
    thickness_mm: Float[np.ndarray, "n"]


def ribbon_places(
    sections: Sequence[Section],
    hemispheres: tuple[Hemisphere, Hemisphere],
    split: Mapping[int, Split],
    *,
    patch_um: float,
    step_um: float = 200.0,
    ribbon_spacing_um: float = 64.0,
    shortest_mm: float = 4.0,
    workers: int = 1,
    tick: Report | None = None,
) -> RibbonPlaces:
    """Places every `step_um` of arc length on mid cortex of every piece of ribbon (Spitzer et al. 2018, section 4).

    Args:
        sections: of one brain; all of them are used, whatever their split and quality.
        hemispheres: left and right, in BRAIN_MM.
        split: of the sections, by id.
        patch_um: side of a patch's window, in which the share of tissue is measured.
        step_um: between places; stretched a little so that a whole number fits a piece.
        ribbon_spacing_um: of the ribbons' pixels.
        shortest_mm: shorter pieces are left out; two blocks of nine 200 µm apart need 3.6 mm.
        workers: local processes; 1 works in this one. The outcome does not depend on it.
        tick: told after each run of sections.

    Returns:
        Rows ordered by section id, piece (longest first) and arc.

    Raises:
        ValueError: there are no sections, one is in no split, or a spacing is not positive.
    """
    if not sections or any(section.id not in split for section in sections):
        raise ValueError(f"places along the ribbon need sections with a split each, got {len(sections)} sections")
    ordered = sorted(sections, key=position_mm)
    runs = [ordered[i : i + RUN_LENGTH] for i in range(0, len(ordered), RUN_LENGTH)]
    tasks = [
        _Task(
            sections=tuple(run), slabs=slabs, patch_um=patch_um, step_um=step_um,
            spacing_um=ribbon_spacing_um, shortest_mm=shortest_mm,
        )
        for run, slabs in zip(runs, cut_slabs(hemispheres, runs), strict=True)
    ]  # fmt: skip
    found = run_tasks(_lines_of_run, tasks, workers=min(workers, len(tasks)), tick=tick, stage="ribbon places",
                      name=attrgetter("name"))  # fmt: skip
    lines = sorted((line for run in found for line in run), key=lambda line: line.line.section)
    return _joined(lines, {section.id: section for section in sections}, hemispheres, split)


def write_places(path: Path, places: RibbonPlaces) -> None:
    """Write places as one parquet table, atomically."""
    patches = {field.name: getattr(places.patches, field.name) for field in fields(PatchTable)}
    write_arrays(path, patches | {name: getattr(places, name) for name in _COLUMNS})


def read_places(path: Path) -> RibbonPlaces:
    """Read what `write_places` wrote; raises InputError if the file is missing, damaged, or another table."""
    names = [field.name for field in fields(PatchTable)]
    columns = read_arrays(path, (*names, *_COLUMNS))
    patches = PatchTable(**{name: columns[name] for name in names})
    return RibbonPlaces(patches=patches, **{name: columns[name] for name in _COLUMNS})


def _lines_of_run(task: _Task) -> list[_Line]:
    found = []
    for section in task.sections:
        cut = cut_section(section, task.slabs, task.spacing_um)
        for line in mid_lines(cut.ribbon, task.step_um, task.shortest_mm):
            thickness = at_pixels([slab.thickness_mm for slab in task.slabs], cut, task.slabs, line.row, line.col)
            found.append(_Line(line=line, located=_located(cut, line, task), thickness_mm=thickness))
    return found


def _located(cut: Cut, line: MidLine, task: _Task) -> Located:
    rotation, share = np.empty(len(line.row)), np.empty(len(line.row))
    for begin in range(0, len(line.row), BATCH):
        part = slice(begin, begin + BATCH)
        row, col = line.row[part], line.col[part]
        rotation[part] = upright_rotations_deg(cut, task.slabs, row, col, UPRIGHT_WINDOW_UM)
        share[part] = tissue_share(cut.tissue, row, col, rotation[part], task.patch_um / task.spacing_um)
    return Located(
        section=np.full(len(line.row), cut.section.id, np.int32),
        centre_um=line.centre_um,
        side=cut.ribbon.side[line.row, line.col],
        face=whole_faces(cut, task.slabs, line.row, line.col),
        weights=cut.ribbon.weights[line.row, line.col],
        plane_angle_deg=plane_angles_deg(cut, task.slabs, line.row, line.col),
        rotation_deg=rotation,
        tissue_share=share,
    )


def _joined(
    lines: Sequence[_Line],
    sections: Mapping[int, Section],
    hemispheres: tuple[Hemisphere, Hemisphere],
    split: Mapping[int, Split],
) -> RibbonPlaces:
    if not lines:
        raise ValueError(f"places along the ribbon need cortex, but none of {len(sections)} sections has a piece of it")
    counts = [len(line.line.arc_mm) for line in lines]
    located = Located(
        **{f.name: np.concatenate([getattr(line.located, f.name) for line in lines]) for f in fields(Located)}
    )
    return RibbonPlaces(
        patches=patch_table(located, sections, hemispheres, split),
        piece=np.repeat(np.arange(len(lines), dtype=np.int32), counts),
        arc_mm=np.concatenate([line.line.arc_mm for line in lines]),
        length_mm=np.repeat([line.line.length_mm for line in lines], counts),
        closed=np.repeat([line.line.closed for line in lines], counts),
        thickness_mm=np.concatenate([line.thickness_mm for line in lines]),
    )
