"""Two simulated observers: the truth with its borders between areas moved, as experts' drawings of one brain differ."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy import ndimage
from scipy.spatial import KDTree

from gennari.metrics.overlap import confusion
from gennari.phantom.fields import wave_field
from gennari.phantom.settings import Annotators
from gennari.records import LabelSet
from gennari.sources.manifests import Observers

JITTER_LENGTH_MM = 2.5
"""Correlation length of the errors: a hand follows a wrong border for about this long [ours]."""
FIELD_STEP_MM = 0.5
"""Displacements are drawn on this grid and interpolated: a fifth of their correlation length is fine enough."""
_FIRST, _SECOND, _JITTER = 2, 3, 4
"""Streams of random numbers of a section (and of a brain); 0 is its image, 1 what gets annotated."""


@dataclass(frozen=True, kw_only=True)
class Drawings:
    """One section as two observers draw it, in full, and by how much each is off."""

    first: UInt8[np.ndarray, "h w"]
    second: UInt8[np.ndarray, "h w"]
    jitter_mm: tuple[float, float]


def two_drawings(
    labels: UInt8[np.ndarray, "h w"],
    spacing_um: float,
    label_set: LabelSet,
    annotators: Annotators,
    brain_seed: int,
    section: int,
) -> Drawings:
    """Both observers' drawings of a section: a number of jitter for each brain, a field of its own for each section.

    Args:
        labels: the truth.
        spacing_um: of its grid.
        label_set: says which classes are cortex.
        annotators: lowest and highest jitter.
        brain_seed: of the brain; its observers' jitter follows from it alone.
        section: number of the section.
    """
    first_mm, second_mm = np.random.default_rng([brain_seed, 0, _JITTER]).uniform(*annotators.jitter_mm, size=2)
    first, second = (
        observed(labels, spacing_um, label_set, float(jitter_mm), np.random.default_rng([brain_seed, section, stream]))
        for jitter_mm, stream in ((first_mm, _FIRST), (second_mm, _SECOND))
    )
    return Drawings(first=first, second=second, jitter_mm=(float(first_mm), float(second_mm)))


def observed(
    labels: UInt8[np.ndarray, "h w"],
    spacing_um: float,
    label_set: LabelSet,
    jitter_rms_mm: float,
    rng: np.random.Generator,
) -> UInt8[np.ndarray, "h w"]:
    """A section as an observer draws it: borders on cortex are off, the edges of tissue are seen and stay.

    Each pixel of cortex takes the class of the cortex pixel nearest to its displaced place. The displacement is a
    smooth Gaussian field; over the section's cortex its RMS is `jitter_rms_mm` along each axis, so that a border is
    off by this RMS across itself, whichever way it runs.

    Args:
        labels: the truth.
        spacing_um: of its grid.
        label_set: classes from `first_area - 1` (other cortex) up are cortex.
        jitter_rms_mm: 0 gives the truth back.
        rng: draws the field.
    """
    cortex = labels >= label_set.first_area - 1
    places = np.argwhere(cortex)
    drawn = labels.copy()
    if len(places):
        moved = places + _displacement_mm(places, labels.shape, spacing_um, jitter_rms_mm, rng) * (1e3 / spacing_um)
        rows, cols = _nearest_cortex(moved, cortex).T
        drawn[cortex] = labels[rows, cols]
    return drawn


def agreement(truth: UInt8[np.ndarray, "h w"], spacing_um: float, drawings: Drawings, label_set: LabelSet) -> Observers:
    """How far two drawings of a section agree with each other and with the truth: pixels of cortex, by class."""
    cortex = truth >= label_set.first_area - 1
    true, first, second = (labels[cortex] for labels in (truth, drawings.first, drawings.second))
    mutual, of_first, of_second = (
        tuple(tuple(row) for row in confusion(one, other, len(label_set.names)).tolist())
        for one, other in ((first, second), (true, first), (true, second))
    )
    return Observers(
        spacing_um=spacing_um, jitter_mm=drawings.jitter_mm, mutual=mutual, first=of_first, second=of_second
    )


def _displacement_mm(
    places: Int[np.ndarray, "n 2"], shape: tuple[int, ...], spacing_um: float, rms_mm: float, rng: np.random.Generator
) -> Float[np.ndarray, "n 2"]:
    step_px = FIELD_STEP_MM * 1e3 / spacing_um
    rows, cols = (int(np.ceil(side / step_px)) + 1 for side in shape)
    grid = np.mgrid[:rows, :cols].reshape(2, -1).T * FIELD_STEP_MM
    values = wave_field(rng, 2, JITTER_LENGTH_MM)(np.column_stack([grid, np.zeros(len(grid))]))
    at = (places / step_px).T
    field = np.stack(
        [ndimage.map_coordinates(component.reshape(rows, cols), at, order=1) for component in values.T], axis=1
    ).astype(float)
    return field * (rms_mm / np.sqrt((field**2).mean(axis=0)))


def _nearest_cortex(moved_px: Float[np.ndarray, "n 2"], cortex: Bool[np.ndarray, "h w"]) -> Int[np.ndarray, "n 2"]:
    nearest = np.rint(moved_px).astype(int)
    held = np.clip(nearest, 0, np.array(cortex.shape) - 1)
    off = (held != nearest).any(axis=1) | ~cortex[held[:, 0], held[:, 1]]
    # the cortex pixel nearest to a point off cortex always has a 4-neighbour that is none
    rim = np.argwhere(cortex & ~np.asarray(ndimage.binary_erosion(cortex), bool))
    nearest[off] = rim[KDTree(rim).query(moved_px[off])[1]]
    return nearest
