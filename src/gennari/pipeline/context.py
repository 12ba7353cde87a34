"""Sections of one brain, each told what the others say of the same cortex."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float16, UInt8

from gennari.apply.context import NearRibbon, near_ribbon, surface_opinions, with_second_opinion
from gennari.apply.context_settings import ContextSettings
from gennari.apply.segment import Segmentation
from gennari.execute import Report, Tick
from gennari.records import LabelSet, Section
from gennari.sources.dataset import Brain
from gennari.surface.planes import index_planes
from gennari.surface.ribbon import cut_ribbon

Predict = Callable[[Section], Segmentation]
"""What a network says of a section, on a grid of the network's output spacing."""


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """What is kept of a section until all have spoken: its map, and probabilities near the ribbon alone."""

    labels: UInt8[np.ndarray, "h w"]
    places: NearRibbon
    given: Float16[np.ndarray, "n c"]


def with_context(
    brain: Brain,
    sections: Sequence[Section],
    predict: Predict,
    spacing_um: float,
    label_set: LabelSet,
    settings: ContextSettings,
    tick: Report,
) -> Mapping[int, UInt8[np.ndarray, "h w"]]:
    """Maps of sections, changed near the ribbon where their surroundings on the surface say otherwise.

    Neither truth nor annotations are read: neighbours speak by what a network predicts of them. Predictions of
    sections that the network was trained on are surer than they deserve, and count accordingly.

    Args:
        brain: of all sections; its surfaces are read.
        sections: all that speak; each is also told.
        predict: called once for each section; memory holds one result at a time.
        spacing_um: of the predictions.
        label_set: of the predictions; the class before its first area is other cortex.
        settings: how far sections are heard, and how much.
        tick: told of each section.

    Returns:
        Classes by section number, on the predictions' grids.

    Raises:
        ValueError: a prediction is not on the grid of its section at this spacing; there are no sections.
    """
    if not sections:
        raise ValueError("surface context needs at least one section, got none")
    hemispheres, first = brain.hemispheres(), max(label_set.first_area - 1, 0)
    index = index_planes(hemispheres, sections[0])
    kept: dict[int, _Kept] = {}
    for done, section in enumerate(sections, start=1):
        said, ribbon = predict(section), cut_ribbon(hemispheres, section, spacing_um, index)
        if said.labels.shape != ribbon.depth.shape:
            raise ValueError(
                f"a prediction must lie on its section's grid {ribbon.depth.shape} at {spacing_um:g} µm, that of "
                f"section {section.id} has {said.labels.shape}; is the spacing that of the network's output?"
            )
        places = near_ribbon(ribbon, section, hemispheres, settings.reach_mm)
        given = np.ascontiguousarray(said.probabilities[:, places.rows, places.cols].T)
        kept[section.id] = _Kept(labels=said.labels, places=places, given=given)
        tick(Tick("context", done, len(sections), f"{brain.name} {section.id}"))
    opinions = surface_opinions(((k.places, k.given) for k in kept.values()), hemispheres, settings, first)
    found = {}
    for number, of_section in kept.items():
        places, labels = of_section.places, of_section.labels.copy()
        told = with_second_opinion(places, of_section.given, opinions, hemispheres, settings, first)
        labels[places.rows, places.cols] = told.argmax(axis=1)
        found[number] = labels
    return found
