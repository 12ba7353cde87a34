"""Cells of a section: a Poisson process whose density follows layers, areas and columns; a cell is a row of numbers.

A cell is a function of its tile and the section's seed alone. Neurons are pyramids (a triangle with its tip and a
dendrite towards the pia) or round; glia are small discs. Sizes scatter around the layer's mean without changing the
mean area, opacities around the mean opacity: cells near the middle of the section's thickness are dark and sharp,
others pale and soft.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32
from numba import njit

from gennari.phantom.chance import following, key, normal, part, poisson, uniform
from gennari.phantom.layers import SAMPLES, ProfileTables
from gennari.phantom.optics import (
    GLIA_AREA_UM2,
    GLIA_OPACITY,
    NEURON_OPACITY,
    SECTION_THICKNESS_UM,
    WHITE_GLIA_PER_MM3,
    WHITE_NEUROPIL,
)
from gennari.phantom.tiles import Sheet, Tiles

ROUND, PYRAMID, GLIA = 0, 1, 2
ROW, COL, HEIGHT, WIDTH, ANGLE, OPACITY, SOFTNESS, KIND, LAYER = range(9)
"""Columns of a cell: centre in µm on the section, extents along and across its axis in µm, the axis' direction (0 is
+row, positive towards +col; it points to the pia), share of light it takes, width of its edge in µm, kind, and layer
(0 to 5, 6 in white matter)."""
SIZE_SD = 0.22
"""SD of log extent among cells of a stratum."""
SHARP_UM, SOFT_UM = 0.8, 7.0
"""Width of a cell's edge in the middle of the section and near its surfaces."""
TILT_SD = 0.25
"""SD of a pyramid's direction around the radial one, in radians."""
COLUMN_UM = 80.0
"""Width of a column with its gap; published: 50 to 100 µm in human (Buxhoeveden & Casanova 2002: about 80)."""
# E[x²] / E[x]² of what a cell takes: of its area, log-normal with SD 2 SIZE_SD, times that of its opacity, which is
# 1 - 3 (1 - mean) f² with f uniform
NEURON_SQUARE = float(np.exp(4 * SIZE_SD**2) * (1 + 0.8 * (1 / NEURON_OPACITY - 1) ** 2))
GLIA_SQUARE = float(np.exp(4 * SIZE_SD**2) * (1 + 0.8 * (1 / GLIA_OPACITY - 1) ** 2))
MOST = 512
"""Cells a quarter of a tile can hold."""
NARROWEST_MM = 1e-3


class CellTables(NamedTuple):
    """ProfileTables as the kernels take them, for one section's thickness.

    Attributes:
        strata: (c, s, 6) neurons and glia per µm² whose centre lies in the section, soma height and width in µm, share
            of pyramids, -log transmission of what lies between cells.
        border_mm: (c, c) width of borders.
    """

    strata: Float32[np.ndarray, "c s 6"]
    border_mm: Float32[np.ndarray, "c c"]
    white_glia_per_um2: float
    white_neuropil: float


def cell_tables(tables: ProfileTables, thickness_um: float = SECTION_THICKNESS_UM) -> CellTables:
    """Numbers of cells for a section of this thickness."""
    per_um2 = np.float32(thickness_um * 1e-9)
    columns = (
        tables.neurons_per_mm3 * per_um2,
        tables.glia_per_mm3 * per_um2,
        tables.soma_height_um,
        tables.soma_width_um,
        tables.pyramidal,
        -np.log(tables.neuropil),
    )
    return CellTables(
        strata=np.stack(columns, axis=2).astype(np.float32),
        border_mm=tables.border_width_mm,
        white_glia_per_um2=WHITE_GLIA_PER_MM3 * thickness_um * 1e-9,
        white_neuropil=-float(np.log(WHITE_NEUROPIL)),
    )


@no_type_check
@njit(cache=True, inline="always")
def shares_of(scores, best, border_mm, corners, weights, columns, share):
    """How much of each corner's cytoarchitecture is seen at a place; they sum to 1.

    Two scores fall apart by 2 mm a mm across a border, so their logistic blend passes from 10 to 90 % over the
    border's width.
    """
    for k in range(3):
        columns[k] = best[corners[k]]
    share[0], share[1], share[2] = 1.0, 0.0, 0.0
    if columns[0] == columns[1] and columns[0] == columns[2]:
        return
    first, second, top, runner = 0, -1, -1e30, -1e30
    for k in range(3):
        repeated = (k > 0 and columns[k] == columns[0]) or (k == 2 and columns[2] == columns[1])
        share[k] = -1e30
        if not repeated:
            share[k] = 0.0
            for m in range(3):
                share[k] += weights[m] * scores[corners[m], columns[k]]
            if share[k] > top:
                second, runner = first, top
                first, top = k, share[k]
            elif share[k] > runner:
                second, runner = k, share[k]
    scale = max(border_mm[columns[first], columns[second]], NARROWEST_MM) / 2.1972246
    total = 0.0
    for k in range(3):
        share[k] = np.exp((share[k] - top) / scale)
        total += share[k]
    for k in range(3):
        share[k] /= total


@no_type_check
@njit(cache=True, error_model="numpy")
def strata_of(tiles, sheet, border_mm, row, col, borders, factors, columns, share):
    """What holds at a cortex tile: borders of layers, factors on their density, mixture; returns how marked columns are.

    factors: (6) on the density of neurons, by layer.
    """
    face, marked = tiles.face[row, col], 0.0
    borders[:] = 0.0
    factors[:] = 0.0
    for m in range(3):
        vertex, weight = sheet.faces[face, m], tiles.weights[row, col, m]
        marked += weight * sheet.columnar[vertex]
        for k in range(5):
            borders[k] += weight * sheet.boundaries[vertex, k]
        for k in range(6):
            factors[k] += weight * sheet.density[vertex, k]
    shares_of(sheet.scores, sheet.best, border_mm, sheet.faces[face], tiles.weights[row, col], columns, share)
    return marked


@no_type_check
@njit(cache=True, inline="always", error_model="numpy")
def layer_at(depth, borders):
    """Layer (0 to 5) at a depth, and the entry of the profile tables."""
    layer, start, stop = 0, 0.0, 1.0
    for k in range(5):
        if depth < borders[k]:
            stop = borders[k]
            break
        layer, start = k + 1, borders[k]
    along = (depth - start) / max(stop - start, 1e-6)
    return layer, layer * SAMPLES + min(max(int(along * SAMPLES), 0), SAMPLES - 1)


@no_type_check
@njit(cache=True, error_model="numpy")
def stratum_at(strata, depth, borders, factors, columns, share, out):
    """What cells to expect at a depth; returns the layer, -1 outside cortex.

    out: neurons and glia per µm², soma height and width in µm, share of pyramids, -log transmission between cells,
    mean -log transmission of cells, SD of what one cell takes (µm²).
    """
    if depth < 0.0:
        return -1
    layer, entry = layer_at(depth, borders)
    if share[0] == 1.0:
        for m in range(6):
            out[m] = strata[columns[0], entry, m]
    else:
        for m in range(6):
            out[m] = 0.0
            for k in range(3):
                out[m] += share[k] * strata[columns[k], entry, m]
    out[0] *= factors[layer]
    take(out)
    return layer


@no_type_check
@njit(cache=True, inline="always", error_model="numpy")
def columns_at(tiles, row, col, down_um, right_um, strength):
    """Factor on the density of neurons beside a tile's centre where columns are this strong (0 to 1)."""
    across_mm = tiles.across_mm[row, col] + (
        tiles.across_slope[row, col, 0] * down_um + tiles.across_slope[row, col, 1] * right_um
    )
    return 1.0 + strength * np.cos(2 * np.pi * across_mm * 1e3 / COLUMN_UM)


@no_type_check
@njit(cache=True, inline="always", error_model="numpy")
def depth_at(tiles, row, col, down_um, right_um):
    """Depth beside a tile's centre."""
    return tiles.depth[row, col] + tiles.slope[row, col, 0] * down_um + tiles.slope[row, col, 1] * right_um


@no_type_check
@njit(cache=True, inline="always")
def take(out):
    """Mean -log transmission of a stratum's cells, and the SD of what one of them takes."""
    neuron, glia = np.pi / 4 * out[2] * out[3] * NEURON_OPACITY, GLIA_AREA_UM2 * GLIA_OPACITY
    out[6] = out[0] * neuron + out[1] * glia
    cells = out[0] + out[1]
    if cells > 0:
        square = (out[0] * neuron * neuron * NEURON_SQUARE + out[1] * glia * glia * GLIA_SQUARE) / cells
        out[7] = np.sqrt(max(square - (out[6] / cells) ** 2, 0.0))


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


@no_type_check
@njit(cache=True, inline="always")
def white_stratum(tables, out):
    """What to expect in white matter; `out` as in `stratum_at`."""
    out[0] = out[4] = 0.0
    out[1] = tables.white_glia_per_um2
    out[2] = out[3] = 1.0
    out[5] = tables.white_neuropil
    take(out)


def scatter(seed: int, tiles: Tiles, sheet: Sheet, tables: CellTables, columnar: float) -> Float32[np.ndarray, "n 9"]:
    """All cells of a block of tiles, in the order of their tiles; see ROW .. LAYER.

    Args:
        seed: the section's.
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
    quarter_um = 0.25 * tiles.tile_um
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
                    down, right = (2 * (quarter // 2) - 1) * quarter_um, (2 * (quarter % 2) - 1) * quarter_um
                    depth = depth_at(tiles, row, col, down, right)
                    layer = stratum_at(tables.strata, depth, borders, factors, columns, share, stratum)
                    if marked > 0:
                        stratum[0] *= columns_at(tiles, row, col, down, right, marked)
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


@no_type_check
@njit(cache=True, error_model="numpy")
def between_cells(tiles, sheet, tables):
    """-log transmission between cells at each tile's centre."""
    out = np.zeros(tiles.face.shape, np.float32)
    borders, factors, stratum = np.zeros(5), np.zeros(6), np.zeros(8)
    columns, share = np.zeros(3, np.int64), np.zeros(3)
    for row in range(out.shape[0]):
        for col in range(out.shape[1]):
            if tiles.face[row, col] >= 0:
                strata_of(tiles, sheet, tables.border_mm, row, col, borders, factors, columns, share)
                stratum_at(tables.strata, tiles.depth[row, col], borders, factors, columns, share, stratum)
                out[row, col] = stratum[5]
            elif tiles.white[row, col]:
                out[row, col] = tables.white_neuropil
    return out
