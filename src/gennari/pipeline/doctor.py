"""`gennari check`: everything that is looked at in a data set before somebody trains on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gennari.errors import InputError
from gennari.execute import Report, Tick
from gennari.pipeline.check_labels import check_annotations, check_atlas
from gennari.pipeline.check_sections import (
    Looked,
    check_fit,
    check_images,
    check_series,
    check_spacing,
    look,
    spread_out,
)
from gennari.pipeline.check_speed import check_disk, check_speed, patches_per_second
from gennari.pipeline.findings import Finding
from gennari.recipes.experiment import Experiment
from gennari.records import Hemisphere
from gennari.sources.dataset import Brain, Dataset


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What the doctor found.

    Attributes:
        findings: in the order of the checks.
        looked: the sections that were looked at.
    """

    findings: tuple[Finding, ...]
    looked: tuple[Looked, ...]


def examine(dataset: Dataset, recipe: Experiment, count: int, seed: int, tick: Report) -> Examination:
    """Check a data set against what a recipe needs.

    Args:
        dataset: to look at; nothing is written.
        recipe: gives spacing, size and number of patches.
        count: sections of each brain whose registration is looked at.
        seed: of the places that are read to measure the speed.
        tick: told of each brain.

    Raises:
        InputError: the data set's index is damaged.
    """
    brains = dataset.brains()
    findings: list[Finding] = [check_disk(dataset, recipe.patches.count, recipe.texture.patch_px)]
    looked: list[Looked] = []
    for number, brain in enumerate(brains):
        tick(Tick("check", number, len(brains), brain.name))
        found, seen = _examine_brain(brain, recipe, count, np.random.default_rng(seed))
        findings += found
        looked += seen
    findings += check_annotations(brains)
    tick(Tick("check", len(brains), len(brains)))
    return Examination(findings=tuple(findings), looked=tuple(looked))


def _examine_brain(
    brain: Brain, recipe: Experiment, count: int, rng: np.random.Generator
) -> tuple[list[Finding], list[Looked]]:
    findings = check_images(brain)
    readable = findings[0].level == "good"
    findings += check_spacing(brain, recipe.texture.spacing_um) + check_series(brain)
    try:
        hemispheres = brain.hemispheres()
    except InputError as error:
        findings.append(Finding("surfaces", "wrong", str(error), "run `gennari import surfaces`", brain.name))
        return findings, []
    vertices = ", ".join(f"{hemisphere.side} {len(hemisphere.medial_wall)}" for hemisphere in hemispheres)
    findings.append(Finding("surfaces", "good", f"oriented, paired; vertices {vertices}", "", brain.name))
    findings += check_atlas(brain, hemispheres)
    if not readable:
        return findings, []
    found, looked = _looks(brain, hemispheres, count)
    rate = patches_per_second(brain, recipe.texture.patch_px, recipe.texture.spacing_um, rng)
    speed = check_speed(brain, recipe.patches.count, recipe.texture.patch_px, recipe.texture.spacing_um, rate)
    return [*findings, *found, speed], looked


def _looks(brain: Brain, hemispheres: Sequence[Hemisphere], count: int) -> tuple[list[Finding], list[Looked]]:
    looked, findings = [], []
    for section in spread_out(brain.sections, count):
        try:
            looked.append(look(brain, hemispheres, section))
        except InputError as error:
            found = f"section {section.id}: {error}"
            findings.append(Finding("registration", "doubtful", found, "look at the image", brain.name))
    return findings + check_fit(brain.name, looked), looked
