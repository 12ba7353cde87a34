"""The control that looks at no image: surfaces and atlas alone."""

import numpy as np
from jaxtyping import Float32, UInt8

from gennari.records import Hemisphere, LabelSet, Section
from gennari.surface.mesh import interpolate
from gennari.surface.ribbon import cut_ribbon, white_matter


def atlas_labels(
    section: Section,
    hemispheres: tuple[Hemisphere, Hemisphere],
    atlas: tuple[Float32[np.ndarray, "_ a"], Float32[np.ndarray, "_ a"]],
    label_set: LabelSet,
    spacing_um: float,
) -> UInt8[np.ndarray, "h w"]:
    """The most probable class of each pixel by the atlas: background, white matter and cortex come from the surfaces.

    It knows the ribbon, which the networks do not: background and white matter are right but for the registration of
    section and surfaces and the rounding of a coarser grid. On cortex the most probable area wins, other cortex having
    what the areas leave.
    """
    ribbon = cut_ribbon(hemispheres, section, spacing_um)
    labels = white_matter(hemispheres, section, spacing_um, ribbon).astype(np.uint8)
    for side, (hemisphere, probability) in enumerate(zip(hemispheres, atlas, strict=True)):
        rows, cols = np.nonzero(ribbon.side == side)
        here = interpolate(probability, hemisphere.pial.faces, ribbon.face[rows, cols], ribbon.weights[rows, cols])
        other = 1.0 - here.sum(axis=1, keepdims=True)
        best = np.concatenate([other, here], axis=1).argmax(axis=1)
        labels[rows, cols] = label_set.first_area - 1 + best
    return labels
