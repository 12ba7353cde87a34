"""Cells added up where pixels are much wider than cells: as many as fine windows hold, without drawing each.

Every quarter of a tile holds the very number of cells that fine windows show in it. Their places inside it and their
single sizes are not drawn, only the variance these add. A pixel is exp(-M) (1 - (S - M)): S what its cells take, M the
expectation of S, so that its mean is that of fine pixels, exp(-M), since cells are a Poisson process. Cells that lie
across the edge of pixels are shared: a square of width a dropped anywhere on pixels of width s leaves (1 - a / 3s)² of
its variance, so deviations are lowered by (1 - a / 3s).
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float32
from numba import njit

from gennari.phantom.chance import following, key, normal, poisson, uniform
from gennari.phantom.optics import GLIA_AREA_UM2, GLIA_OPACITY
from gennari.phantom.paint import Grid, to_px
from gennari.phantom.strata import GLIA_SQUARE, CellTables, quarter_stratum, strata_of, white_stratum
from gennari.phantom.tiles import Sheet, Tiles

ADDED_UM = 16.0
"""From this spacing on cells are added up."""
ROUND_UM, PER_HEIGHT = 10.3, 0.65
"""Width of a typical round cell with its smeared edge, and what a pyramid's processes add to it per µm of its height;
set by the variance that averaged fine pixels show (tests/phantom/test_draw.py)."""
DARKEST = 0.05


def sum_cells(
    seed: int, tiles: Tiles, sheet: Sheet, tables: CellTables, columnar: float, grid: Grid
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "n m"]]:
    """Share of light that passes the cells of each coarse pixel, and -log transmission between cells by tile.

    Args:
        seed: the section's.
        tiles: under the window.
        sheet: of the individual.
        tables: of the section.
        columnar: strength of columns.
        grid: the window's pixels.
    """
    taken = np.zeros((grid.height, grid.width), np.float32)
    expected = np.zeros((grid.height, grid.width), np.float32)
    neuropil = np.zeros(tiles.face.shape, np.float32)
    _sum_cells(np.uint64(seed), tiles, sheet, tables, columnar, grid, taken, expected, neuropil)
    _passing(taken, expected)
    return taken, neuropil


@no_type_check
@njit(cache=True, error_model="numpy")
def _passing(taken, expected):
    """Turn what is taken into what passes."""
    for row in range(taken.shape[0]):
        for col in range(taken.shape[1]):
            mean = expected[row, col]
            passing = 1.0
            if mean > 0:
                passing = np.exp(-mean) * max(1 - (taken[row, col] - mean), DARKEST)
            taken[row, col] = passing


@no_type_check
@njit(cache=True, error_model="numpy")
def _sum_cells(seed, tiles, sheet, tables, columnar, grid, taken, expected, neuropil):
    borders, factors, stratum = np.zeros(5), np.zeros(6), np.zeros(8)
    columns, share = np.zeros(3, np.int64), np.zeros(3)
    white = np.zeros(8)
    white_stratum(tables, white)
    half_um = 0.5 * tiles.tile_um
    quarter_um2 = half_um * half_um
    for row in range(tiles.face.shape[0]):
        for col in range(tiles.face.shape[1]):
            row_um = (tiles.first_row + row + 0.5) * tiles.tile_um
            col_um = (tiles.first_col + col + 0.5) * tiles.tile_um
            if tiles.face[row, col] < 0:
                if tiles.white[row, col]:
                    neuropil[row, col] = tables.white_neuropil
                    mean = white[6] * 4 * quarter_um2
                    amount = _even(seed, tiles, row, col, white, 4 * quarter_um2)
                    amount = mean + (1 - ROUND_UM / (3 * grid.spacing_um)) * (amount - mean)
                    _share_out(grid, row_um, col_um, tiles.tile_um, mean, amount, expected, taken)
                continue
            marked = strata_of(tiles, sheet, tables.border_mm, row, col, borders, factors, columns, share)
            marked = min(columnar * marked, 1.0)
            inside = 0
            for quarter in range(4):
                down, right = (quarter // 2 - 0.5) * half_um, (quarter % 2 - 0.5) * half_um
                layer = quarter_stratum(
                    tiles, tables, row, col, quarter, marked, borders, factors, columns, share, stratum
                )
                if layer < 0:
                    continue
                inside += 1
                neuropil[row, col] += stratum[5]
                mean = stratum[6] * quarter_um2
                amount = _amount(seed, tiles, row, col, quarter, stratum, quarter_um2)
                width_um = ROUND_UM + PER_HEIGHT * stratum[4] * stratum[2]
                amount = mean + (1 - width_um / (3 * grid.spacing_um)) * (amount - mean)
                _share_out(grid, row_um + down, col_um + right, half_um, mean, amount, expected, taken)
            if inside > 0:
                neuropil[row, col] /= inside


@no_type_check
@njit(cache=True, inline="always", error_model="numpy")
def _amount(seed, tiles, row, col, quarter, stratum, area_um2):
    """What the cells of a quarter take, µm²: as many as `cells.quarter_cells` draws, sizes as they scatter there."""
    at = key(seed, 2 * (tiles.first_row + row) + quarter // 2, 2 * (tiles.first_col + col) + quarter % 2)
    cells = stratum[0] + stratum[1]
    if cells <= 0.0:
        return 0.0
    count = poisson(cells * area_um2, uniform(at))
    if count == 0:
        return 0.0
    return count * stratum[6] / cells + np.sqrt(count) * stratum[7] * normal(following(at), 0)


@no_type_check
@njit(cache=True, inline="always", error_model="numpy")
def _even(seed, tiles, row, col, stratum, area_um2):
    """What the glia of a tile take, µm²: in white matter they lie evenly, and the tile is drawn as a whole."""
    at = key(seed, 2 * (tiles.first_row + row), 2 * (tiles.first_col + col))
    # cells of the size E[x²] / E[x] have the variance of all sizes together
    unit = GLIA_AREA_UM2 * GLIA_OPACITY * GLIA_SQUARE
    return unit * poisson(stratum[6] * area_um2 / unit, uniform(at))


@no_type_check
@njit(cache=True, inline="always", error_model="numpy")
def _share_out(grid, row_um, col_um, side_um, mean, amount, expected, taken):
    """Add a square's amounts to the pixels it covers: to one if it lies inside one, else by overlap."""
    row, col = to_px(grid, row_um, col_um)
    half = 0.5 * side_um / grid.spacing_um
    i, j = int(np.floor(row - half + 1e-6)), int(np.floor(col - half + 1e-6))
    if row + half <= i + 1 + 1e-6 and col + half <= j + 1 + 1e-6:
        if 0 <= i < grid.height and 0 <= j < grid.width:
            share = 1.0 / (grid.spacing_um * grid.spacing_um)
            expected[i, j] += mean * share
            taken[i, j] += amount * share
        return
    _spread(grid, row, col, half, mean, amount, expected, taken)


@no_type_check
@njit(cache=True, error_model="numpy")
def _spread(grid, row, col, half, mean, amount, expected, taken):
    per_px = 1.0 / (4 * half * half * grid.spacing_um * grid.spacing_um)
    for i in range(max(int(np.floor(row - half)), 0), min(int(np.ceil(row + half)), grid.height)):
        tall = min(row + half, i + 1.0) - max(row - half, float(i))
        for j in range(max(int(np.floor(col - half)), 0), min(int(np.ceil(col + half)), grid.width)):
            share = per_px * tall * (min(col + half, j + 1.0) - max(col - half, float(j)))
            expected[i, j] += mean * share
            taken[i, j] += amount * share
