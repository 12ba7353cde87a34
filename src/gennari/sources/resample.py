"""The one resampler: any window of a section as area means, padded with empty glass (docs/coordinates.md)."""

from collections.abc import Callable
from typing import no_type_check

import numpy as np
from jaxtyping import Float32, UInt8
from numba import njit

from gennari.records import BACKGROUND_GREY, Section, Window

Fetch = Callable[[int, int, int, int], np.ndarray]
"""(row 0, row 1, col 0, col 1), half open and inside the section -> uint8 pixels at the section's own spacing."""
_SNAP = 1e-6
"""A grid that is off by less than this part of a pixel is meant to fit."""


def resample(fetch: Fetch, window: Window, section: Section) -> Float32[np.ndarray, "h w"]:
    """The pixels of a window: each is the mean grey value over its square on the section.

    Exact for windows turned by multiples of 90 degrees, at any spacing and offset. Otherwise each pixel is the mean of
    a grid of samples (at least 4 x 4, and 2 x 2 for each pixel of the section that it covers). What lies outside the
    section is background. Windows are never moved.

    Args:
        fetch: gives the section's pixels; called at most once, for the part that lies inside.
        window: what to read.
        section: the section, or one level of its pyramid as a section of coarser spacing (same outer corner).

    Returns:
        Grey values 0..255.
    """
    turns = round(window.rotation_deg / 90)
    if abs(window.rotation_deg - 90 * turns) < 1e-9:
        upright = _box(fetch, window, section, swap=turns % 2 == 1)
        return np.ascontiguousarray(np.rot90(upright, -turns))
    return _turned(fetch, window, section)


def is_aligned(window: Window, spacing_um: float) -> bool:
    """Whether every pixel of the window is made of whole pixels of a grid of this spacing."""
    turns = round(window.rotation_deg / 90)
    if abs(window.rotation_deg - 90 * turns) >= 1e-9:
        return False
    size = window.size_px if turns % 2 == 0 else window.size_px[::-1]
    corners = [centre - 0.5 * n * window.spacing_um for centre, n in zip(window.centre_um, size, strict=True)]
    parts = [value / spacing_um for value in (window.spacing_um, *corners)]
    return all(abs(part - round(part)) < _SNAP for part in parts) and parts[0] > 0.5


def area_mean(image: UInt8[np.ndarray, "h w"], factor: int) -> UInt8[np.ndarray, "a b"]:
    """An image whose pixels are `factor` times as wide: means of blocks, rounded half up.

    Args:
        image: grey values.
        factor: a whole number; where the last block sticks out, background fills it.
    """
    if factor < 1:
        raise ValueError(f"area_mean needs a factor of at least 1, got {factor}")
    return image.copy() if factor == 1 else _block_means(np.ascontiguousarray(image), factor, int(BACKGROUND_GREY))


def _box(fetch: Fetch, window: Window, section: Section, swap: bool) -> Float32[np.ndarray, "h w"]:
    """The window without its rotation; `swap` exchanges its rows and columns."""
    height, width = window.size_px[::-1] if swap else window.size_px
    factor = _snap(window.spacing_um / section.spacing_um)
    top = _snap(window.centre_um[0] / section.spacing_um - 0.5 * height * factor)
    left = _snap(window.centre_um[1] / section.spacing_um - 0.5 * width * factor)
    r0, r1 = _inside(top, top + height * factor, section.shape_px[0])
    c0, c1 = _inside(left, left + width * factor, section.shape_px[1])
    if r0 >= r1 or c0 >= c1:
        return np.full((height, width), BACKGROUND_GREY, np.float32)
    pixels = np.ascontiguousarray(fetch(r0, r1, c0, c1))
    if factor == 1 and top.is_integer() and left.is_integer():
        out = np.full((height, width), BACKGROUND_GREY, np.float32)
        out[r0 - int(top) : r1 - int(top), c0 - int(left) : c1 - int(left)] = pixels
        return out
    return _box_means(pixels, top - r0, left - c0, factor, height, width, BACKGROUND_GREY)


def _turned(fetch: Fetch, window: Window, section: Section) -> Float32[np.ndarray, "h w"]:
    height, width = window.size_px
    factor = window.spacing_um / section.spacing_um
    angle = np.deg2rad(window.rotation_deg)
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    row, col = (centre / section.spacing_um for centre in window.centre_um)
    half_rows = 0.5 * factor * (height * abs(cos) + width * abs(sin))
    half_cols = 0.5 * factor * (height * abs(sin) + width * abs(cos))
    r0, r1 = _inside(row - half_rows, row + half_rows, section.shape_px[0])
    c0, c1 = _inside(col - half_cols, col + half_cols, section.shape_px[1])
    if r0 >= r1 or c0 >= c1:
        return np.full((height, width), BACKGROUND_GREY, np.float32)
    pixels = np.ascontiguousarray(fetch(r0, r1, c0, c1))
    samples = max(4, int(np.ceil(2 * factor)))
    return _sample_means(pixels, row - r0, col - c0, cos, sin, factor, height, width, samples, int(BACKGROUND_GREY))


def _inside(begin: float, end: float, size: int) -> tuple[int, int]:
    return max(int(np.floor(begin)), 0), min(int(np.ceil(end)), size)


def _snap(value: float) -> float:
    return float(round(value)) if abs(value - round(value)) < _SNAP else value


@no_type_check
@njit(cache=True)
def _block_means(image, factor, background):
    height, width = image.shape
    rows, cols = -(-height // factor), -(-width // factor)
    out = np.empty((rows, cols), np.uint8)
    sums = np.empty(cols, np.int64)
    area = factor * factor
    for i in range(rows):
        sums[:] = 0
        r1 = min((i + 1) * factor, height)
        for r in range(i * factor, r1):
            for j in range(cols):
                total = np.int64(0)
                for c in range(j * factor, min((j + 1) * factor, width)):
                    total += image[r, c]
                sums[j] += total
        for j in range(cols):
            covered = (r1 - i * factor) * (min((j + 1) * factor, width) - j * factor)
            out[i, j] = (2 * (sums[j] + (area - covered) * background) + area) // (2 * area)
    return out


@no_type_check
@njit(cache=True)
def _box_means(pixels, top, left, factor, height, width, background):
    """Separable overlap weights: first rows into one line, then its columns; what no pixel covers is background."""
    rows, cols = pixels.shape
    out = np.empty((height, width), np.float32)
    line = np.empty(cols, np.float64)
    for i in range(height):
        low, high = top + i * factor, top + (i + 1) * factor
        line[:] = 0.0
        row_share = 0.0
        for r in range(max(int(np.floor(low)), 0), min(int(np.ceil(high)), rows)):
            weight = (min(high, r + 1.0) - max(low, float(r))) / factor
            row_share += weight
            for c in range(cols):
                line[c] += weight * pixels[r, c]
        for j in range(width):
            begin, end = left + j * factor, left + (j + 1) * factor
            total, col_share = 0.0, 0.0
            for c in range(max(int(np.floor(begin)), 0), min(int(np.ceil(end)), cols)):
                weight = (min(end, c + 1.0) - max(begin, float(c))) / factor
                col_share += weight
                total += weight * line[c]
            out[i, j] = total + (1.0 - row_share * col_share) * background
    return out


@no_type_check
@njit(cache=True)
def _sample_means(pixels, row, col, cos, sin, factor, height, width, samples, background):
    """Mean of samples x samples points in each turned pixel; a point takes the value of the pixel it lies in."""
    rows, cols = pixels.shape
    out = np.empty((height, width), np.float32)
    step = factor / samples
    for i in range(height):
        for j in range(width):
            total = 0
            for a in range(samples):
                along = (i - 0.5 * height) * factor + (a + 0.5) * step
                for b in range(samples):
                    across = (j - 0.5 * width) * factor + (b + 0.5) * step
                    r = int(np.floor(row + along * cos - across * sin))
                    c = int(np.floor(col + along * sin + across * cos))
                    total += pixels[r, c] if 0 <= r < rows and 0 <= c < cols else background
            out[i, j] = total / (samples * samples)
    return out
