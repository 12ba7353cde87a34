"""What maps are measured against: the truth where a data set knows it, else what experts annotated."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from gennari.data.label_grids import coarsened
from gennari.errors import InputError
from gennari.pipeline.labelled import annotated_labels
from gennari.pipeline.sampling import sections_of
from gennari.pipeline.stages import Run
from gennari.records import IGNORE, Section
from gennari.sources.dataset import Brain

Reference = Literal["truth", "annotations"]
WORDS: Mapping[Reference, str] = {"truth": "truth", "annotations": "annotated"}
"""How figures call it, in a word."""
ANNOTATED_NOTE = (
    "Measured on annotated pixels of held-out sections only, since nobody knows the truth of the others. What experts "
    "leave open is what is hard to tell, so these figures are kinder than figures over all pixels would be."
)


def reference_of(run: Run) -> Reference:
    """Truth, if every held-out section has one; else annotations."""
    held_out = [(name, section.id) for name, part in sections_of(run, "test").items() for section in part]
    return "truth" if all(run.dataset.brain(name).has_truth(number) for name, number in held_out) else "annotations"


def measured_sections(run: Run) -> Mapping[str, tuple[Section, ...]]:
    """The held-out sections that have what they can be measured against, by brain; a brain without any is left out.

    Raises:
        InputError: there are none.
    """
    held_out = sections_of(run, "test")
    if reference_of(run) == "annotations":
        drawn = {
            name: tuple(section for section in part if run.dataset.brain(name).annotation(section.id) is not None)
            for name, part in held_out.items()
        }
        held_out = {name: part for name, part in drawn.items() if part}
    if not held_out:
        raise InputError(
            f"maps are measured on held-out sections with a truth or with annotations, but {run.dataset.manifest.name} "
            "has none of these; annotate one of the sections that split.json calls test and import it "
            "(gennari import annotations)"
        )
    return held_out


def reference_map(brain: Brain, section: Section, spacing_um: float, reference: Reference) -> UInt8[np.ndarray, "h w"]:
    """The classes of a section that maps are compared with; IGNORE where nothing is known.

    Raises:
        InputError: as `true_map`; or nothing of the annotation is left on this grid.
    """
    if reference == "truth":
        return true_map(brain, section.id, spacing_um)
    labels = annotated_labels(brain, section, spacing_um)
    if (labels == IGNORE).all():
        raise InputError(
            f"an annotation must cover a pixel of {spacing_um:g} µm, but that of section {section.id} of {brain.name} "
            "covers none; draw more, or take its file out of annotations/"
        )
    return labels


def true_map(brain: Brain, section: int, spacing_um: float) -> UInt8[np.ndarray, "h w"]:
    """The truth of a section, brought to a coarser grid by majority.

    Raises:
        InputError: the grid is not a multiple of the truth's.
    """
    truth = brain.truth(section)
    factor = round(spacing_um / truth.spacing_um)
    if factor < 1 or abs(factor * truth.spacing_um - spacing_um) > 1e-6:
        raise InputError(
            f"maps are compared on a grid that is a multiple of the truth's ({truth.spacing_um} µm), "
            f"got {spacing_um} µm; choose a network whose output spacing is one"
        )
    return coarsened(truth.labels, factor)
