"""Cells on pixels: a cell takes the same at every spacing, turned or not, drawn or added up."""

import numpy as np
import pytest

from gennari.phantom.cell_tables import AREA_SQUARE, cell_tables
from gennari.phantom.cells import (
    ANGLE,
    COL,
    GLIA,
    HEIGHT,
    KIND,
    OPACITY,
    PYRAMID,
    ROUND,
    ROW,
    SHARP_UM,
    SOFT_UM,
    SOFTNESS,
    WIDTH,
    scatter,
)
from gennari.phantom.coarse import sum_cells
from gennari.phantom.layers import profile_tables
from gennari.phantom.optics import (
    GLIA_AREA_UM2,
    GLIA_OPACITY,
    PROCESSES,
    WHITE_GLIA_PER_MM3,
    WHITE_NEUROPIL,
    opacity_square,
)
from gennari.phantom.paint import Grid, add_cells, paint_cells, to_px
from gennari.phantom.tiles import Sheet

SIDE_UM = 240.0


def _grid(spacing_um=1.0, rotation_deg=0.0, side_um=SIDE_UM, low_um=0.0) -> Grid:
    """A square about its own middle, turned."""
    a, n = np.deg2rad(rotation_deg), int(side_um / spacing_um)
    cos, sin, half = float(np.cos(a)), float(np.sin(a)), 0.5 * n * spacing_um
    middle = low_um + 0.5 * side_um
    return Grid(middle - (cos - sin) * half, middle - (sin + cos) * half, cos, sin, spacing_um, n, n)


def _cell(kind=ROUND, height=14.0, width=10.0, softness=2.0, angle=0.4, opacity=0.7, at_um=(121.3, 118.9)):
    cell = np.zeros((1, 9), np.float32)
    cell[0, [ROW, COL]] = at_um
    cell[0, [HEIGHT, WIDTH, ANGLE, OPACITY, SOFTNESS, KIND]] = height, width, angle, opacity, softness, kind
    return cell


def _taken(cell, grid) -> float:
    return float((1 - paint_cells(cell, grid).astype(float)).sum()) * grid.spacing_um**2


@pytest.mark.parametrize("spacing_um", [0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("kind", [ROUND, PYRAMID, GLIA])
def test_what_a_cell_takes_is_its_area_and_its_dendrites_times_its_opacity(kind, spacing_um, rng):
    height, width = {ROUND: (10.0, 9.0), PYRAMID: (20.0, 14.0), GLIA: (5.8, 5.3)}[kind]
    ratios = []
    for softness in (0.8, 3.0, 6.0):
        for _ in range(6):
            cell = _cell(kind, height, width, softness, rng.uniform(0, 6.28), at_um=120 + rng.uniform(-2, 2, 2))
            wanted = np.pi / 4 * height * width * 0.7 * (1 + PROCESSES * (kind == PYRAMID))
            ratios.append(_taken(cell, _grid(spacing_um)) / wanted)
    assert np.mean(ratios) == pytest.approx(1, abs=0.03)


def test_a_round_cell_is_an_ellipse():
    image = 1 - paint_cells(_cell(softness=0.1, height=30.0, width=12.0, angle=np.pi / 2, at_um=(120, 120)), _grid(0.5))
    dark = image > 0.35
    rows, cols = np.nonzero(dark)
    # its height lies along +col
    assert np.ptp(cols) * 0.5 == pytest.approx(30, abs=1.0)
    assert np.ptp(rows) * 0.5 == pytest.approx(12, abs=1.0)
    assert image.max() == pytest.approx(0.7, abs=0.01)


@pytest.mark.parametrize("angle", [0.0, 1.0, 2.5, -2.0])
def test_a_pyramid_reaches_farther_towards_its_tip(angle):
    image = 1 - paint_cells(_cell(PYRAMID, 24.0, 14.0, 0.8, angle, at_um=(120, 120)), _grid(1.0))
    rows, cols = np.nonzero(image > 0.02)
    along = (rows + 0.5 - 120) * np.cos(angle) + (cols + 0.5 - 120) * np.sin(angle)
    assert along.max() > 1.5 * -along.min()
    assert along.max() < 3.5 * 24


def test_cells_over_one_another_multiply():
    one, other = _cell(), _cell(GLIA, 8.0, 8.0, at_um=(123.0, 120.0))
    both = paint_cells(np.concatenate([one, other]), _grid())
    np.testing.assert_allclose(both, paint_cells(one, _grid()) * paint_cells(other, _grid()), rtol=1e-6)


def test_a_cell_outside_leaves_the_window_clear():
    assert (paint_cells(_cell(at_um=(400.0, 120.0)), _grid()) == 1).all()


@pytest.mark.parametrize("kind", [ROUND, PYRAMID])
def test_a_window_turned_by_90_degrees_shows_the_cell_turned(kind):
    cell = _cell(kind)
    np.testing.assert_allclose(
        np.rot90(paint_cells(cell, _grid()), -1), paint_cells(cell, _grid(rotation_deg=90.0)), atol=1e-4
    )


@pytest.mark.parametrize("kind", [ROUND, PYRAMID])
def test_a_cell_takes_the_same_in_a_turned_window(kind):
    assert _taken(_cell(kind), _grid(rotation_deg=37.0)) == pytest.approx(_taken(_cell(kind), _grid()), rel=0.01)


def test_places_in_pixels_follow_the_rotation():
    grid = _grid(2.0, 90.0)
    # the row axis points to +col, the column axis to -row
    assert to_px(grid, 120.0, 120.0) == pytest.approx((60, 60))
    assert to_px(grid, 120.0, 140.0) == pytest.approx((70, 60))
    assert to_px(grid, 140.0, 120.0) == pytest.approx((60, 50))


def _sheet() -> Sheet:
    return Sheet(
        faces=np.zeros((1, 3), np.int32),
        scores=np.zeros((1, 17), np.float32),
        best=np.zeros(1, np.int32),
        boundaries=np.zeros((1, 5), np.float32),
        density=np.ones((1, 6), np.float32),
        across_mm=np.zeros(1, np.float32),
        columnar=np.zeros(1, np.float32),
    )


@pytest.mark.parametrize(("spacing_um", "rotation_deg"), [(32.0, 0.0), (32.0, 30.0), (20.0, 0.0), (8.0, 45.0)])
def test_coarse_pixels_have_the_poisson_mean_and_variance(white_tiles, spacing_um, rotation_deg):
    tiles, sheet = white_tiles(np.ones((128, 128), bool)), _sheet()
    # a square inside the tiles also when it is turned
    grid = _grid(spacing_um, rotation_deg, side_um=2560.0, low_um=768.0)
    through, neuropil = add_cells(3, tiles, sheet, cell_tables(profile_tables()), 0.3, grid)
    per_um2 = WHITE_GLIA_PER_MM3 * 20e-9
    mean = per_um2 * GLIA_AREA_UM2 * GLIA_OPACITY
    assert through.mean() == pytest.approx(np.exp(-mean), abs=0.002)
    np.testing.assert_allclose(neuropil, -np.log(WHITE_NEUROPIL), rtol=1e-6)
    if spacing_um == 32.0:
        # a cell of width a is shared between pixels: a / 3s of its variance is lost along each axis
        focus = (np.arange(1000) + 0.5) / 1000
        takes = GLIA_AREA_UM2 * (1 - 3 * (1 - GLIA_OPACITY) * focus**2)
        width_um = np.sqrt(GLIA_AREA_UM2 + (SHARP_UM + (SOFT_UM - SHARP_UM) * focus**2) ** 2)
        kept = (takes**2 * (1 - width_um / 96) ** 2).mean() * np.exp(4 * 0.22**2)
        assert through.var() == pytest.approx(np.exp(-2 * mean) * per_um2 * kept / spacing_um**2, rel=0.06)


def test_coarse_pixels_hold_what_finer_ones_hold(white_tiles):
    tiles, sheet = white_tiles(np.ones((40, 40), bool)), _sheet()
    tables = cell_tables(profile_tables())
    coarse, _ = add_cells(3, tiles, sheet, tables, 0.3, _grid(32.0, side_um=1280.0))
    finer, _ = add_cells(3, tiles, sheet, tables, 0.3, _grid(8.0, side_um=1280.0))
    np.testing.assert_allclose(finer.reshape(40, 4, 40, 4).mean(axis=(1, 3)), coarse, atol=0.03)


def test_sums_by_tiles_and_by_quarters_hold_the_cells_of_fine_windows(white_tiles):
    tiles, sheet = white_tiles(np.ones((64, 64), bool)), _sheet()
    tables, grid = cell_tables(profile_tables()), _grid(32.0, side_um=2048.0)
    cells = scatter(3, tiles, sheet, tables, 0.3)
    count = np.zeros((64, 64))
    np.add.at(count, tuple((cells[:, [ROW, COL]] / 32.0).astype(int).T), 1)
    whole, quarters = (sum_cells(3, tiles, sheet, tables, 0.3, grid, whole=way)[0] for way in (True, False))
    drawn, _ = add_cells(3, tiles, sheet, tables, 0.3, grid)
    for passing in (whole, quarters):
        # the same number, and sizes that scatter around it: what n cells take has n times the mean square of one
        expected = (AREA_SQUARE * opacity_square(GLIA_OPACITY, 1.0)) ** -0.5
        assert np.corrcoef(-np.log(passing).ravel(), count.ravel())[0, 1] == pytest.approx(expected, abs=0.02)
        assert passing.mean() == pytest.approx(drawn.mean(), abs=0.002)
        assert passing.std() == pytest.approx(drawn.std(), rel=0.05)
