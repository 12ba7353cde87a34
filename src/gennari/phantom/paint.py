"""Cells become light: drawn one by one where pixels are fine, added up where pixels are coarse.

Both leave the same mean. A cell whose edge is smeared over e µm has its opacity lowered by A / (A + c e² / 12), so that
what it takes stays the same at every spacing (Steiner: a contour moved by ±e/2 gains c e² / 12 on average). Coarse
pixels are exp(-M) (1 - (S - M)) with S what their cells take and M its expectation: the mean of fine pixels is exp(-M)
exactly, since cells are a Poisson process, and the deviation is its first order.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32
from numba import njit

from gennari.phantom.chance import following, key, normal, poisson, uniform
from gennari.phantom.cells import (
    ANGLE,
    COL,
    HEIGHT,
    KIND,
    OPACITY,
    PYRAMID,
    ROW,
    SOFTNESS,
    WIDTH,
    CellTables,
    layer_at,
    strata_of,
    stratum_at,
    white_stratum,
)
from gennari.phantom.tiles import Sheet, Tiles

FINE_UM = 5.0
"""Below this spacing cells are drawn with their shape."""
DENDRITE_SHARE = 0.1
"""Part of what a pyramid takes that lies in its apical dendrite."""
DENDRITE_WIDTH_UM = 2.2
TYPICAL_UM = 9.0
"""Width of a typical cell with its smeared edge."""


class Grid(NamedTuple):
    """A window's pixels: where (row, col) in µm on the section lie in pixels of the window.

    row_px = (cos * (row - row0) + sin * (col - col0)) / spacing_um, col_px alike with (-sin, cos); pixel (0, 0) covers
    0 to 1.
    """

    row0_um: float
    col0_um: float
    cos: float
    sin: float
    spacing_um: float
    height: int
    width: int


@no_type_check
@njit(cache=True, inline="always")
def to_px(grid, row_um, col_um):
    """A place on the section in pixels of the window."""
    down, right = (row_um - grid.row0_um) / grid.spacing_um, (col_um - grid.col0_um) / grid.spacing_um
    return grid.cos * down + grid.sin * right, -grid.sin * down + grid.cos * right


def paint_cells(cells: Float32[np.ndarray, "n 9"], grid: Grid) -> Float32[np.ndarray, "h w"]:
    """Share of light that passes the cells, each drawn with its shape."""
    transmission = np.ones((grid.height, grid.width), np.float32)
    _paint_cells(cells, grid, transmission)
    return transmission


@no_type_check
@njit(cache=True)
def _paint_cells(cells, grid, transmission):
    for index in range(len(cells)):
        cell = cells[index]
        row, col = to_px(grid, cell[ROW], cell[COL])
        reach = (0.7 * cell[HEIGHT] + cell[WIDTH] + cell[SOFTNESS]) / grid.spacing_um + 2
        if cell[KIND] == PYRAMID:
            reach += 3.0 * cell[HEIGHT] / grid.spacing_um
        if row < -reach or col < -reach or row > grid.height + reach or col > grid.width + reach:
            continue
        # the axis in the window: turned against the window's own rotation
        along_row = grid.cos * np.cos(cell[ANGLE]) + grid.sin * np.sin(cell[ANGLE])
        along_col = -grid.sin * np.cos(cell[ANGLE]) + grid.cos * np.sin(cell[ANGLE])
        edge = np.sqrt(cell[SOFTNESS] ** 2 + grid.spacing_um**2)
        if cell[KIND] == PYRAMID:
            _paint_pyramid(cell, row, col, along_row, along_col, edge, grid, transmission)
        else:
            _paint_ellipse(cell, row, col, along_row, along_col, edge, grid, transmission)


@no_type_check
@njit(cache=True)
def _paint_ellipse(cell, row, col, along_row, along_col, edge, grid, transmission):
    a, b = 0.5 * cell[HEIGHT], 0.5 * cell[WIDTH]
    area = np.pi * a * b
    opacity = cell[OPACITY] * area / (area + np.pi * edge * edge / 12)
    reach = (max(a, b) + 0.5 * edge) / grid.spacing_um + 1
    for i in range(max(int(row - reach), 0), min(int(row + reach) + 1, grid.height)):
        for j in range(max(int(col - reach), 0), min(int(col + reach) + 1, grid.width)):
            down, right = (i + 0.5 - row) * grid.spacing_um, (j + 0.5 - col) * grid.spacing_um
            u, v = down * along_row + right * along_col, -down * along_col + right * along_row
            # distance to the ellipse to first order: f / |grad f| of f = |(u/a, v/b)| - 1, safe in the centre
            f = np.sqrt((u / a) ** 2 + (v / b) ** 2)
            steep = np.sqrt((u / (a * a)) ** 2 + (v / (b * b)) ** 2) / max(f, 1e-6)
            outside = (f - 1.0) / steep if f > 0.2 else -min(a, b)
            cover = min(max(0.5 - outside / edge, 0.0), 1.0)
            transmission[i, j] *= 1.0 - opacity * cover


@no_type_check
@njit(cache=True)
def _paint_pyramid(cell, row, col, along_row, along_col, edge, grid, transmission):
    """An isosceles triangle of the ellipse's area, its tip and a tapering dendrite towards the pia."""
    area = np.pi / 4 * cell[HEIGHT] * cell[WIDTH] * (1 - DENDRITE_SHARE)
    shape = np.sqrt(1 - DENDRITE_SHARE)
    high, half = 1.25 * cell[HEIGHT] * shape, 0.5 * 1.2566371 * cell[WIDTH] * shape
    side = np.sqrt(high * high + half * half)
    perimeter = 2 * half + 2 * side
    opacity = cell[OPACITY] * area / (area + perimeter * perimeter / (4 * area) * edge * edge / 12)
    long = 2.5 * cell[HEIGHT]
    thick = np.sqrt(DENDRITE_WIDTH_UM**2 + edge * edge)
    # what the dendrite takes: its triangle profile has the area thick * long / 2, smeared at one end only
    pale = min(cell[OPACITY] * np.pi / 4 * cell[HEIGHT] * cell[WIDTH] * DENDRITE_SHARE / (0.5 * thick * long), 0.9)
    reach = (high + long + edge) / grid.spacing_um + 1
    for i in range(max(int(row - reach), 0), min(int(row + reach) + 1, grid.height)):
        for j in range(max(int(col - reach), 0), min(int(col + reach) + 1, grid.width)):
            down, right = (i + 0.5 - row) * grid.spacing_um, (j + 0.5 - col) * grid.spacing_um
            u, v = down * along_row + right * along_col, abs(-down * along_col + right * along_row)
            # the centroid lies a third of the height above the base
            base, slant = -(u + high / 3), (v * high + (u - 2 * high / 3) * half) / side
            cover = min(max(0.5 - max(base, slant) / edge, 0.0), 1.0)
            beyond = (u - 2 * high / 3) / long
            if 0.0 < beyond < 1.0 and v < thick:
                transmission[i, j] *= 1.0 - pale * (1.0 - v / thick) * (1.0 - beyond)
            transmission[i, j] *= 1.0 - opacity * cover


def add_cells(
    seed: int, tiles: Tiles, sheet: Sheet, tables: CellTables, columnar: float, grid: Grid
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"], Float32[np.ndarray, "n m"]]:
    """What the cells of each coarse pixel take, the expectation of that, and -log transmission between cells by tile.

    Every quarter of a tile holds as many cells as in fine windows; their places inside it and their single sizes are
    not drawn, only what they add to the variance. `passing` allows for
    cells that pixels share.
    """
    taken = np.zeros((grid.height, grid.width), np.float32)
    expected = np.zeros((grid.height, grid.width), np.float32)
    neuropil = np.zeros(tiles.face.shape, np.float32)
    _add_cells(np.uint64(seed), tiles, sheet, tables, columnar, grid, taken, expected, neuropil)
    return taken, expected, neuropil


def passing(
    taken: Float32[np.ndarray, "h w"], expected: Float32[np.ndarray, "h w"], spacing_um: float
) -> Float32[np.ndarray, "h w"]:
    """Share of light that passes the cells of coarse pixels; see the module's head.

    A cell of width a that is spread evenly over pixels of width s leaves (1 - a / 3s) of its deviation along each axis.
    """
    out = np.ones(taken.shape, np.float32)
    _passing(taken, expected, (1 - TYPICAL_UM / (3 * spacing_um)) ** 2, out)
    return out


@no_type_check
@njit(cache=True)
def _passing(taken, expected, retained, out):
    for row in range(out.shape[0]):
        for col in range(out.shape[1]):
            mean = expected[row, col]
            if mean > 0:
                out[row, col] = np.exp(-mean) * max(1 - retained * (taken[row, col] - mean), 0.05)


@no_type_check
@njit(cache=True)
def _add_cells(seed, tiles, sheet, tables, columnar, grid, taken, expected, neuropil):
    borders, columns, share, stratum = np.zeros(5), np.zeros(3, np.int64), np.zeros(3), np.zeros(7)
    half_um = 0.5 * tiles.tile_um
    quarter_um2 = half_um * half_um
    aligned = abs(grid.sin) < 1e-9
    for row in range(tiles.face.shape[0]):
        for col in range(tiles.face.shape[1]):
            cortex = tiles.face[row, col] >= 0
            if not cortex and not tiles.white[row, col]:
                continue
            row_um = (tiles.first_row + row + 0.5) * tiles.tile_um
            col_um = (tiles.first_col + col + 0.5) * tiles.tile_um
            if not cortex:
                # glia lie evenly: the tile is drawn as a whole
                white_stratum(tables, stratum)
                neuropil[row, col] = tables.white_neuropil
                mean, amount = stratum[5] * 4 * quarter_um2, _amount(seed, tiles, row, col, 0, stratum, 4 * quarter_um2)
                _share_out(grid, row_um, col_um, tiles.tile_um, mean, amount, aligned, expected, taken)
                continue
            strata_of(tiles, sheet, tables, row, col, borders, columns, share)
            _, entry = layer_at(tiles.depth[row, col], borders)
            for k in range(3):
                neuropil[row, col] += share[k] * tables.neuropil[columns[k], entry]
            for quarter in range(4):
                down, right = (quarter // 2 - 0.5) * half_um, (quarter % 2 - 0.5) * half_um
                layer = stratum_at(
                    tiles, sheet, tables, columnar, row, col, down, right, borders, columns, share, stratum
                )
                if layer >= 0:
                    amount = _amount(seed, tiles, row, col, quarter, stratum, quarter_um2)
                    mean = stratum[5] * quarter_um2
                    _share_out(grid, row_um + down, col_um + right, half_um, mean, amount, aligned, expected, taken)


@no_type_check
@njit(cache=True, inline="always")
def _amount(seed, tiles, row, col, quarter, stratum, area_um2):
    """What the cells of a quarter take, µm²: as many as `quarter_cells` draws, of sizes that scatter as theirs."""
    at = key(seed, 2 * (tiles.first_row + row) + quarter // 2, 2 * (tiles.first_col + col) + quarter % 2)
    cells = stratum[0] + stratum[1]
    if cells <= 0.0:
        return 0.0
    count = poisson(cells * area_um2, uniform(at))
    if count == 0:
        return 0.0
    each = stratum[5] / cells
    return max(count * each + np.sqrt(count) * stratum[6] * normal(following(at), 0), 0.0)


@no_type_check
@njit(cache=True, inline="always")
def _share_out(grid, row_um, col_um, side_um, mean, amount, aligned, expected, taken):
    """Add a square's amounts to the pixels it covers: to one if it lies inside one, else by overlap."""
    row, col = to_px(grid, row_um, col_um)
    half = 0.5 * side_um / grid.spacing_um
    i, j = int(np.floor(row - half + 1e-6)), int(np.floor(col - half + 1e-6))
    if aligned and row + half <= i + 1 + 1e-6 and col + half <= j + 1 + 1e-6:
        if 0 <= i < grid.height and 0 <= j < grid.width:
            share = 1.0 / (grid.spacing_um * grid.spacing_um)
            expected[i, j] += mean * share
            taken[i, j] += amount * share
        return
    _spread(grid, row, col, half, mean, expected)
    _spread(grid, row, col, half, amount, taken)


@no_type_check
@njit(cache=True)
def _spread(grid, row, col, half, amount_um2, out):
    density = amount_um2 / (4 * half * half * grid.spacing_um * grid.spacing_um)
    for i in range(max(int(np.floor(row - half)), 0), min(int(np.ceil(row + half)), grid.height)):
        tall = min(row + half, i + 1.0) - max(row - half, float(i))
        for j in range(max(int(np.floor(col - half)), 0), min(int(np.ceil(col + half)), grid.width)):
            wide = min(col + half, j + 1.0) - max(col - half, float(j))
            out[i, j] += density * tall * wide
