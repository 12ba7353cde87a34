"""What cells to expect at a place: layers, areas, columns and the section's thickness become densities and sizes."""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32, Int32
from numba import njit

from gennari.phantom.cell_tables import (
    BETWEEN,
    EXPECTED,
    GLIAL,
    NEURONS,
    PYRAMIDAL,
    SMEAR,
    SQUARE,
    TABLED,
    TAKEN,
    TALL,
    WIDE,
)
from gennari.phantom.layers import SAMPLES
from gennari.phantom.optics import GLIA_AREA_UM2, PROCESSES

COLUMN_UM = 80.0
"""Width of a column with its gap; published: 50 to 100 µm in human (Buxhoeveden & Casanova 2002: about 80)."""
COSINE = np.cos(2 * np.pi * (np.arange(1024) + 0.5) / 1024).astype(np.float32)
"""By 1024ths of a turn."""
NARROWEST_MM = 1e-3
WHITE = 6
"""The layer of white matter."""


class Scratch(NamedTuple):
    """What kernels work out at a tile: layer borders, factors on density, mixture of cytoarchitectures."""

    borders: Float32[np.ndarray, "5"]
    factors: Float32[np.ndarray, "6"]
    columns: Int32[np.ndarray, "3"]
    share: Float32[np.ndarray, "3"]


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
@njit(cache=True)
def scratch():
    """A Scratch to fill."""
    return Scratch(np.zeros(5, np.float32), np.zeros(6, np.float32), np.zeros(3, np.int32), np.zeros(3, np.float32))


@no_type_check
@njit(cache=True)
def row_scratch(width):
    """What `row_strata` fills for a row of so many tiles: which are tissue; layers and strata of their quarters."""
    return np.zeros(width, np.bool_), np.zeros((width, 4), np.int8), np.zeros((width, 4, EXPECTED), np.float32)


@no_type_check
@njit(cache=True, error_model="numpy")
def row_strata(tiles, sheet, tables, columnar, row, work, tissue, layers, strata):
    """What to expect in the quarters of each tile of a row.

    A row at a time, since handing a tile's tables to a function costs more than the tile.

    work: a Scratch. tissue: (w); what follows is filled there alone. layers: (w, 4) 0 to 5, WHITE, or -1 where a
    quarter is glass. strata: (w, 4, 9), see NEURONS .. SQUARE; zeros in glass.
    """
    for col in range(tiles.face.shape[1]):
        cortex, marked = tiles.face[row, col] >= 0, 0.0
        tissue[col] = cortex or tiles.white[row, col]
        if not tissue[col]:
            continue
        if cortex:
            marked = min(columnar * _strata_of(tiles, sheet, tables.border_mm, row, col, work), 1.0)
        for quarter in range(4):
            down_um = (2 * (quarter // 2) - 1) * 0.25 * tiles.tile_um
            right_um = (2 * (quarter % 2) - 1) * 0.25 * tiles.tile_um
            depth = -1.0
            if cortex:
                depth = tiles.depth[row, col] + tiles.slope[row, col, 0] * down_um + tiles.slope[row, col, 1] * right_um
            if depth >= 0.0:
                layers[col, quarter] = _stratum_at(tables.strata, depth, work, strata, col, quarter)
                across_mm = tiles.across_mm[row, col] + tiles.across_slope[row, col, 0] * down_um
                across_mm += tiles.across_slope[row, col, 1] * right_um
                strata[col, quarter, NEURONS] *= _columns_at(across_mm, marked)
                _take(tables, strata, col, quarter)
            elif not cortex:
                layers[col, quarter] = WHITE
                strata[col, quarter, NEURONS] = strata[col, quarter, PYRAMIDAL] = 0.0
                strata[col, quarter, GLIAL] = tables.white_glia_per_um2
                strata[col, quarter, TALL] = strata[col, quarter, WIDE] = 1.0
                strata[col, quarter, BETWEEN] = tables.white_neuropil
                strata[col, quarter, SMEAR] = tables.white_smear_um
                _take(tables, strata, col, quarter)
            else:
                layers[col, quarter] = -1
                for m in range(EXPECTED):
                    strata[col, quarter, m] = 0.0


@no_type_check
@njit(cache=True, inline="always", error_model="numpy")
def between_of(layers, strata, col):
    """-log transmission between the cells of a tile of the row: the mean over the quarters that are tissue, else 0."""
    total, count = 0.0, 0
    for quarter in range(4):
        if layers[col, quarter] >= 0:
            total += strata[col, quarter, BETWEEN]
            count += 1
    return total / max(count, 1)


@no_type_check
@njit(cache=True, inline="always", error_model="numpy")
def _strata_of(tiles, sheet, border_mm, row, col, work):
    """What holds at a cortex tile: layer borders, factors on density, mixture; returns how marked columns are."""
    face, marked = tiles.face[row, col], 0.0
    for k in range(5):
        work.borders[k] = 0.0
    for k in range(6):
        work.factors[k] = 0.0
    for m in range(3):
        vertex, weight = sheet.faces[face, m], tiles.weights[row, col, m]
        marked += weight * sheet.columnar[vertex]
        for k in range(5):
            work.borders[k] += weight * sheet.boundaries[vertex, k]
        for k in range(6):
            work.factors[k] += weight * sheet.density[vertex, k]
    corners = sheet.faces[face]
    shares_of(sheet.scores, sheet.best, border_mm, corners, tiles.weights[row, col], work.columns, work.share)
    return marked


@no_type_check
@njit(cache=True, inline="always", error_model="numpy")
def _stratum_at(table, depth, work, strata, col, quarter):
    """Write NEURONS to SMEAR at a depth of the cortex; returns the layer."""
    layer, start, stop = 0, 0.0, 1.0
    for k in range(5):
        if depth < work.borders[k]:
            stop = work.borders[k]
            break
        layer, start = k + 1, work.borders[k]
    along = (depth - start) / max(stop - start, 1e-6)
    entry = layer * SAMPLES + min(max(int(along * SAMPLES), 0), SAMPLES - 1)
    if work.share[0] == 1.0:
        for m in range(TABLED):
            strata[col, quarter, m] = table[work.columns[0], entry, m]
    else:
        for m in range(TABLED):
            strata[col, quarter, m] = 0.0
            for k in range(3):
                strata[col, quarter, m] += work.share[k] * table[work.columns[k], entry, m]
    strata[col, quarter, NEURONS] *= work.factors[layer]
    return layer


@no_type_check
@njit(cache=True, inline="always", error_model="numpy")
def _columns_at(across_mm, strength):
    """Factor on the density of neurons at a place across columns, where these are this strong (0 to 1)."""
    if strength <= 0:
        return 1.0
    turn = across_mm * 1e3 / COLUMN_UM
    return 1.0 + strength * COSINE[int((turn - np.floor(turn)) * 1024)]


@no_type_check
@njit(cache=True, inline="always")
def _take(tables, strata, col, quarter):
    """Write TAKEN and SQUARE from the columns before them."""
    neuron = (
        np.pi
        / 4
        * strata[col, quarter, TALL]
        * strata[col, quarter, WIDE]
        * (1.0 + PROCESSES * strata[col, quarter, PYRAMIDAL])
        * tables.neuron_opacity
    )
    glia = GLIA_AREA_UM2 * tables.glia_opacity
    strata[col, quarter, TAKEN] = strata[col, quarter, NEURONS] * neuron + strata[col, quarter, GLIAL] * glia
    strata[col, quarter, SQUARE] = (
        strata[col, quarter, NEURONS] * neuron * neuron * tables.neuron_square
        + strata[col, quarter, GLIAL] * glia * glia * tables.glia_square
    )


@no_type_check
@njit(cache=True, error_model="numpy")
def between_cells(tiles, sheet, tables):
    """-log transmission between cells at each tile's centre."""
    out = np.zeros(tiles.face.shape, np.float32)
    work, strata = scratch(), np.zeros((1, 1, EXPECTED), np.float32)
    for row in range(out.shape[0]):
        for col in range(out.shape[1]):
            if tiles.face[row, col] >= 0:
                _strata_of(tiles, sheet, tables.border_mm, row, col, work)
                _stratum_at(tables.strata, tiles.depth[row, col], work, strata, 0, 0)
                out[row, col] = strata[0, 0, BETWEEN]
            elif tiles.white[row, col]:
                out[row, col] = tables.white_neuropil
    return out
