"""Vessels of a section: pale lumina with a thin dark wall, round or long as the section cuts them.

Vessels are a Poisson process in tiles of their own. Most are capillaries (lumen 5 to 8 µm), few reach 40 µm, as counted
in human cortex (Duvernoy 1981; Cassot 2006: mean diameter about 6.5 µm); penetrating ones run along the depth.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float32
from numba import njit

from gennari.phantom.chance import following, key, part, poisson, uniform
from gennari.phantom.paint import Grid, to_px

VESSEL_TILE_UM = 512.0
ROW, COL, RADIUS, HALF_LENGTH, ANGLE = range(5)
"""Columns of a vessel, as a cell's; radius of the lumen and half the length of its cut, µm."""
SMALLEST_UM, LARGEST_UM = 2.5, 20.0
WALL_UM, WALL_OPACITY = 1.6, 0.35
LONGEST_UM = 160.0


def scatter_vessels(seed: int, per_mm2: float, low_um: np.ndarray, high_um: np.ndarray) -> Float32[np.ndarray, "n 5"]:
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
                found.append(
                    (
                        (row + part(at, 0)) * VESSEL_TILE_UM, (col + part(at, 1)) * VESSEL_TILE_UM,
                        radius, half - radius, np.pi * part(marks, 0),
                    )
                )  # fmt: skip
    out = np.empty((len(found), 5), np.float32)
    for index in range(len(found)):
        for k in range(5):
            out[index, k] = found[index][k]
    return out


def paint_vessels(
    vessels: Float32[np.ndarray, "n 5"], grid: Grid
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
    """Share of each pixel that is lumen, and share of light that passes the walls.

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
        # a disc or capsule smeared over `edge` gains pi edge² / 12, as cells do
        area = np.pi * radius * radius + 4 * half * radius
        open_share = area / (area + np.pi * edge * edge / 12)
        ring = (2 * np.pi * (radius + 0.5 * WALL_UM) + 4 * half) * WALL_UM
        thick = max(WALL_UM, edge)
        dark = WALL_OPACITY * ring / ((2 * np.pi * (radius + 0.5 * WALL_UM) + 4 * half) * thick)
        reach = (half + radius + thick + edge) / grid.spacing_um + 1
        for i in range(max(int(row - reach), 0), min(int(row + reach) + 1, grid.height)):
            for j in range(max(int(col - reach), 0), min(int(col + reach) + 1, grid.width)):
                down, right = (i + 0.5 - row) * grid.spacing_um, (j + 0.5 - col) * grid.spacing_um
                u, v = down * cos + right * sin, -down * sin + right * cos
                beyond = max(abs(u) - half, 0.0)
                away = np.sqrt(beyond * beyond + v * v) - radius
                cover = open_share * min(max(0.5 - away / edge, 0.0), 1.0)
                lumen[i, j] = max(lumen[i, j], cover)
                near = abs(away - 0.5 * WALL_UM) / thick
                if near < 1.0:
                    wall[i, j] *= 1.0 - dark * (1.0 - near)
