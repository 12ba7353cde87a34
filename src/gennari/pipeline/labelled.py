"""Sections of labelled brains as the networks see them: image, partial labels and prior on aligned grids."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, UInt8

from gennari.data.area_batches import LabelledSection
from gennari.data.prior import Prior, make_prior
from gennari.execute import Report, Tick
from gennari.nets.sizes import TextureConfig, atlas_spacing_um, output_spacing_um
from gennari.records import IGNORE, Hemisphere, Section
from gennari.sources.annotations import rasterise, read_annotation
from gennari.sources.dataset import Brain
from gennari.surface.ribbon import cut_ribbon

PRIOR_RIBBON_UM = 64.0
"""Ribbons that priors are made from are no finer: the prior is blurred by eight such pixels."""
Atlas = tuple[Float32[np.ndarray, "_ a"], Float32[np.ndarray, "_ a"]]


def labelled_sections(
    brains: Sequence[tuple[Brain, Sequence[Section]]], config: TextureConfig, tick: Report
) -> list[LabelledSection]:
    """All annotated sections of several brains; pixels nobody annotated are IGNORE."""
    total = sum(len(sections) for _, sections in brains)
    found: list[LabelledSection] = []
    for brain, sections in brains:
        hemispheres, atlas = brain.hemispheres(), brain.atlas()
        for section in sections:
            found.append(
                LabelledSection(
                    image=brain.read_full(section.id, config.spacing_um),
                    labels=annotated_labels(brain, section, output_spacing_um(config)),
                    prior=section_prior(hemispheres, atlas, section, config),
                    name=f"{brain.name} {section.id}",
                )
            )
            tick(Tick("labels", len(found), total, found[-1].name))
    return found


def annotated_labels(brain: Brain, section: Section, spacing_um: float) -> UInt8[np.ndarray, "h w"]:
    """What was annotated on a section, on a grid of this spacing."""
    path = brain.annotation(section.id)
    if path is None:
        return np.full(section.grid_shape(spacing_um), IGNORE, np.uint8)
    return rasterise(read_annotation(path, brain.label_set), section, spacing_um)


def section_prior(
    hemispheres: tuple[Hemisphere, Hemisphere], atlas: Atlas, section: Section, config: TextureConfig
) -> Prior:
    """The atlas on the stem's grid of one section."""
    spacing_um = atlas_spacing_um(config)
    ribbon = cut_ribbon(hemispheres, section, max(spacing_um, PRIOR_RIBBON_UM))
    shape_px = section.grid_shape(spacing_um)
    return make_prior(ribbon, hemispheres, atlas, spacing_um=spacing_um, shape_px=shape_px)
