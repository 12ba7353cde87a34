"""What an expert leaves on a section: some areas, with what lies next to them, and nothing elsewhere."""

from typing import cast

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

from gennari.records import IGNORE, LabelSet

ZONE_MM = 3.0
"""An annotated piece is drawn together with everything within this distance."""
SMALLEST_MM2 = 1.0
"""Pieces below this are not annotated."""
OTHER_ZONES = 4
"""Zones of this radius twice, in cortex far from any area, per section."""


def partial_labels(
    labels: UInt8[np.ndarray, "h w"],
    spacing_um: float,
    label_set: LabelSet,
    fraction: float,
    rng: np.random.Generator,
) -> UInt8[np.ndarray, "h w"]:
    """Keep an observer's drawing where it was annotated; IGNORE elsewhere.

    Each connected piece of an area is annotated with probability `fraction`; within ZONE_MM of it background, white
    matter and other cortex are outlined too. A few zones of other cortex are added, as experts mark what an area is
    not. Pieces that were not annotated stay unlabelled even inside a zone.
    """
    kept = np.zeros(labels.shape, bool)
    smallest_px = SMALLEST_MM2 * 1e6 / spacing_um**2
    for area in range(label_set.first_area, len(label_set.names)):
        box = _bounding_box(labels == area)
        pieces, count = cast(tuple[np.ndarray, int], ndimage.label(labels[box] == area))
        sizes = np.bincount(pieces.ravel(), minlength=count + 1)
        chosen = (rng.uniform(size=count + 1) < fraction) & (sizes >= smallest_px)
        chosen[0] = False
        kept[box] |= chosen[pieces]
    other = np.argwhere(labels == label_set.first_area - 1)
    radius_px = ZONE_MM * 1e3 / spacing_um
    zone = _within(kept, radius_px)
    if len(other):
        seeds = np.zeros(labels.shape, bool)
        seeds[tuple(other[rng.integers(len(other), size=OTHER_ZONES)].T)] = True
        zone |= _within(seeds, 2 * radius_px)
    annotated = zone & (kept | (labels < label_set.first_area))
    return np.where(annotated, labels, np.uint8(IGNORE))


def _bounding_box(mask: np.ndarray) -> tuple[slice, slice]:
    rows, cols = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return slice(0, 0), slice(0, 0)
    return slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)


def _within(mask: np.ndarray, radius_px: float) -> np.ndarray:
    # a quarter of the pixels is enough for the outline of a zone, and four times as fast
    coarse = mask[::2, ::2]
    if not coarse.any():
        return np.zeros(mask.shape, bool)
    near = np.asarray(ndimage.distance_transform_edt(~coarse)) <= radius_px / 2
    return np.repeat(np.repeat(near, 2, axis=0), 2, axis=1)[: mask.shape[0], : mask.shape[1]]
