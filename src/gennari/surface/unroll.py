"""The ribbon laid flat: arc length along mid depth one way, cortical depth along Laplace trajectories the other."""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int8, Int32
from numba import njit
from scipy.ndimage import gaussian_filter, map_coordinates

from gennari.records import Ribbon
from gennari.surface.laplace import laplace_potential
from gennari.surface.mid_lines import mid_lines

STEP_PX = 0.25
SMOOTHING_PX = 1.5
LONGEST_UM = 10_000.0
"""No cortex is thicker from mid depth to a boundary, even cut obliquely enough to be of use."""


@dataclass(frozen=True, kw_only=True)
class Unrolled:
    """One piece of a section's ribbon, laid flat.

    Attributes:
        section: its id.
        arc_mm: distance along the mid-depth line from its start; deeper cortex lies to the right as the image is seen.
        length_mm: of that line; of a closed one from the start round to it.
        closed: the line returns to its start.
        depth: of the grid's rows, 0 pial .. 1 white, at the middles of equal steps.
        centre_um: (row, col) in SECTION_UM of each (depth, arc); NaN where the ribbon ends before that depth.
        side: at mid depth, 0 left, 1 right.
        face: at mid depth.
        weights: in that face.
    """

    section: int
    arc_mm: Float[np.ndarray, "a"]
    length_mm: float
    closed: bool
    depth: Float[np.ndarray, "d"]
    centre_um: Float[np.ndarray, "d a 2"]
    side: Int8[np.ndarray, "a"]
    face: Int32[np.ndarray, "a"]
    weights: Float32[np.ndarray, "a 3"]


def unroll(ribbon: Ribbon, step_um: float = 64.0, depths: int = 32, shortest_mm: float = 2.0) -> list[Unrolled]:
    """Lay the pieces of a ribbon flat.

    A piece is a line of mid depth (0.5), open or closed (surface/mid_lines.py). From points `step_um` apart on it a
    line climbs and another descends along the gradient of the potential between pia and white matter
    (surface/laplace.py); the grid's rows are where these reach their depths.

    Args:
        ribbon: of one section.
        step_um: between columns; stretched a little so that a whole number fits the line.
        depths: rows of the grid.
        shortest_mm: shorter pieces are left out.

    Returns:
        The pieces, longest first.

    Raises:
        ValueError: a step or a number of depths that is not positive.
    """
    if not step_um > 0 or depths < 1:
        raise ValueError(f"unrolling needs a positive step and at least one depth, got {step_um} µm and {depths}")
    lines = mid_lines(ribbon, step_um, shortest_mm)
    if not lines:
        return []
    levels = (np.arange(depths) + 0.5) / depths
    depth = ribbon.depth.astype(float)
    slopes = _slopes(ribbon)
    longest = round(LONGEST_UM / ribbon.spacing_um / STEP_PX)
    pieces = []
    for line in lines:
        centre_px = _climb(depth, *slopes, line.centre_um / ribbon.spacing_um - 0.5, levels, longest)
        pieces.append(
            Unrolled(
                section=ribbon.section,
                arc_mm=line.arc_mm,
                length_mm=line.length_mm,
                closed=line.closed,
                depth=levels,
                centre_um=(centre_px + 0.5) * ribbon.spacing_um,
                side=ribbon.side[line.row, line.col],
                face=ribbon.face[line.row, line.col],
                weights=ribbon.weights[line.row, line.col],
            )
        )
    return pieces


def trajectories(ribbon: Ribbon, centre_um: Float[np.ndarray, "n 2"], depths: int = 9) -> Float[np.ndarray, "d n 2"]:
    """Lines across the cortex through points of mid depth, such as the borders found there.

    Args:
        ribbon: of one section.
        centre_um: points on its mid-depth lines, SECTION_UM.
        depths: points of each line, at the middles of equal steps of depth from pial to white.

    Returns:
        Points in SECTION_UM; NaN where the ribbon ends before that depth.
    """
    depth, levels = ribbon.depth.astype(float), (np.arange(depths) + 0.5) / depths
    longest = round(LONGEST_UM / ribbon.spacing_um / STEP_PX)
    centre_px = _climb(depth, *_slopes(ribbon), centre_um / ribbon.spacing_um - 0.5, levels, longest)
    return (centre_px + 0.5) * ribbon.spacing_um


def lay_flat(piece: Unrolled, image: Float[np.ndarray, "h w"], spacing_um: float) -> Float[np.ndarray, "d a"]:
    """An image of the section seen on the flat grid: bilinear values, NaN where the ribbon or the image ends.

    Args:
        piece: of the same section.
        image: any values on a grid of the section.
        spacing_um: of the image.
    """
    places = piece.centre_um / spacing_um - 0.5
    # pixels reach half a pixel beyond their centres: there the outermost one's value holds
    known = np.asarray(((places >= -0.5) & (places <= np.array(image.shape) - 0.5)).all(axis=-1))  # NaN is neither
    values = np.full(known.shape, np.nan)
    values[known] = map_coordinates(image.astype(float), places[known].T, order=1, mode="nearest")
    return values


def _slopes(ribbon: Ribbon) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """Gradient of the potential between pia and white matter (row, col), smoothed over cortex only."""
    cortex = ribbon.cortex
    filled = gaussian_filter(np.where(cortex, laplace_potential(ribbon), 0.0), SMOOTHING_PX)
    share = gaussian_filter(cortex.astype(float), SMOOTHING_PX)
    smooth = np.divide(filled, share, out=np.zeros_like(filled), where=share > 1e-6)
    by_row, by_col = np.gradient(smooth)
    return by_row, by_col


def _climb(
    depth: Float[np.ndarray, "h w"],
    by_row: Float[np.ndarray, "h w"],
    by_col: Float[np.ndarray, "h w"],
    columns: Float[np.ndarray, "a 2"],
    levels: Float[np.ndarray, "d"],
    longest: int,
) -> Float[np.ndarray, "d a 2"]:
    """Where the lines from each column reach each level, in px from the centre of pixel (0, 0)."""
    places = np.full((len(levels), len(columns), 2), np.nan)
    deeper, shallower = np.flatnonzero(levels >= 0.5), np.flatnonzero(levels < 0.5)[::-1]
    for sign, order in ((1.0, deeper), (-1.0, shallower)):
        targets = sign * (levels[order] - 0.5)
        _walk_all(depth, by_row, by_col, columns, sign, targets, order, places, longest)
    return places


@no_type_check
@njit(cache=True)
def _walk_all(depth, by_row, by_col, columns, sign, targets, order, places, longest):
    for column in range(len(columns)):
        _walk(depth, by_row, by_col, columns[column], sign, targets, order, places[:, column], longest)


@no_type_check
@njit(cache=True)
def _walk(depth, by_row, by_col, start, sign, targets, order, places, longest):
    """Follow the gradient from `start`; note where `sign * (depth - 0.5)` reaches each of the ascending targets."""
    row, col = start
    reached = sign * (_sample(depth, row, col) - 0.5)
    if np.isnan(reached):
        return
    down, right, gain = 0.0, 0.0, 0.0
    found = 0
    while found < len(targets) and targets[found] <= reached:
        places[order[found], 0], places[order[found], 1] = row, col
        found += 1
    for _ in range(longest):
        down, right = _direction(sign * _sample(by_row, row, col), sign * _sample(by_col, row, col), down, right)
        next_row, next_col = row + STEP_PX * down, col + STEP_PX * right
        value = sign * (_sample(depth, next_row, next_col) - 0.5)
        if np.isnan(value) or value < reached - 0.1 or (down == 0.0 and right == 0.0):
            break  # the edge of the ribbon, or across it into the other bank
        while found < len(targets) and targets[found] <= value:
            share = (targets[found] - reached) / (value - reached)
            places[order[found], 0] = row + share * (next_row - row)
            places[order[found], 1] = col + share * (next_col - col)
            found += 1
        if found == len(targets):
            return
        if value > reached:
            gain = value - reached if gain == 0.0 else 0.8 * gain + 0.2 * (value - reached)
            reached = value
        row, col = next_row, next_col
    # Depth is known at pixel centres: the last one before the edge is up to a pixel short of it.
    while found < len(targets) and gain > 0.0 and (targets[found] - reached) / gain * STEP_PX <= 1.5:
        ahead = (targets[found] - reached) / gain * STEP_PX
        places[order[found], 0], places[order[found], 1] = row + ahead * down, col + ahead * right
        found += 1


@no_type_check
@njit(cache=True)
def _direction(down, right, last_down, last_right):
    """Unit vector of the gradient; the last one where the gradient is lost or turns back (banks that touch)."""
    size = np.hypot(down, right)
    if np.isnan(size) or size < 1e-9:
        return last_down, last_right
    down, right = down / size, right / size
    if (last_down != 0.0 or last_right != 0.0) and down * last_down + right * last_right < 0.8:
        return last_down, last_right
    return down, right


@no_type_check
@njit(cache=True)
def _sample(image, row, col):
    """Bilinear value among the neighbours that are not NaN; NaN where the nearest is."""
    height, width = image.shape
    top, left = int(np.floor(row)), int(np.floor(col))
    total, weight = 0.0, 0.0
    best, best_value = -1.0, np.nan
    for i in range(2):
        for j in range(2):
            r, c = top + i, left + j
            if r < 0 or c < 0 or r >= height or c >= width:
                continue
            share = (1 - abs(row - r)) * (1 - abs(col - c))
            value = image[r, c]
            if share > best:
                best, best_value = share, value
            if not np.isnan(value):
                total += share * value
                weight += share
    return np.nan if np.isnan(best_value) or weight == 0.0 else total / weight
