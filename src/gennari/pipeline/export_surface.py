"""What `gennari export` writes of the surface: all sections of a brain gathered on its vertices."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from gennari.apply.surface_map import SurfaceMap, filled, one_hot, surface_maps
from gennari.execute import Report, Tick
from gennari.pipeline.maps import map_path, mapped_sections, probabilities_path
from gennari.pipeline.stages import Run
from gennari.records import Hemisphere, LabelSet, Ribbon, Section
from gennari.sources.dataset import Brain
from gennari.sources.gifti import columns_path, write_columns
from gennari.sources.label_surfaces import write_annotation_surface, write_label_surface
from gennari.sources.probabilities import read_probabilities
from gennari.sources.sections import read_labels
from gennari.surface.ribbon import DEFAULT_SPACING_UM, cut_ribbon

_FREESURFER = {"L": "lh", "R": "rh"}


def write_surfaces(run: Run, variant: str, made: Path, fill_mm: float, tick: Report) -> None:
    """<brain>/hemi-{L,R}_* and {lh,rh}.*.annot of every brain with maps and surfaces."""
    for name, sections in mapped_sections(run, variant).items():
        brain = run.dataset.brain(name)
        if not brain.surfaces_folder.is_dir():
            continue
        hemispheres = brain.hemispheres()
        votes = _votes(run, variant, brain, sections, hemispheres, tick)
        label_set = run.dataset.label_set
        for found, hemisphere in zip(surface_maps(votes, hemispheres, len(label_set.names)), hemispheres, strict=True):
            write_surface_map(made / name, found, hemisphere, label_set, fill_mm)


def write_surface_map(
    folder: Path, found: SurfaceMap, hemisphere: Hemisphere, label_set: LabelSet, fill_mm: float
) -> None:
    """Write what was found on one hemisphere, atomically file by file.

    hemi-<side>_areas.label.gii and <lh|rh>.areas.annot have the classes of vertices that pixels voted on, the same with
    `-filled` those up to `fill_mm` from one, too; hemi-<side>_probability.func.gii has the share of each class and
    "coverage", the votes.
    """
    side = hemisphere.side
    for name, shown in (("areas", found), ("areas-filled", filled(found, hemisphere, fill_mm))):
        write_label_surface(folder / f"hemi-{side}_{name}.label.gii", shown.labels, label_set, side)
        write_annotation_surface(folder / f"{_FREESURFER[side]}.{name}.annot", shown.labels, label_set)
    columns = np.column_stack([found.probabilities, found.coverage])
    write_columns(columns_path(folder, side, "probability"), (*label_set.names, "coverage"), columns, side)


def _votes(
    run: Run,
    variant: str,
    brain: Brain,
    sections: Sequence[Section],
    hemispheres: tuple[Hemisphere, Hemisphere],
    tick: Report,
) -> Iterator[tuple[Ribbon, Float[np.ndarray, "c h w"], float]]:
    """Ribbon and prediction of each section: probabilities where they were kept, else the map."""
    for done, section in enumerate(sections, start=1):
        kept = probabilities_path(run, variant, brain.name, section.id)
        if kept.is_dir():
            given, spacing_um = read_probabilities(kept)
        else:
            labels, spacing_um = read_labels(map_path(run, variant, brain.name, section.id))
            given = one_hot(labels, len(run.dataset.label_set.names))
        yield cut_ribbon(hemispheres, section, max(spacing_um, DEFAULT_SPACING_UM)), given, spacing_um
        tick(Tick("export surface", done, len(sections), f"{brain.name} {section.id}"))
