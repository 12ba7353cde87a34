"""Where borders are looked for in a run, and what networks make of the patches there."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32

from gennari.apply.features import branch_features
from gennari.data.patch_images import SectionImages
from gennari.data.pixels import Normalisation
from gennari.errors import InputError
from gennari.execute import Report, Tick, usable_cores
from gennari.nets.siamese import SiameseNet
from gennari.pipeline.border_tables import FOLDER, OURS, PLACES
from gennari.pipeline.sampling import pretext_brain, split_of
from gennari.pipeline.stages import Run, run_stage
from gennari.records import Section
from gennari.sampling.ribbon_places import RibbonPlaces, read_places, ribbon_places, write_places
from gennari.sampling.split import Split, position_mm
from gennari.sources.atomic import atomic_path
from gennari.sources.dataset import Brain

STEP_UM = 200.0
"""Between places along the ribbon (Spitzer et al. 2018, section 4)."""
RIBBON_UM = 64.0
TRAIN_SECTIONS = 24
"""Thresholds, confounds and components are fitted on so many training sections, evenly through the brain."""
CHUNK = 2048
"""Patches whose images are held at a time."""
GREY = "grey"
"""Mean grey value of each patch, beside the networks' features."""
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


def network_features(
    nets: Mapping[str, SiameseNet], images: SectionImages, grey: Normalisation, stage: str, tick: Report
) -> dict[str, Float32[np.ndarray, "n f"]]:
    """Features of all images for each network, and their mean grey as GREY; images are read once for all.

    Args:
        nets: by name, on the device to use.
        images: in order along the ribbon.
        grey: what the networks were trained with.
        stage: for ticks.
        tick: told after every CHUNK patches.
    """
    torch.set_num_threads(usable_cores())
    parts: dict[str, list[np.ndarray]] = {name: [] for name in (*nets, GREY)}
    for begin in range(0, len(images), CHUNK):
        rows = np.arange(begin, min(begin + CHUNK, len(images)))
        pixels = images.read(rows)
        for name, net in nets.items():
            parts[name].append(branch_features(net, pixels, grey))
        parts[GREY].append(pixels.mean(axis=(1, 2), dtype=np.float32)[:, None])
        tick(Tick(stage, int(rows[-1]) + 1, len(images), ", ".join(nets)))
    return {name: np.concatenate(found) for name, found in parts.items()}


def write_features(run: Run, features: Mapping[str, Float32[np.ndarray, "n f"]]) -> list[Path]:
    """Write each array as features/<name>.npy, atomically; returns where."""
    paths = []
    for name, values in features.items():
        paths.append(features_path(run, name))
        with atomic_path(paths[-1]) as temporary:
            np.save(temporary, values, allow_pickle=False)
    return paths


def read_features(run: Run, name: str = OURS) -> Float[np.ndarray, "n f"]:
    """What a network, or GREY, makes of the run's places; InputError if the file is missing or damaged."""
    path = features_path(run, name)
    try:
        return np.load(path, allow_pickle=False).astype(np.float64)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{path} must hold the features of the places along the ribbon, but it cannot be read ({error}); delete "
            "the receipt of its stage and run `gennari borders` again"
        ) from error


def features_path(run: Run, name: str) -> Path:
    """Where features stand."""
    return borders_path(run, "features", f"{name}.npy")


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
