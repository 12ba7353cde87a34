"""Damage of a section on a window's pixels: how much of each pixel is bare glass, lies double or is dust.

Outlines are brought into the window's grid and their exact area in each pixel is summed (signed areas under the edges,
as font rasterisers do), so a coarse pixel is the mean of the fine ones it covers, at any spacing and rotation. Shares
are rounded to 1/1024: windows that overlap agree to the last bit although their sums run in another order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32
from numba import njit

from gennari.phantom.defects import Blob, Stroke
from gennari.phantom.nuisance import Condition
from gennari.records import Window

STEPS = 1024.0
"""Shares are multiples of its inverse, which floats of 32 bits hold exactly."""


@dataclass(frozen=True, kw_only=True)
class Damage:
    """Share of each pixel of a window that is damaged, 0 to 1.

    Attributes:
        holes: bare glass, from cracks and missing tissue.
        double: tissue lies double.
        dust: opaque, on tissue and glass.
    """

    holes: Float32[np.ndarray, "h w"]
    double: Float32[np.ndarray, "h w"]
    dust: Float32[np.ndarray, "h w"]


def damage(condition: Condition, window: Window) -> Damage | None:
    """Draw a section's damage on a window's pixels; None if nothing lies in it.

    Where shapes of one kind overlap their shares are added, 1 at most.
    """
    kinds = ((*condition.cracks, *condition.missing), condition.folds, condition.dust)
    holes, double, dust = (_stamped(shapes, window) for shapes in kinds)
    if holes is None and double is None and dust is None:
        return None
    holes, double, dust = (np.zeros(window.size_px, np.float32) if s is None else s for s in (holes, double, dust))
    return Damage(holes=holes, double=double, dust=dust)


def _stamped(shapes: Sequence[Stroke | Blob], window: Window) -> Float32[np.ndarray, "h w"] | None:
    shares, painted = None, False
    for shape in shapes:
        ring = _window_px(shape.outline_um, window)
        first = np.maximum(np.floor(ring.min(axis=0)).astype(int), 0)
        stop = np.minimum(np.ceil(ring.max(axis=0)).astype(int), window.size_px)
        if (first >= stop).any():
            continue
        if shares is None:
            shares = np.zeros(window.size_px, np.float32)
        box = shares[first[0] : stop[0], first[1] : stop[1]]
        painted |= _add_shares(np.ascontiguousarray(ring - first), np.zeros((box.shape[0], box.shape[1] + 1)), box)
    return shares if painted else None


def _window_px(points_um: Float[np.ndarray, "n 2"], window: Window) -> Float[np.ndarray, "n 2"]:
    """Points as (row, col) in px from the outer corner of the window's pixel (0, 0)."""
    angle = np.deg2rad(window.rotation_deg)
    axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / window.spacing_um
    return (points_um - np.array(window.centre_um)) @ axes + np.array(window.size_px) / 2


@no_type_check
@njit(cache=True)
def _add_shares(ring, signed, box):
    """Add the share of each pixel of `box` inside the ring; True if there is any. `signed` is zeros, a column wider."""
    height, width = box.shape
    doubled = 0.0
    for k in range(len(ring)):
        r0, c0 = ring[k - 1]
        r1, c1 = ring[k]
        doubled += r0 * c1 - c0 * r1
        _add_edge(r0, c0, r1, c1, signed, height, width)
    turn = 1.0 if doubled < 0 else -1.0
    painted = False
    for row in range(height):
        total = 0.0
        for col in range(width):
            total += signed[row, col]
            share = np.floor(turn * total * STEPS + 0.5) / STEPS
            if share > 0:
                box[row, col] = min(box[row, col] + min(share, 1.0), 1.0)
                painted = True
    return painted


@no_type_check
@njit(cache=True)
def _add_edge(r0, c0, r1, c1, signed, height, width):
    """Note an edge row by row; summing `signed` from the left then gives the area to the right of it."""
    if r0 == r1:
        return
    sign = -1.0
    if r0 > r1:
        r0, c0, r1, c1, sign = r1, c1, r0, c0, 1.0
    slope = (c1 - c0) / (r1 - r0)
    for row in range(max(int(np.floor(r0)), 0), min(int(np.ceil(r1)), height)):
        top, bottom = max(r0, row), min(r1, row + 1.0)
        if top >= bottom:
            continue
        left, right = c0 + (top - r0) * slope, c0 + (bottom - r0) * slope
        rise = sign * (bottom - top)
        if left > right:
            left, right = right, left
        if right <= 0:
            signed[row, 0] += rise
        elif left < width:
            _add_span(signed[row], rise, left, right, width)


@no_type_check
@njit(cache=True)
def _add_span(line, rise, left, right, width):
    """An edge that climbs by `rise` within one row, evenly from column `left` to `right`."""
    per_column = rise / (right - left) if right > left else 0.0
    if left < 0:
        line[0] += per_column * -left
        left = 0.0
    first, last = int(np.floor(left)), min(int(np.floor(right)), width - 1)
    for col in range(first, last + 1):
        enter, leave = max(left, col), min(right, col + 1.0)
        part = per_column * (leave - enter) if per_column != 0 else rise
        mean = 0.5 * (enter + leave) - col
        line[col] += part * (1 - mean)
        line[col + 1] += part * mean
