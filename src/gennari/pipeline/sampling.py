"""The stage that decides where to look: split, patches, pairs with distances."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from gennari.errors import InputError
from gennari.execute import Report, usable_cores
from gennari.pipeline.distances import Measured, Measuring, measure_all
from gennari.pipeline.inflated import inflated_figures
from gennari.pipeline.journal import forget
from gennari.pipeline.splitting import draw_splits, read_splits, write_splits
from gennari.pipeline.stages import Run, run_stage
from gennari.records import SIDES, Hemisphere, PatchTable, Section
from gennari.sampling.pairs import PairSummary, draw_pairs, summarise_pairs
from gennari.sampling.patches import sample_patches
from gennari.sampling.split import Split
from gennari.sources.atomic import write_json
from gennari.sources.dataset import Brain
from gennari.sources.surfaces import read_spheres
from gennari.sources.tables import write_pairs, write_patches
from gennari.surface.correspondence import ToLeft, right_to_left
from gennari.surface.geodesic import Calibration

SECTIONS_A_WORKER = 16
"""Fewer, some ten seconds of work, are not worth another process."""

JOURNAL = "distances"
"""Folder of finished sources, gone once the stage is."""


def sample_stage(run: Run, tick: Report) -> bool:
    """Split all brains, sample patches and pairs on the pretext brain; `gennari pack` reads the patches' images."""
    return run_stage(run, "sample", (), partial(_sample, run, tick), tick)


def split_of(run: Run, brain: Brain) -> dict[int, Split]:
    """The split of one brain's sections, as the sampling stage drew and saved it; InputError as `read_splits`."""
    return read_splits(run)[brain.name]


def pretext_brain(run: Run) -> Brain:
    """The brain the pretext task is learned on: that of role "pretext", or the only one of a data set with one brain.

    A labelled brain gives patches of its training sections alone, since one split serves both tasks.

    Raises:
        InputError: several brains have the role, or none has and there are several.
    """
    brains = run.dataset.brains()
    found = [brain for brain in brains if brain.manifest.role == "pretext"] or brains
    if len(found) != 1:
        raise InputError(
            f"a run pre-trains on one brain, its only one or that of role 'pretext', but {run.dataset.manifest.name} "
            f"has {len(found)}; set the roles in brain.json"
        )
    return found[0]


def _sample(run: Run, tick: Report) -> list[Path]:
    splits, missing = draw_splits(run, tick)
    written = write_splits(run, splits, missing)
    outputs = [run.path(name) for name in ("patches.parquet", "pairs.parquet")]
    brain = pretext_brain(run)
    hemispheres = brain.hemispheres()
    to_left = _to_left(run, brain, hemispheres)  # refuse before hours of work
    rng = np.random.default_rng([run.experiment.seed, 1])
    texture = run.experiment.texture
    patches = sample_patches(
        brain.sections, hemispheres, splits[brain.name], run.experiment.patches, rng,
        patch_um=texture.patch_px * texture.spacing_um, workers=_workers(brain), tick=tick,
    )  # fmt: skip
    for number in sorted(set(patches.section.tolist())):
        brain.open_reader(brain.section(number))  # refuse a missing image now, not after hours of distances
    drawn = draw_pairs(patches, run.experiment.pairs, rng)
    how = Measuring(exact=run.experiment.pairs.exact, seed=run.experiment.seed, workers=usable_cores())
    measured = measure_all(hemispheres, patches, *drawn, how, run.path(JOURNAL), tick, to_left)
    write_patches(outputs[0], patches)
    write_pairs(outputs[1], measured.pairs)
    forget(run.path(JOURNAL))
    summary = run.path("sampling.json")
    write_json(summary, _summary(run, brain, hemispheres, patches, measured))
    return [*written, *outputs, summary]


def _summary(
    run: Run, brain: Brain, hemispheres: tuple[Hemisphere, Hemisphere], patches: PatchTable, measured: Measured
) -> dict[str, object]:
    """What the draw turned out to be, for sampling.json."""
    groups = summarise_pairs(patches, measured.pairs.first, measured.pairs.second, run.experiment.pairs)
    exact = {side: {"method": "exact"} for side in SIDES}
    fronts = {side: {"method": "front", **_plain(found)} for side, found in measured.calibrations.items()}
    return {
        "pairs": {name: _plain(group) for name, group in groups.items()},
        "geodesics": fronts or exact,
        "inflated": inflated_figures(hemispheres, patches, measured.pairs, read_spheres(brain.surfaces_folder)),
        "patches": {kind: int((patches.split == kind).sum()) for kind in ("train", "val", "test")},
    }


def _plain(record: PairSummary | Calibration) -> dict[str, object]:
    """Fields for JSON, which has no NaN: what could not be measured is null."""
    return {key: None if value != value else value for key, value in asdict(record).items()}


def _workers(brain: Brain) -> int:
    """Processes for placing patches; a few sections take less time than starting one."""
    return min(usable_cores(), 1 + len(brain.sections) // SECTIONS_A_WORKER)


def _to_left(run: Run, brain: Brain, hemispheres: tuple[Hemisphere, Hemisphere]) -> ToLeft | None:
    """Where the right hemisphere's places lie on the left one, if pairs may span the two."""
    if not run.experiment.pairs.cross_hemisphere:
        return None
    return right_to_left(hemispheres, read_spheres(brain.surfaces_folder))


def sections_of(run: Run, wanted: Split) -> Mapping[str, tuple[Section, ...]]:
    """Sections of the labelled brains that fall in a part of the split, by brain; a brain without any is left out."""
    found, splits = {}, read_splits(run)
    for brain in run.dataset.brains():
        chosen = tuple(section for section in brain.sections if splits[brain.name][section.id] == wanted)
        if brain.manifest.role == "labelled" and chosen:
            found[brain.name] = chosen
    return found
