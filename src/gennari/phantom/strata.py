"""What cells to expect at a place: layers, areas, columns and the section's thickness become densities and sizes."""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32
from numba import njit

from gennari.phantom.layers import SAMPLES, ProfileTables
from gennari.phantom.optics import (
    GLIA_AREA_UM2,
    GLIA_OPACITY,
    NEURON_OPACITY,
    SECTION_THICKNESS_UM,
    WHITE_GLIA_PER_MM3,
    WHITE_NEUROPIL,
)

SIZE_SD = 0.22
"""SD of log extent among cells of a stratum."""
COLUMN_UM = 80.0
"""Width of a column with its gap; published: 50 to 100 µm in human (Buxhoeveden & Casanova 2002: about 80)."""
# E[x²] / E[x]² of what a cell takes: of its area, log-normal with SD 2 SIZE_SD, times that of its opacity, which is
# 1 - 3 (1 - mean) f² with f uniform
NEURON_SQUARE = float(np.exp(4 * SIZE_SD**2) * (1 + 0.8 * (1 / NEURON_OPACITY - 1) ** 2))
GLIA_SQUARE = float(np.exp(4 * SIZE_SD**2) * (1 + 0.8 * (1 / GLIA_OPACITY - 1) ** 2))
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
    """What holds at a cortex tile: layer borders, factors on density, mixture; returns how marked columns are.

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
@njit(cache=True, error_model="numpy")
def quarter_stratum(tiles, tables, row, col, quarter, marked, borders, factors, columns, share, out):
    """What to expect in a quarter (0 to 3) of a cortex tile, columns included; else as `stratum_at`.

    marked: strength of columns at the tile, 0 to 1.
    """
    quarter_um = 0.25 * tiles.tile_um
    down, right = (2 * (quarter // 2) - 1) * quarter_um, (2 * (quarter % 2) - 1) * quarter_um
    depth = depth_at(tiles, row, col, down, right)
    layer = stratum_at(tables.strata, depth, borders, factors, columns, share, out)
    if layer >= 0 and marked > 0:
        out[0] *= columns_at(tiles, row, col, down, right, marked)
        take(out)
    return layer


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
def white_stratum(tables, out):
    """What to expect in white matter; `out` as in `stratum_at`."""
    out[0] = out[4] = 0.0
    out[1] = tables.white_glia_per_um2
    out[2] = out[3] = 1.0
    out[5] = tables.white_neuropil
    take(out)


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
