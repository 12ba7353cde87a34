"""Where borders are looked for in a run."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from gennari.data.patch_images import SectionImages
from gennari.errors import InputError
from gennari.execute import Report, usable_cores
from gennari.pipeline.border_tables import FOLDER, PLACES
from gennari.pipeline.sampling import pretext_brain, split_of
from gennari.pipeline.stages import Run, run_stage
from gennari.records import Section
from gennari.sampling.ribbon_places import RibbonPlaces, read_places, ribbon_places, write_places
from gennari.sampling.split import Split, position_mm
from gennari.sources.dataset import Brain

STEP_UM = 200.0
"""Between places along the ribbon (Spitzer et al. 2018, section 4)."""
RIBBON_UM = 64.0
TRAIN_SECTIONS = 24
"""Thresholds, confounds and components are fitted on so many training sections, evenly through the brain."""
PLACES_STAGE = "borders-places"


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What `gennari borders` was asked.

    Attributes:
        brain: its name; None: the unlabelled one.
        split: the part of its sections that borders are wanted on.
    """

    brain: str | None = None
    split: Split = "test"

    def chosen(self, run: Run) -> Brain:
        """The brain; InputError if there is none of that name."""
        return pretext_brain(run) if self.brain is None else run.dataset.brain(self.brain)


def borders_path(run: Run, *parts: str) -> Path:
    """A path inside RUN/borders."""
    return run.path(FOLDER, *parts)


def sections_asked(run: Run, ask: Ask) -> dict[Split, tuple[Section, ...]]:
    """The sections borders are wanted on, and TRAIN_SECTIONS training ones, each along their normal.

    Raises:
        InputError: either part of the split is empty.
    """
    brain, split = ask.chosen(run), split_of(run, ask.chosen(run))
    ordered = sorted(brain.sections, key=position_mm)
    wanted = tuple(section for section in ordered if split[section.id] == ask.split)
    train = [section for section in ordered if split[section.id] == "train"]
    if not wanted or not train:
        raise InputError(
            f"borders need sections to look at ('{ask.split}') and others to fix thresholds on ('train'), but the "
            f"split of brain {brain.name} has {len(wanted)} and {len(train)}; name another --brain or --split"
        )
    evenly = np.unique(np.linspace(0, len(train) - 1, min(TRAIN_SECTIONS, len(train))).round().astype(int))
    chosen: dict[Split, tuple[Section, ...]] = {"train": tuple(train[i] for i in evenly)}
    chosen[ask.split] = wanted  # asked for training sections themselves, borders are wanted on all of them
    return chosen


def places_stage(run: Run, ask: Ask, tick: Report) -> bool:
    """Places along the ribbon of the sections asked for; written once."""
    return run_stage(run, PLACES_STAGE, ("sample",), partial(_find_places, run, ask, tick), tick)


def read_asked_places(run: Run, ask: Ask) -> RibbonPlaces:
    """The run's places.

    Raises:
        InputError: they are of another brain or other sections than those asked for.
    """
    places, wanted = read_places(borders_path(run, PLACES)), sections_asked(run, ask)
    asked = {section.id for sections in wanted.values() for section in sections}
    if (
        set(places.patches.brain.tolist()) != {ask.chosen(run).name}
        or not set(places.patches.section.tolist()) <= asked
    ):
        raise InputError(
            f"{borders_path(run)} keeps the borders of one brain and one part of its split, but it holds others than "
            f"those of {ask.chosen(run).name} '{ask.split}'; move that folder and its receipts away to ask anew"
        )
    return places


def place_images(run: Run, places: RibbonPlaces) -> SectionImages:
    """The images of places, as the run's networks see them."""
    texture = run.experiment.texture
    return SectionImages(
        patches=places.patches,
        sections=run.dataset.brain(str(places.patches.brain[0])).sections,
        open_reader=run.dataset.open_reader,
        side_px=texture.patch_px,
        spacing_um=texture.spacing_um,
    )


def _find_places(run: Run, ask: Ask, tick: Report) -> list[Path]:
    brain, wanted = ask.chosen(run), sections_asked(run, ask)
    sections = tuple({section.id: section for part in wanted.values() for section in part}.values())
    texture = run.experiment.texture
    places = ribbon_places(
        sections, brain.hemispheres(), split_of(run, brain), patch_um=texture.patch_px * texture.spacing_um,
        step_um=STEP_UM, ribbon_spacing_um=RIBBON_UM, workers=min(usable_cores(), 1 + len(sections) // 16), tick=tick,
    )  # fmt: skip
    path = borders_path(run, PLACES)
    write_places(path, places)
    return [path]
