"""Cells become light: drawn one by one where pixels are fine, added up where pixels are coarse.

Both leave the same mean: a cell takes the same at every spacing (phantom/shapes.py). Coarse pixels are
exp(-M) (1 - (S - M)) with S what their cells take and M its expectation: the mean of fine pixels is exp(-M) exactly,
since cells are a Poisson process, and the deviation is its first order.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32
from numba import njit

from gennari.phantom.cells import (
    ANGLE,
    COL,
    HEIGHT,
    KIND,
    PYRAMID,
    ROW,
    SOFTNESS,
    WIDTH,
    CellTables,
    columns_at,
    depth_at,
    strata_of,
    stratum_at,
    take,
    white_stratum,
)
from gennari.phantom.chance import following, key, normal, poisson, uniform
from gennari.phantom.shapes import paint_ellipse, paint_pyramid
from gennari.phantom.tiles import Sheet, Tiles

FINE_UM = 5.0
"""Below this spacing cells are drawn with their shape."""
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
@njit(cache=True, error_model="numpy")
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
            paint_pyramid(cell, row, col, along_row, along_col, edge, grid, transmission)
        else:
            paint_ellipse(cell, row, col, along_row, along_col, edge, grid, transmission)


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
@njit(cache=True, error_model="numpy")
def _passing(taken, expected, retained, out):
    for row in range(out.shape[0]):
        for col in range(out.shape[1]):
            mean = expected[row, col]
            if mean > 0:
                out[row, col] = np.exp(-mean) * max(1 - retained * (taken[row, col] - mean), 0.05)


@no_type_check
@njit(cache=True, error_model="numpy")
def _add_cells(seed, tiles, sheet, tables, columnar, grid, taken, expected, neuropil):
    borders, factors, stratum = np.zeros(5), np.zeros(6), np.zeros(8)
    columns, share = np.zeros(3, np.int64), np.zeros(3)
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
                neuropil[row, col] = stratum[5]
                mean, amount = stratum[6] * 4 * quarter_um2, _amount(seed, tiles, row, col, 0, stratum, 4 * quarter_um2)
                _share_out(grid, row_um, col_um, tiles.tile_um, mean, amount, aligned, expected, taken)
                continue
            marked = strata_of(tiles, sheet, tables.border_mm, row, col, borders, factors, columns, share)
            marked = min(columnar * marked, 1.0)
            for quarter in range(4):
                down, right = (quarter // 2 - 0.5) * half_um, (quarter % 2 - 0.5) * half_um
                depth = depth_at(tiles, row, col, down, right)
                if stratum_at(tables.strata, depth, borders, factors, columns, share, stratum) < 0:
                    continue
                neuropil[row, col] = stratum[5]
                mean = stratum[6] * quarter_um2
                if marked > 0:
                    stratum[0] *= columns_at(tiles, row, col, down, right, marked)
                    take(stratum)
                    mean = stratum[6] * quarter_um2
                amount = _amount(seed, tiles, row, col, quarter, stratum, quarter_um2)
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
    each = stratum[6] / cells
    return max(count * each + np.sqrt(count) * stratum[7] * normal(following(at), 0), 0.0)


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
@njit(cache=True, error_model="numpy")
def _spread(grid, row, col, half, amount_um2, out):
    density = amount_um2 / (4 * half * half * grid.spacing_um * grid.spacing_um)
    for i in range(max(int(np.floor(row - half)), 0), min(int(np.ceil(row + half)), grid.height)):
        tall = min(row + half, i + 1.0) - max(row - half, float(i))
        for j in range(max(int(np.floor(col - half)), 0), min(int(np.ceil(col + half)), grid.width)):
            wide = min(col + half, j + 1.0) - max(col - half, float(j))
            out[i, j] += density * tall * wide
