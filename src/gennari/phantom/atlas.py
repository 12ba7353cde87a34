"""The atlas an individual gets: averaged over others and put in the wrong place, as real ones are."""

import numpy as np
from jaxtyping import Float32
from scipy.spatial import KDTree

from gennari.phantom.anatomy import draw_scores
from gennari.phantom.fields import wave_field
from gennari.phantom.individual import Geometry
from gennari.phantom.layers import COLUMN_LABEL, LABEL_SET
from gennari.phantom.settings import PhantomSettings
from gennari.records import Hemisphere


def population_atlas(
    geometry: Geometry, settings: PhantomSettings, seed: np.random.SeedSequence
) -> tuple[Float32[np.ndarray, "v a"], Float32[np.ndarray, "v a"]]:
    """How often each area lies at each vertex of `settings.atlas_individuals` individuals, left and right.

    These individuals are drawn for the atlas alone; none of them is in the data set.
    """
    sides = []
    for layout, hemisphere in zip(geometry.layouts, geometry.hemispheres, strict=True):
        votes = np.zeros((len(hemisphere.pial.vertices_mm), len(LABEL_SET.areas)), np.float32)
        for child in seed.spawn(settings.atlas_individuals):
            rng = np.random.default_rng(child)
            scores = draw_scores(layout, hemisphere, rng, settings.border_sd_mm, settings.phase_mm)
            labels = COLUMN_LABEL[scores.argmax(axis=1)]
            rows = np.flatnonzero(labels >= LABEL_SET.first_area)
            votes[rows, labels[rows] - LABEL_SET.first_area] += 1
        sides.append(votes / settings.atlas_individuals)
    return sides[0], sides[1]


def displaced(
    probability: Float32[np.ndarray, "v a"], hemisphere: Hemisphere, rms_mm: float, rng: np.random.Generator
) -> Float32[np.ndarray, "v a"]:
    """A vertex map moved along the inflated surface by a smooth random field of `rms_mm` RMS.

    Two of the field's three components lie in the surface; each gets rms / √2. A vertex takes the value of the vertex
    nearest to where the field points.
    """
    points = hemisphere.mirrored_inflated_mm
    shift = rms_mm / np.sqrt(2) * wave_field(rng, 3, 20.0)(points)
    return probability[KDTree(points).query(points + shift)[1]]
