"""Which section is worth annotating next: where annotations are far, maps unsure, or areas unseen."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

NEW_AREA_WEIGHT = 1.0
"""What all missing areas on one section are worth, beside bringing all sections next to an annotated one."""

AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """The sections of one brain, and what is known of them.

    Attributes:
        position_mm: of each along the brain.
        annotated: has an annotation.
        open: may be suggested; those that are annotated may not, whatever this says.
        uncertainty: of the current maps, 0..1; NaN for a section without one.
        shows: which areas each section probably shows, by map or atlas.
        covered: areas that are annotated somewhere.
    """

    position_mm: Float[np.ndarray, "n"]
    annotated: Bool[np.ndarray, "n"]
    open: Bool[np.ndarray, "n"]
    uncertainty: Float[np.ndarray, "n"]
    shows: Bool[np.ndarray, "n a"]
    covered: Bool[np.ndarray, "a"]


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """One section, and why.

    Attributes:
        index: among the candidates.
        score: `nearer` plus the share of missing areas that it shows.
        nearer: by what share the way of all sections to their nearest annotated one becomes shorter, unsure sections
            counting by how unsure they are.
        nearest_mm: its own way to the nearest annotated section, or one suggested before it; infinite without any.
        new_areas: areas it shows that are annotated on no section and on none suggested before it.
    """

    index: int
    score: float
    nearer: float
    nearest_mm: float
    new_areas: tuple[int, ...]


def suggest(candidates: Candidates, count: int) -> list[Suggestion]:
    """The best sections to annotate next, best first, each chosen as if those before it were annotated.

    Greedy choice of facilities: what an annotation is worth falls with the distance along the brain, since areas move
    slowly from section to section. With equal uncertainty and no areas this spreads sections evenly, as people do by
    hand; unsure stretches and missing areas draw them together. No network is trained to find out.

    Args:
        candidates: of one brain.
        count: at most so many.

    Raises:
        ValueError: an uncertainty is outside 0..1.
    """
    _check(candidates.uncertainty)
    position = candidates.position_mm
    # without any annotation every section is a little farther than the brain is long
    way_mm = np.full(len(position), 1.5 * np.ptp(position) + 1.0)
    for index in np.flatnonzero(candidates.annotated):
        way_mm = np.minimum(way_mm, np.abs(position - position[index]))
    known = candidates.annotated.any()
    weights, covered = _weights(candidates.uncertainty), candidates.covered.copy()
    missing = max(int((candidates.shows.any(axis=0) & ~covered).sum()), 1)
    free = candidates.open & ~candidates.annotated
    found: list[Suggestion] = []
    while len(found) < count and free.any():
        new = candidates.shows & ~covered
        left = float(weights @ way_mm)
        nearer = _saved(position, way_mm, weights) / left if left > 0 else np.zeros(len(position))
        score = nearer + NEW_AREA_WEIGHT * new.sum(axis=1) / missing
        best = int(np.where(free, np.round(score, 9), -np.inf).argmax())  # of equal ones the first
        found.append(
            Suggestion(
                index=best,
                score=float(score[best]),
                nearer=float(nearer[best]),
                nearest_mm=float(way_mm[best]) if known else float("inf"),
                new_areas=tuple(np.flatnonzero(new[best]).tolist()),
            )
        )
        way_mm = np.minimum(way_mm, np.abs(position - position[best]))
        known, covered, free[best] = True, covered | candidates.shows[best], False
    return found


def _saved(
    position: Float[np.ndarray, "n"], way_mm: Float[np.ndarray, "n"], weights: Float[np.ndarray, "n"]
) -> Float[np.ndarray, "n"]:
    """By how much the weighted ways become shorter in sum if a section is annotated, for each section."""
    saved = np.empty(len(position))
    for first in range(0, len(position), AT_ONCE):  # all at once would take a GB for 7404 sections
        some = slice(first, first + AT_ONCE)
        saved[some] = weights @ np.maximum(way_mm[:, None] - np.abs(position[:, None] - position[None, some]), 0)
    return saved


def _weights(uncertainty: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Uncertainty over its mean; a section without a map counts as the mean one."""
    known = ~np.isnan(uncertainty)
    mean = float(uncertainty[known].mean()) if known.any() else 0.0
    if mean == 0:
        return np.ones(len(uncertainty))
    return np.where(known, uncertainty, mean) / mean


def _check(uncertainty: Float[np.ndarray, "n"]) -> None:
    known = uncertainty[~np.isnan(uncertainty)]
    if known.size and not (known.min() >= 0 and known.max() <= 1):
        raise ValueError(f"an uncertainty lies in 0..1, got {known.min():g}..{known.max():g}")
