"""Sections of one brain, each told what the others say of the same cortex."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float16, UInt8

from gennari.apply.context import NearRibbon, near_ribbon, surface_opinions, with_second_opinion
from gennari.apply.context_settings import ContextSettings
from gennari.apply.segment import Segmentation
from gennari.execute import Report, Tick
from gennari.records import Hemisphere, LabelSet, Section
from gennari.sources.dataset import Brain
from gennari.surface.planes import index_planes
from gennari.surface.ribbon import cut_ribbon

Predict = Callable[[Section], Segmentation]
"""What a network says of a section, on a grid of the network's output spacing."""


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """What is kept of one section until all have spoken: its map, and probabilities near the ribbon alone."""

    labels: UInt8[np.ndarray, "h w"]
    places: NearRibbon
    given: Float16[np.ndarray, "n c"]


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """Sections of one brain that have spoken and may be told of each other in several ways, to choose one.

    Attributes:
        sections: by number.
        first: the first class of cortex.
    """

    sections: Mapping[int, Spoken]
    hemispheres: tuple[Hemisphere, Hemisphere]
    first: int

    def maps(self, settings: ContextSettings) -> Mapping[int, UInt8[np.ndarray, "h w"]]:
        """Classes by section number; `settings.reach_mm` was spent when the sections spoke."""
        said = ((spoken.places, spoken.given) for spoken in self.sections.values())
        opinions = surface_opinions(said, self.hemispheres, settings, self.first)
        found = {}
        for number, spoken in self.sections.items():
            places, labels = spoken.places, spoken.labels.copy()
            told = with_second_opinion(places, spoken.given, opinions, self.hemispheres, settings, self.first)
            before, after = (shares[:, self.first :].argmax(axis=1) for shares in (spoken.given, told))
            # what its section calls glass or white matter stays so, though no single class of cortex were as probable
            moved = (before != after) & (labels[places.rows, places.cols] >= self.first)
            labels[places.rows[moved], places.cols[moved]] = self.first + after[moved]
            found[number] = labels
        return found


def with_context(
    brain: Brain,
    sections: Sequence[Section],
    predict: Predict,
    spacing_um: float,
    label_set: LabelSet,
    settings: ContextSettings,
    tick: Report,
) -> Mapping[int, UInt8[np.ndarray, "h w"]]:
    """Maps of sections, changed near the ribbon where their surroundings on the surface say otherwise; as `gather`."""
    return gather(brain, sections, predict, spacing_um, label_set, settings.reach_mm, tick).maps(settings)


def gather(
    brain: Brain,
    sections: Sequence[Section],
    predict: Predict,
    spacing_um: float,
    label_set: LabelSet,
    reach_mm: float,
    tick: Report,
) -> Gathered:
    """Let sections speak.

    Neither truth nor annotations are read: neighbours speak by what a network predicts of them. Predictions of
    sections that the network was trained on are surer than they deserve, and count accordingly.

    Args:
        brain: of all sections; its surfaces are read.
        sections: all that speak; each can also be told.
        predict: called once for each section; memory holds one result at a time.
        spacing_um: of the predictions.
        label_set: of the predictions; the class before its first area is other cortex.
        reach_mm: pixels this near to the ribbon will be told.
        tick: told of each section.

    Raises:
        ValueError: a prediction is not on the grid of its section at this spacing; there are no sections.
    """
    if not sections:
        raise ValueError("surface context needs at least one section, got none")
    hemispheres = brain.hemispheres()
    index, spoken = index_planes(hemispheres, sections[0]), {}
    for done, section in enumerate(sections, start=1):
        said, ribbon = predict(section), cut_ribbon(hemispheres, section, spacing_um, index)
        if said.labels.shape != ribbon.depth.shape:
            raise ValueError(
                f"a prediction must lie on its section's grid {ribbon.depth.shape} at {spacing_um:g} µm, that of "
                f"section {section.id} has {said.labels.shape}; is the spacing that of the network's output?"
            )
        places = near_ribbon(ribbon, section, hemispheres, reach_mm)
        given = np.ascontiguousarray(said.probabilities[:, places.rows, places.cols].T)
        spoken[section.id] = Spoken(labels=said.labels, places=places, given=given)
        tick(Tick("context", done, len(sections), f"{brain.name} {section.id}"))
    return Gathered(sections=spoken, hemispheres=hemispheres, first=max(label_set.first_area - 1, 0))
