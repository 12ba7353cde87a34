"""The stage that hands accepted borders to other programs: CSV, GeoJSON on each section, GIfTI on the surface."""

from functools import partial
from pathlib import Path

import numpy as np

from gennari.errors import InputError
from gennari.execute import Report, Tick
from gennari.pipeline.border_detection import DETECT_STAGE
from gennari.pipeline.border_places import RIBBON_UM, Ask, borders_path, read_asked_places, sections_asked
from gennari.pipeline.border_tables import ACCEPTED, AcceptedTable, read_table
from gennari.pipeline.stages import Run, run_stage
from gennari.records import Hemisphere, Section
from gennari.sampling.gaps import gap_centre_um
from gennari.sampling.ribbon_places import RibbonPlaces
from gennari.sources.atomic import atomic_path
from gennari.sources.border_files import BorderTable, write_border_files
from gennari.surface.ribbon import cut_ribbon
from gennari.surface.unroll import trajectories

EXPORT = "export"
DEPTHS = 9
"""Points of a line across the cortex."""


def export_stage(run: Run, ask: Ask, tick: Report) -> bool:
    """Write export/<method>/ for each method that accepted a border: borders.csv, sections/, hemi-{L,R}."""
    return run_stage(run, "borders-export", (DETECT_STAGE,), partial(_export, run, ask, tick), tick)


def border_table(accepted: AcceptedTable, method: str, places: RibbonPlaces, across_um: np.ndarray) -> BorderTable:
    """The borders of one method as other programs get them.

    Args:
        accepted: of all methods.
        method: whose.
        places: of the run.
        across_um: lines across the cortex, (rows of accepted, DEPTHS, 2).
    """
    own = np.flatnonzero(accepted.method == method)
    gap, curve = accepted.gap[own], accepted.curve[own]
    _, which, count = np.unique(curve, return_inverse=True, return_counts=True)
    return BorderTable(
        section=accepted.section[own].astype(int),
        side=accepted.side[own].astype(int),
        piece=accepted.piece[own].astype(int),
        arc_mm=accepted.arc_mm[own],
        centre_um=gap_centre_um(places)[gap],
        brain_mm=accepted.brain_mm[own],
        across_um=across_um[own],
        vertex=places.patches.vertex[gap].astype(int),
        curve=curve.astype(int),
        sections=count[which],
        recurs=accepted.recurrent[own],
        measures={"score": accepted.value[own]},
    )


def _export(run: Run, ask: Ask, tick: Report) -> list[Path]:
    folder = borders_path(run, EXPORT)
    if folder.exists():
        raise InputError(f"borders are exported to a new folder, but {folder} is there already; move it away")
    places, brain = read_asked_places(run, ask), ask.chosen(run)
    accepted = read_table(borders_path(run, ACCEPTED), AcceptedTable)
    sections, hemispheres = sections_asked(run, ask)[ask.split], brain.hemispheres()
    across_um = _lines_across(accepted, places, sections, hemispheres, tick)
    with atomic_path(folder) as made:
        made.mkdir()
        for method in dict.fromkeys(accepted.method.tolist()):
            write_border_files(made / method, border_table(accepted, method, places, across_um), sections, hemispheres)
    return [folder]


def _lines_across(
    accepted: AcceptedTable,
    places: RibbonPlaces,
    sections: tuple[Section, ...],
    hemispheres: tuple[Hemisphere, Hemisphere],
    tick: Report,
) -> np.ndarray:
    """The line from pial to white through each accepted border, (m, DEPTHS, 2) in SECTION_UM."""
    out, centre_um = np.full((len(accepted.gap), DEPTHS, 2), np.nan), gap_centre_um(places)[accepted.gap]
    for done, section in enumerate(sections, start=1):
        own = np.flatnonzero(accepted.section == section.id)
        if len(own):
            ribbon = cut_ribbon(hemispheres, section, RIBBON_UM)
            out[own] = np.moveaxis(trajectories(ribbon, centre_um[own], DEPTHS), 0, 1)
        tick(Tick("export", done, len(sections), f"section {section.id}"))
    return out
