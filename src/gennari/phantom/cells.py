"""Cells of a section: a Poisson process whose density follows layers, areas and columns; a cell is a row of numbers.

A cell is a function of its tile and the section's seed alone: a tile holds a number of cells, and each falls into one
of its quarters, as a neuron or glia, with the chance that densities give it. Neurons are pyramids (a teardrop with its
tip and a dendrite towards the pia) or round; glia are small discs. Sizes scatter around the layer's mean without
changing the mean area, opacities around the mean opacity: cells near the middle of the section's thickness are dark and
sharp, others pale and soft.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float32
from numba import njit

from gennari.phantom.cell_tables import GLIAL, NEURONS, PYRAMIDAL, SIZE_SD, TALL, WIDE, CellTables
from gennari.phantom.chance import following, key, normal, part, poisson, uniform
from gennari.phantom.optics import GLIA_AREA_UM2, GLIA_OPACITY, NEURON_OPACITY
from gennari.phantom.strata import row_scratch, row_strata, scratch
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
"""Cells a tile of fine windows can hold."""


@no_type_check
@njit(cache=True, inline="always")
def tile_cells(seed, tiles, row, col, layers, strata, gain, cells):
    """Draw the cells of a tile into `cells`; returns how many."""
    at = tile_key(seed, tiles, row, col)
    density = density_of(strata, col)
    count = min(poisson(density * 0.25 * tiles.tile_um * tiles.tile_um, uniform(at)), MOST)
    radial = np.arctan2(-tiles.slope[row, col, 1], -tiles.slope[row, col, 0])
    for index in range(count):
        at = following(at)
        place, marks = at, mixed_again(at)
        quarter, kind = quarter_and_kind(strata, col, density * part(place, 2))
        cell = cells[index]
        cell[ROW] = (tiles.first_row + row + 0.5 * (quarter // 2 + part(place, 0))) * tiles.tile_um
        cell[COL] = (tiles.first_col + col + 0.5 * (quarter % 2 + part(place, 1))) * tiles.tile_um
        focus = part(place, 3)
        size = np.exp(SIZE_SD * normal(marks, 0) - SIZE_SD * SIZE_SD)
        stretch = np.exp(0.12 * normal(marks, 1))
        cell[KIND], cell[LAYER] = kind, layers[col, quarter]
        cell[SOFTNESS] = SHARP_UM + (SOFT_UM - SHARP_UM) * focus * focus
        if kind == GLIA:
            diameter = 2.0 * np.sqrt(GLIA_AREA_UM2 / np.pi) * size
            cell[HEIGHT], cell[WIDTH] = diameter * stretch, diameter / stretch
            cell[ANGLE] = 2 * np.pi * part(marks, 2)
            cell[OPACITY] = opacity_at(GLIA_OPACITY, focus, gain)
            continue
        cell[HEIGHT], cell[WIDTH] = (
            strata[col, quarter, TALL] * size * stretch,
            strata[col, quarter, WIDE] * size / stretch,
        )
        tilt = TILT_SD * normal(marks, 2) if kind == PYRAMID else 2 * np.pi * part(marks, 3)
        cell[ANGLE] = radial + tilt
        cell[OPACITY] = opacity_at(NEURON_OPACITY, focus, gain)
    return count


@no_type_check
@njit(cache=True, inline="always")
def tile_key(seed, tiles, row, col):
    """The key that a tile's number of cells hangs on; each of its cells has the one that follows the last."""
    return key(seed, tiles.first_row + row, tiles.first_col + col)


@no_type_check
@njit(cache=True, inline="always")
def density_of(strata, col):
    """Cells per µm², summed over the quarters of a tile."""
    total = 0.0
    for quarter in range(4):
        total += strata[col, quarter, NEURONS] + strata[col, quarter, GLIAL]
    return total


@no_type_check
@njit(cache=True, inline="always")
def quarter_and_kind(strata, col, left):
    """Which quarter a cell lies in and of which kind it is, by one number from 0 to `density_of` the tile."""
    chosen = 0
    for quarter in range(4):
        cells = strata[col, quarter, NEURONS] + strata[col, quarter, GLIAL]
        if cells > 0:
            chosen = quarter
            if left < cells:
                break
            left -= cells
    glia, neurons = strata[col, chosen, GLIAL], strata[col, chosen, NEURONS]
    if left < glia:
        return chosen, GLIA
    return chosen, PYRAMID if left - glia < strata[col, chosen, PYRAMIDAL] * neurons else ROUND


@no_type_check
@njit(cache=True, inline="always")
def opacity_at(mean, focus, gain):
    """Share of light that a cell takes; focus 0 in the middle of the section, 1 at its surfaces."""
    return 1.0 - (3.0 * (1.0 - mean) * focus * focus) ** gain


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
    work = scratch()
    tissue, layers, strata = row_scratch(tiles.face.shape[1])
    for row in range(tiles.face.shape[0]):
        row_strata(tiles, sheet, tables, columnar, row, work, tissue, layers, strata)
        for col in np.flatnonzero(tissue):
            count = tile_cells(seed, tiles, row, col, layers, strata, tables.gain, drawn)
            if found + count > len(cells):
                grown = np.empty((2 * len(cells) + count, 9), np.float32)
                grown[:found] = cells[:found]
                cells = grown
            cells[found : found + count] = drawn[:count]
            found += count
    return cells[:found].copy()
