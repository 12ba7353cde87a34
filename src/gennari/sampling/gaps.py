"""The gaps between neighbouring places along the ribbon: gap i lies between row i and the next row of its piece.

On a closed piece the gap of the last row leads back to the first. The last row of an open piece has no gap; it keeps
its row in tables of gaps, so that they align with the places, and holds NaN there.
"""

import numpy as np
from jaxtyping import Float, Int

from gennari.sampling.ribbon_places import RibbonPlaces


def next_rows(places: RibbonPlaces) -> Int[np.ndarray, "n"]:
    """The row after each row on its piece; -1 where an open piece ends.

    Raises:
        ValueError: the rows of a piece do not follow each other.
    """
    starts, ends = piece_bounds(places)
    following = np.arange(1, len(places) + 1)
    following[ends - 1] = np.where(places.closed[starts], starts, -1)
    return following


def piece_bounds(places: RibbonPlaces) -> tuple[Int[np.ndarray, "p"], Int[np.ndarray, "p"]]:
    """First row of each piece, and the row behind its last.

    Raises:
        ValueError: the rows of a piece do not follow each other.
    """
    starts = np.flatnonzero(np.diff(places.piece, prepend=-1))
    if len(starts) != len(np.unique(places.piece)):
        raise ValueError("the rows of a piece of ribbon must follow each other, got a piece in several stretches")
    return starts, np.append(starts, len(places))[1:]


def gap_widths_mm(places: RibbonPlaces) -> Float[np.ndarray, "n"]:
    """Arc length of each gap; NaN where there is none."""
    following = next_rows(places)
    wide = places.arc_mm[following] - places.arc_mm
    return np.where(following < 0, np.nan, np.where(wide < 0, wide + places.length_mm, wide))


def gap_arc_mm(places: RibbonPlaces) -> Float[np.ndarray, "n"]:
    """Where the middle of each gap lies along its piece; NaN where there is no gap."""
    return places.arc_mm + gap_widths_mm(places) / 2


def gap_brain_mm(places: RibbonPlaces) -> Float[np.ndarray, "n 3"]:
    """Where the middle of each gap lies, BRAIN_MM: half way between its two places; NaN where there is no gap."""
    return _midway(places.patches.brain_mm, next_rows(places))


def gap_centre_um(places: RibbonPlaces) -> Float[np.ndarray, "n 2"]:
    """The same on the section, SECTION_UM."""
    return _midway(places.patches.centre_um, next_rows(places))


def _midway(points: Float[np.ndarray, "n d"], following: Int[np.ndarray, "n"]) -> Float[np.ndarray, "n d"]:
    return np.where(following[:, None] < 0, np.nan, (points + points[following]) / 2)
