"""Cells of a section: a Poisson process whose density follows layers, areas and columns; a cell is a row of numbers.

A cell is a function of its tile and the section's seed alone. Neurons are pyramids (a triangle with its tip and a
dendrite towards the pia) or round; glia are small discs. Sizes scatter around the layer's mean without changing the
mean area, opacities around the mean opacity: cells near the middle of the section's thickness are dark and sharp,
others pale and soft.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float32
from numba import njit

from gennari.phantom.chance import following, key, normal, part, poisson, uniform
from gennari.phantom.optics import GLIA_AREA_UM2, GLIA_OPACITY, NEURON_OPACITY
from gennari.phantom.strata import SIZE_SD, CellTables, quarter_stratum, strata_of, white_stratum
from gennari.phantom.tiles import Sheet, Tiles

ROUND, PYRAMID, GLIA = 0, 1, 2
ROW, COL, HEIGHT, WIDTH, ANGLE, OPACITY, SOFTNESS, KIND, LAYER = range(9)
"""Columns of a cell: centre in µm on the section, extents along and across its axis in µm, the axis' direction (0 is
+row, positive towards +col; it points to the pia), share of light it takes, width of its edge in µm, kind, and layer
(0 to 5, 6 in white matter)."""
SHARP_UM, SOFT_UM = 0.8, 7.0
"""Width of a cell's edge in the middle of the section and near its surfaces."""
TILT_SD = 0.25
"""SD of a pyramid's direction around the radial one, in radians."""
MOST = 512
"""Cells a quarter of a tile can hold."""


@no_type_check
@njit(cache=True, inline="always")
def quarter_cells(seed, tiles, row, col, quarter, layer, stratum, cells):
    """Draw the cells of a quarter of a tile into `cells`; returns how many."""
    half_um = 0.5 * tiles.tile_um
    grid_row, grid_col = 2 * (tiles.first_row + row) + quarter // 2, 2 * (tiles.first_col + col) + quarter % 2
    at = key(seed, grid_row, grid_col)
    expected = (stratum[0] + stratum[1]) * half_um * half_um
    count = min(poisson(expected, uniform(at)), MOST)
    glia = stratum[1] / max(stratum[0] + stratum[1], 1e-12)
    radial = np.arctan2(-tiles.slope[row, col, 1], -tiles.slope[row, col, 0])
    for index in range(count):
        at = following(at)
        place, marks = at, mixed_again(at)
        cell = cells[index]
        cell[ROW], cell[COL] = (grid_row + part(place, 0)) * half_um, (grid_col + part(place, 1)) * half_um
        kind_chance, focus = part(place, 2), part(place, 3)
        size = np.exp(SIZE_SD * normal(marks, 0) - SIZE_SD * SIZE_SD)
        stretch = np.exp(0.12 * normal(marks, 1))
        cell[LAYER], cell[SOFTNESS] = layer, SHARP_UM + (SOFT_UM - SHARP_UM) * focus * focus
        if kind_chance < glia:
            cell[KIND] = GLIA
            diameter = 2.0 * np.sqrt(GLIA_AREA_UM2 / np.pi) * size
            cell[HEIGHT], cell[WIDTH] = diameter * stretch, diameter / stretch
            cell[ANGLE] = 2 * np.pi * part(marks, 2)
            cell[OPACITY] = 1.0 - 3.0 * (1.0 - GLIA_OPACITY) * focus * focus
            continue
        pyramid = (kind_chance - glia) / max(1.0 - glia, 1e-9) < stratum[4]
        cell[KIND] = PYRAMID if pyramid else ROUND
        cell[HEIGHT], cell[WIDTH] = stratum[2] * size * stretch, stratum[3] * size / stretch
        tilt = TILT_SD * normal(marks, 2) if pyramid else 2 * np.pi * part(marks, 3)
        cell[ANGLE] = radial + tilt
        cell[OPACITY] = 1.0 - 3.0 * (1.0 - NEURON_OPACITY) * focus * focus
    return count


@no_type_check
@njit(cache=True, inline="always")
def mixed_again(x):
    """A second key of the same cell."""
    return following(x ^ np.uint64(0xD6E8FEB86659FD93))


def scatter(seed: int, tiles: Tiles, sheet: Sheet, tables: CellTables, columnar: float) -> Float32[np.ndarray, "n 9"]:
    """All cells of a block of tiles, in the order of their tiles; see ROW .. LAYER.

    Args:
        seed: the section's.
        tiles: to fill.
        sheet: of the individual.
        tables: of the section.
        columnar: strength of columns.
    """
    return _scatter(np.uint64(seed), tiles, sheet, tables, columnar)


@no_type_check
@njit(cache=True, error_model="numpy")
def _scatter(seed, tiles, sheet, tables, columnar):
    cells = np.empty((4096, 9), np.float32)
    found = 0
    drawn = np.empty((MOST, 9), np.float32)
    borders, factors, stratum = np.zeros(5), np.zeros(6), np.zeros(8)
    columns, share = np.zeros(3, np.int64), np.zeros(3)
    for row in range(tiles.face.shape[0]):
        for col in range(tiles.face.shape[1]):
            cortex = tiles.face[row, col] >= 0
            if not cortex and not tiles.white[row, col]:
                continue
            if cortex:
                marked = strata_of(tiles, sheet, tables.border_mm, row, col, borders, factors, columns, share)
                marked = min(columnar * marked, 1.0)
            for quarter in range(4):
                layer = 6
                if cortex:
                    layer = quarter_stratum(
                        tiles, tables, row, col, quarter, marked, borders, factors, columns, share, stratum
                    )
                else:
                    white_stratum(tables, stratum)
                if layer < 0:
                    continue
                count = quarter_cells(seed, tiles, row, col, quarter, layer, stratum, drawn)
                if found + count > len(cells):
                    grown = np.empty((2 * len(cells) + count, 9), np.float32)
                    grown[:found] = cells[:found]
                    cells = grown
                cells[found : found + count] = drawn[:count]
                found += count
    return cells[:found].copy()
