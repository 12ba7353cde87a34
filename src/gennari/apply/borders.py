"""Borders along the cortical ribbon from learned features (Spitzer et al. 2018, section 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from numpy.lib.stride_tricks import sliding_window_view

from gennari.sampling.gaps import piece_bounds
from gennari.sampling.ribbon_places import RibbonPlaces


@dataclass(frozen=True, kw_only=True)
class BorderScore:
    """How much neighbouring cortex differs, at m places along one piece of ribbon.

    Attributes:
        position_mm: of each place, along the ribbon.
        score: squared distance of the two blocks' mean features over the distance of their centres, 1/mm.
    """

    position_mm: Float[np.ndarray, "m"]
    score: Float[np.ndarray, "m"]


def block_distance(
    features: Float[np.ndarray, "n k"],
    positions_mm: Float[np.ndarray, "n"],
    block: int = 9,
    mode: Literal["halves", "shift"] = "halves",
) -> BorderScore:
    """Squared distance between the mean features of neighbouring blocks, per mm between the blocks' centres.

    "halves" compares the `block` patches before a place with the `block` after it. "shift" is the paper's wording,
    means of `block` patches that lie one patch apart: they share all but two patches, so it sees only the end points.

    Args:
        features: of patches in order along one piece of ribbon, 200 µm apart in the paper.
        positions_mm: where they lie along it, increasing.
        block: patches a mean is taken over.
        mode: see above.

    Raises:
        ValueError: positions that do not increase, or too few patches for one comparison.
    """
    if not (np.diff(positions_mm) > 0).all():
        raise ValueError("positions must increase along the ribbon; sort the patches of one piece first")
    apart = block if mode == "halves" else 1
    if len(features) < block + apart:
        raise ValueError(
            f"blocks of {block} in mode {mode!r} need {block + apart} patches, got {len(features)}; take smaller blocks"
        )
    means = sliding_window_view(features, block, axis=0).mean(axis=-1)
    centres = sliding_window_view(positions_mm, block).mean(axis=-1)
    before, after = centres[:-apart], centres[apart:]
    squared = ((means[apart:] - means[:-apart]) ** 2).sum(axis=1)
    # between the blocks: their nearest patches' middle for halves, the middle of the two centres for shift
    n = len(squared)
    left, right = positions_mm[block - 1 : block - 1 + n], positions_mm[block : block + n]
    place = (left + right) / 2 if mode == "halves" else (before + after) / 2
    return BorderScore(position_mm=place, score=squared / (after - before))


def border_scores(
    features: Float[np.ndarray, "n k"],
    places: RibbonPlaces,
    block: int = 9,
    mode: Literal["halves", "shift"] = "halves",
) -> Float[np.ndarray, "n"]:
    """How much the cortex before a gap differs from that after it, 1/mm, for the gap after each place.

    Each piece by itself; a closed one goes on beyond its start. NaN where the blocks do not fit: at the ends of open
    pieces, on pieces with fewer places than both blocks together, and at the last row of an open piece, which has no
    gap (sampling/gaps.py).

    Args:
        features: of the places, by row.
        places: whole pieces of ribbon.
        block: places a mean is taken over; odd in "shift", so that the middle is a gap.
        mode: as `block_distance`.

    Raises:
        ValueError: features and places differ in number, or an even block in mode "shift".
    """
    if len(features) != len(places):
        raise ValueError(f"features must be those of the places, got {len(features)} for {len(places)}")
    if mode == "shift" and block % 2 == 0:
        raise ValueError(f"blocks that shift by one centre on a gap only if they are odd, got {block}")
    before = block - 1 if mode == "halves" else block // 2  # rows of the blocks before the row that the gap follows
    scores = np.full(len(places), np.nan)
    for start, end in zip(*piece_bounds(places), strict=True):
        count = end - start
        if count < 2 * before + 2:
            continue
        if places.closed[start]:
            around = np.arange(-before, count + before + 1)
            arc_mm = places.arc_mm[start + around % count] + around // count * places.length_mm[start]
            scores[start:end] = block_distance(features[start + around % count], arc_mm, block, mode).score
        else:
            inner = slice(start + before, end - before - 1)
            scores[inner] = block_distance(features[start:end], places.arc_mm[start:end], block, mode).score
    return scores


def peaks(score: Float[np.ndarray, "m"], top_share: float = 0.1) -> Bool[np.ndarray, "m"]:
    """Places whose score is among the highest `top_share` of those that have one; NaN is none."""
    known = np.isfinite(score)
    return known & (score >= np.quantile(score[known], 1 - top_share)) if known.any() else known


def explained_shares(
    at_peak: Bool[np.ndarray, "m"], causes: Mapping[str, Bool[np.ndarray, "m"]]
) -> dict[str, tuple[float, float]]:
    """For each cause: share of the peaks where it holds, and share of all places where it holds (chance).

    The paper names three causes of large values: an oblique cut, high curvature, an areal border. They may coincide,
    so shares need not sum to 1; "none" is added for places without any.

    Raises:
        ValueError: there is no peak.
    """
    if not at_peak.any():
        raise ValueError("shares of the peaks need at least one peak, got none")
    none = ~np.logical_or.reduce(list(causes.values())) if causes else np.ones(len(at_peak), bool)
    named = {**causes, "none": none}
    return {name: (float(holds[at_peak].mean()), float(holds.mean())) for name, holds in named.items()}
