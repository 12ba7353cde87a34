"""How far areas lie from each other on a brain's surface, by its atlas."""

import numpy as np
from jaxtyping import Float, Float32

from gennari.errors import InputError
from gennari.records import Hemisphere, LabelSet
from gennari.surface.geodesic import GeodesicSolver
from gennari.surface.regions import region_distances_mm


def area_distances_mm(
    hemispheres: tuple[Hemisphere, Hemisphere],
    atlas: tuple[Float32[np.ndarray, "_ a"], Float32[np.ndarray, "_ a"]],
    label_set: LabelSet,
) -> Float[np.ndarray, "a a"]:
    """Distance in mm between the nearest points of each two areas on the mid surface, mean of both hemispheres.

    An area is where the atlas holds it the most probable class, other cortex having what the areas leave; an area that
    is so nowhere is the vertex where it is most probable. Areas that touch are 0 apart. The front is not calibrated
    and good to about 3 %, since distances are sorted into bins of a centimetre and more.

    Raises:
        InputError: an area has no probability on a hemisphere, or no way leads from it to another.
    """
    both = [
        region_distances_mm(GeodesicSolver(hemisphere.mid), _regions(probability), len(label_set.areas))
        for hemisphere, probability in zip(hemispheres, atlas, strict=True)
    ]
    mean = np.mean(both, axis=0)
    lost = [area for area, row in zip(label_set.areas, mean, strict=True) if np.isnan(row).any()]
    if lost:
        raise InputError(
            f"every area must have its place on both hemispheres of the atlas, but {', '.join(lost)} cannot be "
            "reached from the others; is its column of probabilities empty?"
        )
    return mean


def _regions(probability: Float32[np.ndarray, "v a"]) -> np.ndarray:
    other = 1 - probability.sum(axis=1, keepdims=True)
    region = np.concatenate([other, probability], axis=1).argmax(axis=1) - 1
    for area in np.setdiff1d(np.arange(probability.shape[1]), region):
        if probability[:, area].max() > 0:
            region[probability[:, area].argmax()] = area
    return region
