"""Cells added up where pixels are much wider than cells: as many as fine windows hold, without drawing each.

Every tile holds the very number of cells that fine windows show in it, and so does each of its quarters where pixels
cut tiles. Their places inside and their single sizes are not drawn, only the variance these add. A pixel is
exp(-M) (1 - (S - M)): S what its cells take, M the expectation of S, so that its mean is that of fine pixels, exp(-M),
since cells are a Poisson process. Cells that lie across the edge of pixels are shared: a square of width a dropped
anywhere on pixels of width s leaves (1 - a / 3s)² of its variance, so deviations are lowered by (1 - a / 3s).
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float32
from numba import njit

from gennari.phantom.cell_tables import GLIAL, NEURONS, SMEAR, SQUARE, TAKEN, CellTables
from gennari.phantom.cells import density_of, quarter_and_kind, tile_key
from gennari.phantom.chance import following, key, normal, part, poisson, uniform
from gennari.phantom.paint import Grid, to_px
from gennari.phantom.strata import between_of, row_scratch, row_strata, scratch
from gennari.phantom.tiles import Sheet, Tiles

ADDED_UM = 16.0
"""From this spacing on cells are added up."""
DARKEST = 0.05


def sum_cells(
    seed: int, tiles: Tiles, sheet: Sheet, tables: CellTables, columnar: float, grid: Grid, whole: bool
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "n m"]]:
    """Share of light that passes the cells of each coarse pixel, and -log transmission between cells by tile.

    Args:
        seed: the section's.
        tiles: under the window.
        sheet: of the individual.
        tables: of the section.
        columnar: strength of columns.
        grid: the window's pixels; their edges lie on those of quarters of tiles.
        whole: they lie on those of tiles.
    """
    taken = np.zeros((grid.height, grid.width), np.float32)
    expected = np.zeros((grid.height, grid.width), np.float32)
    neuropil = np.zeros(tiles.face.shape, np.float32)
    _sum_cells(np.uint64(seed), tiles, sheet, tables, columnar, grid, whole, taken, expected, neuropil)
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
def _sum_cells(seed, tiles, sheet, tables, columnar, grid, whole, taken, expected, neuropil):
    work = scratch()
    tissue, layers, strata = row_scratch(tiles.face.shape[1])
    for row in range(tiles.face.shape[0]):
        row_strata(tiles, sheet, tables, columnar, row, work, tissue, layers, strata)
        here = np.flatnonzero(tissue)
        for col in here:
            neuropil[row, col] = between_of(layers, strata, col)
        if whole:
            _sum_tiles(seed, tiles, row, here, strata, grid, taken, expected)
        else:
            for col in here:
                _sum_quarters(seed, tiles, row, col, strata, grid, taken, expected)


@no_type_check
@njit(cache=True, error_model="numpy")
def _sum_tiles(seed, tiles, row, cols, strata, grid, taken, expected):
    """What the cells of a row's tiles take: as many as `cells.tile_cells` draws, sizes as they scatter there.

    A tile lies in one pixel.
    """
    quarter_um2 = 0.25 * tiles.tile_um * tiles.tile_um
    row_um = (tiles.first_row + row + 0.5) * tiles.tile_um
    for col in cols:
        density, mean, square, smear = 0.0, 0.0, 0.0, 0.0
        for quarter in range(4):
            density += strata[col, quarter, NEURONS] + strata[col, quarter, GLIAL]
            mean += strata[col, quarter, TAKEN]
            square += strata[col, quarter, SQUARE]
            smear += strata[col, quarter, SQUARE] * strata[col, quarter, SMEAR]
        i, j = to_px(grid, row_um, (tiles.first_col + col + 0.5) * tiles.tile_um)
        i, j = int(np.floor(i)), int(np.floor(j))
        if density <= 0.0 or i < 0 or j < 0 or i >= grid.height or j >= grid.width:
            continue
        # `tile_key`, by hand: a call that takes the tiles costs as much as the rest of the loop
        at = key(seed, tiles.first_row + row, tiles.first_col + col)
        amount = _amount(poisson(density * quarter_um2, uniform(at)), density, mean, square, normal(following(at), 0))
        mean *= quarter_um2
        amount = mean + (1.0 - smear / (3.0 * square * grid.spacing_um)) * (amount - mean)
        expected[i, j] += mean / (grid.spacing_um * grid.spacing_um)
        taken[i, j] += amount / (grid.spacing_um * grid.spacing_um)


@no_type_check
@njit(cache=True, error_model="numpy")
def _sum_quarters(seed, tiles, row, col, strata, grid, taken, expected):
    """The same for each quarter of a tile, its cells counted one by one."""
    density, half_um = density_of(strata, col), 0.5 * tiles.tile_um
    first = tile_key(seed, tiles, row, col)
    at, counts = first, np.zeros(4, np.int64)
    for _ in range(poisson(density * half_um * half_um, uniform(first))):
        at = following(at)
        quarter, _ = quarter_and_kind(strata, col, density * part(at, 2))
        counts[quarter] += 1
    for quarter in range(4):
        here, taken_here = strata[col, quarter, NEURONS] + strata[col, quarter, GLIAL], strata[col, quarter, TAKEN]
        if here <= 0.0:
            continue
        chance = normal(following(first), quarter)
        amount = _amount(counts[quarter], here, taken_here, strata[col, quarter, SQUARE], chance)
        mean = taken_here * half_um * half_um
        amount = mean + (1.0 - strata[col, quarter, SMEAR] / (3.0 * grid.spacing_um)) * (amount - mean)
        row_um = (tiles.first_row + row + 0.25 + 0.5 * (quarter // 2)) * tiles.tile_um
        col_um = (tiles.first_col + col + 0.25 + 0.5 * (quarter % 2)) * tiles.tile_um
        _share_out(grid, row_um, col_um, half_um, mean, amount, expected, taken)


@no_type_check
@njit(cache=True, inline="always", error_model="numpy")
def _amount(count, density, mean, square, chance):
    """What so many cells take, µm²; `mean` and `square` are the sums over `density` cells."""
    each = mean / density
    return count * each + np.sqrt(count * max(square / density - each * each, 0.0)) * chance


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
