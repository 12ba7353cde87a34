"""Vessels of a section: bent tubes with a thin dark wall and endothelial nuclei, as long as the section cuts them.

Vessels are a Poisson process in tiles of their own. Most are capillaries (lumen 5 to 8 µm), few reach 40 µm, as counted
in human cortex (Duvernoy 1981; Cassot 2006: mean diameter about 6.5 µm). Most lie within the section, tissue above or
below them, and look grey; where the section opens one, or tissue has shrunk from it, its lumen is as bright as glass.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float32
from numba import njit

from gennari.phantom.chance import following, key, normal, part, poisson, uniform
from gennari.phantom.paint import Grid, to_px
from gennari.phantom.tiles import Tiles

VESSEL_TILE_UM = 512.0
ROW, COL, RADIUS, HALF_LENGTH, ANGLE, BEND, OPEN, PHASE = range(8)
"""Columns of a vessel, as a cell's; radius of the lumen and half the length of its cut in µm, curvature in 1/µm, how
open the lumen is (0 to 1), and where along it nuclei and widenings lie (0 to 1)."""
SMALLEST_UM, LARGEST_UM = 2.5, 20.0
WALL_UM, WALL_OPACITY = 1.5, 0.3
LONGEST_UM = 220.0
BEND_SD = 0.006
"""SD of curvature, 1/µm; ours, as most of the numbers below: judged by eye on stained sections."""
MOST_BEND = 1.2
"""Half length times curvature at most: no vessel turns back on itself."""
OPENED, GREY = 0.3, 0.25
"""Share of vessels whose lumen is open, and how open the others are at most."""
HALO, WIDEST_HALO_UM = 0.35, 6.0
"""How pale the space around an open vessel is, and how wide at most (half the radius)."""
NUCLEUS_STEP_UM, NUCLEUS_LONG_UM, NUCLEUS_WIDE_UM, NUCLEUS_OPACITY = 30.0, 9.0, 2.8, 0.7
"""Endothelial nuclei: one along this length of wall, on alternate sides."""


def scatter_vessels(seed: int, per_mm2: float, low_um: np.ndarray, high_um: np.ndarray) -> Float32[np.ndarray, "n 8"]:
    """Vessels that can reach a rectangle of the section.

    Args:
        seed: the section's.
        per_mm2: mean number.
        low_um: (row, col) of the rectangle's first corner.
        high_um: of its last.
    """
    first = np.floor((low_um - LONGEST_UM) / VESSEL_TILE_UM).astype(int)
    last = np.floor((high_um + LONGEST_UM) / VESSEL_TILE_UM).astype(int)
    mean = per_mm2 * (VESSEL_TILE_UM * 1e-3) ** 2
    return _scatter_vessels(np.uint64(seed), mean, int(first[0]), int(first[1]), int(last[0]), int(last[1]))


@no_type_check
@njit(cache=True)
def _scatter_vessels(seed, mean, row0, col0, row1, col1):
    found = []
    for row in range(row0, row1 + 1):
        for col in range(col0, col1 + 1):
            at = following(key(seed + np.uint64(77), row, col))
            for _ in range(poisson(mean, uniform(at))):
                at = following(at)
                marks = following(at ^ np.uint64(0xA5A5A5A5))
                # radii fall off with the power 3: many capillaries, few arterioles
                low, high = SMALLEST_UM**-2, LARGEST_UM**-2
                radius = (low + part(at, 2) * (high - low)) ** -0.5
                # a tube cut at the angle t is 1 / sin(t) times as long as wide
                half = min(radius / max(part(at, 3), 0.02), 0.5 * LONGEST_UM)
                most = MOST_BEND / half
                opened = part(marks, 1)
                found.append(
                    (
                        (row + part(at, 0)) * VESSEL_TILE_UM, (col + part(at, 1)) * VESSEL_TILE_UM,
                        radius, half - radius, np.pi * part(marks, 0),
                        min(max(BEND_SD * normal(marks, 2), -most), most),
                        0.6 + 0.4 * opened / OPENED if opened < OPENED else GREY * (opened - OPENED) / (1 - OPENED),
                        part(marks, 3),
                    )
                )  # fmt: skip
    out = np.empty((len(found), 8), np.float32)
    for index in range(len(found)):
        for k in range(8):
            out[index, k] = found[index][k]
    return out


def near_tissue(vessels: Float32[np.ndarray, "n 8"], tiles: Tiles, spacing_um: float) -> Float32[np.ndarray, "m 8"]:
    """Those vessels that can touch tissue when painted at this spacing; what lies beyond the tiles counts as tissue."""
    return vessels[_near_tissue(vessels, tiles, spacing_um)]


@no_type_check
@njit(cache=True)
def _near_tissue(vessels, tiles, spacing_um):
    near = np.zeros(len(vessels), np.bool_)
    height, width = tiles.face.shape
    for index in range(len(vessels)):
        vessel = vessels[index]
        reach = vessel[RADIUS] + vessel[HALF_LENGTH] + WIDEST_HALO_UM + NUCLEUS_WIDE_UM + WALL_UM + 4 * spacing_um
        first_row = int(np.floor((vessel[ROW] - reach) / tiles.tile_um)) - tiles.first_row
        last_row = int(np.floor((vessel[ROW] + reach) / tiles.tile_um)) - tiles.first_row
        first_col = int(np.floor((vessel[COL] - reach) / tiles.tile_um)) - tiles.first_col
        last_col = int(np.floor((vessel[COL] + reach) / tiles.tile_um)) - tiles.first_col
        if first_row < 0 or first_col < 0 or last_row >= height or last_col >= width:
            near[index] = True
            continue
        for row in range(first_row, last_row + 1):
            for col in range(first_col, last_col + 1):
                if tiles.white[row, col] or tiles.face[row, col] >= 0:
                    near[index] = True
                    break
            if near[index]:
                break
    return near


def paint_vessels(
    vessels: Float32[np.ndarray, "n 8"], grid: Grid
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
    """Share of each pixel that is open lumen, and share of light that passes the walls.

    Drawn with anti-aliased edges at fine spacing; where a vessel is narrower than a pixel its area is shared out.
    """
    lumen = np.zeros((grid.height, grid.width), np.float32)
    wall = np.ones((grid.height, grid.width), np.float32)
    _paint_vessels(vessels, grid, lumen, wall)
    return lumen, wall


@no_type_check
@njit(cache=True)
def _paint_vessels(vessels, grid, lumen, wall):
    for index in range(len(vessels)):
        vessel = vessels[index]
        row, col = to_px(grid, vessel[ROW], vessel[COL])
        cos = grid.cos * np.cos(vessel[ANGLE]) + grid.sin * np.sin(vessel[ANGLE])
        sin = -grid.sin * np.cos(vessel[ANGLE]) + grid.cos * np.sin(vessel[ANGLE])
        radius, half, edge = vessel[RADIUS], vessel[HALF_LENGTH], grid.spacing_um
        open_share = vessel[OPEN] * _kept(radius, half, edge)
        halo = min(0.5 * radius, WIDEST_HALO_UM) if vessel[OPEN] > GREY and edge < radius else 0.0
        thick = max(WALL_UM, edge)
        dark = WALL_OPACITY * _wall_kept(radius + 0.5 * WALL_UM, half, thick)
        # across, a nucleus is smeared like the wall; along, it is longer than a fine pixel
        broad, long = max(NUCLEUS_WIDE_UM, edge), max(NUCLEUS_LONG_UM, edge)
        nucleus = NUCLEUS_OPACITY * NUCLEUS_WIDE_UM * NUCLEUS_LONG_UM / (broad * long)
        # nothing is drawn farther than this from the wall's inner face; lumina widen by a tenth
        most = max(thick + WALL_UM, halo, 0.5 * edge, 0.5 * broad + WALL_UM)
        away_most = 1.1 * radius + most
        reach = (half + away_most) / grid.spacing_um + 1
        for i in range(max(int(row - reach), 0), min(int(row + reach) + 1, grid.height)):
            for j in range(max(int(col - reach), 0), min(int(col + reach) + 1, grid.width)):
                down, right = (i + 0.5 - row) * grid.spacing_um, (j + 0.5 - col) * grid.spacing_um
                u, v = down * cos + right * sin, -down * sin + right * cos
                if abs(v - 0.5 * vessel[BEND] * u * u) > 2 * away_most:
                    continue
                away, along, side = _off_axis(u, v, half, vessel[BEND])
                # lumina widen and narrow by a tenth
                away -= radius * (1.0 + 0.1 * np.sin(along / (2 * radius) + 6.28 * vessel[PHASE]))
                cover = open_share * min(max(0.5 - away / edge, 0.0), 1.0)
                if halo > 0.0 and away > 0.0:
                    cover = max(cover, HALO * vessel[OPEN] * max(1.0 - away / halo, 0.0))
                lumen[i, j] = max(lumen[i, j], cover)
                near = abs(away - 0.5 * WALL_UM) / thick
                if near < 1.0:
                    wall[i, j] *= 1.0 - dark * (1.0 - near)
                wall[i, j] *= 1.0 - nucleus * _nucleus(away, along, side, vessel[PHASE], broad, long)


@no_type_check
@njit(cache=True)
def _kept(radius, half, edge):
    """Area of a capsule over what is drawn of it, its contour a ramp of width `edge` that may reach beyond its axis."""
    area = np.pi * radius * radius + 4 * half * radius
    if radius > 0.5 * edge:
        return area / (area + np.pi * edge * edge / 12)
    outer = radius + 0.5 * edge
    return area / (np.pi * outer**3 / (3 * edge) + 2 * half * outer * outer / edge)


@no_type_check
@njit(cache=True)
def _wall_kept(radius, half, thick):
    """Area of a wall over what is drawn of it: a roof of half width `thick`, cut off at the axis."""
    cut = max(thick - radius, 0.0)
    drawn = 2 * np.pi * (radius * thick + cut**3 / (6 * thick)) + 4 * half * (thick - cut * cut / (2 * thick))
    return WALL_UM * (2 * np.pi * radius + 4 * half) / drawn


@no_type_check
@njit(cache=True, inline="always")
def _off_axis(u, v, half, bend):
    """Distance to a vessel's bent axis, the place along it, and the side (a parabola stands for the arc)."""
    held = min(max(u, -half), half)
    slope = bend * held
    off = v - 0.5 * bend * held * held
    across = off / np.sqrt(1.0 + slope * slope)
    beyond = u - held
    return np.sqrt(across * across + beyond * beyond), held, across


@no_type_check
@njit(cache=True, inline="always")
def _nucleus(away, along, side, phase, broad, long):
    """How much of a nucleus lies at a place of the wall: 1 in its middle."""
    at = along / NUCLEUS_STEP_UM + 2 * phase
    number = np.floor(at)
    if (number % 2 == 0) != (side > 0):
        return 0.0
    u, v = (at - number - 0.5) * NUCLEUS_STEP_UM / (0.5 * long), (away - 0.5 * WALL_UM) / (0.5 * broad)
    return min(max(1.5 * (1.0 - u * u - v * v), 0.0), 1.0)
