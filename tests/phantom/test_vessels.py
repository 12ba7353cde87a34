"""Vessels: as many as asked for, the same from every window, as much lumen at every spacing."""

import numpy as np
import pytest
from scipy import stats

from gennari.phantom.paint import Grid
from gennari.phantom.vessels import (
    ANGLE,
    BEND,
    COL,
    GREY,
    HALF_LENGTH,
    LARGEST_UM,
    LONGEST_UM,
    NUCLEUS_LONG_UM,
    NUCLEUS_OPACITY,
    NUCLEUS_STEP_UM,
    NUCLEUS_WIDE_UM,
    OPEN,
    OPENED,
    PHASE,
    RADIUS,
    ROW,
    SMALLEST_UM,
    WALL_OPACITY,
    WALL_UM,
    near_tissue,
    paint_vessels,
    scatter_vessels,
)

LOW, HIGH = np.array([-3000.0, 2000.0]), np.array([9000.0, 14000.0])


def _grid(spacing_um, side_um=768.0, rotation_deg=0.0) -> Grid:
    a, n = np.deg2rad(rotation_deg), int(side_um / spacing_um)
    cos, sin, half = float(np.cos(a)), float(np.sin(a)), 0.5 * n * spacing_um
    return Grid(384 - (cos - sin) * half, 384 - (sin + cos) * half, cos, sin, spacing_um, n, n)


def _inside(vessels, low, high):
    at = vessels[:, [ROW, COL]]
    return vessels[((at >= low) & (at < high)).all(axis=1)]


@pytest.fixture(scope="module")
def vessels():
    return _inside(scatter_vessels(4, 12.0, LOW, HIGH), LOW, HIGH)


def test_as_many_vessels_as_asked_for(vessels):
    expected = 12.0 * 144
    assert stats.poisson.ppf(5e-4, expected) <= len(vessels) <= stats.poisson.ppf(1 - 5e-4, expected)
    assert len(scatter_vessels(4, 0.0, LOW, HIGH)) == 0


def test_most_vessels_are_capillaries_and_none_is_beyond_its_limits(vessels):
    assert SMALLEST_UM <= vessels[:, RADIUS].min() < vessels[:, RADIUS].max() <= LARGEST_UM
    assert np.median(2 * vessels[:, RADIUS]) == pytest.approx(7.0, abs=0.4)
    assert (vessels[:, RADIUS] + vessels[:, HALF_LENGTH]).max() <= 0.5 * LONGEST_UM + 1e-3
    assert vessels[:, HALF_LENGTH].min() >= -1e-3
    assert (vessels[:, OPEN] > GREY).mean() == pytest.approx(OPENED, abs=0.05)


def test_vessels_lie_evenly_and_in_every_direction(vessels):
    assert stats.kstest((vessels[:, ROW] - LOW[0]) / 12e3, "uniform").pvalue > 1e-3
    assert stats.kstest((vessels[:, COL] - LOW[1]) / 12e3, "uniform").pvalue > 1e-3
    assert stats.kstest(vessels[:, ANGLE] / np.pi, "uniform").pvalue > 1e-3


def test_every_rectangle_finds_the_same_vessels(vessels):
    low, high = np.array([1000.0, 5000.0]), np.array([3000.0, 7500.0])
    here = _inside(scatter_vessels(4, 12.0, low, high), low, high)
    np.testing.assert_array_equal(
        here[np.argsort(here[:, ROW])], (found := _inside(vessels, low, high))[np.argsort(found[:, ROW])]
    )
    other = _inside(scatter_vessels(5, 12.0, low, high), low, high)
    assert not np.isin(other[:, ROW], vessels[:, ROW]).any()


def _vessel(radius=4.0, half=30.0, opened=0.2, bend=0.0, angle=0.7, at_um=(385.3, 382.1)):
    vessel = np.zeros((1, 8), np.float32)
    vessel[0, [ROW, COL]] = at_um
    vessel[0, [RADIUS, HALF_LENGTH, ANGLE, BEND, OPEN, PHASE]] = radius, half, angle, bend, opened, 0.0
    return vessel


@pytest.mark.parametrize("spacing_um", [0.5, 2.0, 8.0, 32.0, 64.0])
@pytest.mark.parametrize(("radius", "half"), [(3.0, 0.0), (3.0, 60.0), (15.0, 40.0)])
def test_lumen_and_wall_take_the_same_area_at_every_spacing(radius, half, spacing_um, rng):
    a = radius + 0.5 * WALL_UM
    lumen_um2 = 0.2 * (np.pi * radius**2 + 4 * half * radius)
    wall_um2 = WALL_OPACITY * WALL_UM * (2 * np.pi * a + 4 * half)
    found = []
    # few coarse pixels are hit: the mean over places is asked for
    for _ in range(10 if spacing_um < 8 else 400):
        vessel = _vessel(radius, half, angle=rng.uniform(0, np.pi), at_um=384 + rng.uniform(-0.5, 0.5, 2) * spacing_um)
        images = paint_vessels(vessel, _grid(spacing_um))
        found.append([images[0].sum() * spacing_um**2, (1 - images[1]).sum() * spacing_um**2])
    assert np.mean(found, axis=0)[0] == pytest.approx(lumen_um2, rel=0.1)
    # nuclei darken the wall further
    nuclei_um2 = (1 + 2 * half / NUCLEUS_STEP_UM) * NUCLEUS_OPACITY * NUCLEUS_WIDE_UM * NUCLEUS_LONG_UM
    assert 0.8 * wall_um2 < np.mean(found, axis=0)[1] < 1.1 * wall_um2 + nuclei_um2


@pytest.mark.parametrize("spacing_um", [2.0, 32.0])
def test_the_area_of_all_grey_lumina_is_that_of_the_vessels(spacing_um):
    found = scatter_vessels(4, 900.0, np.full(2, 100.0), np.full(2, 668.0))
    grey = _inside(found, 130.0, 638.0)
    grey = grey[grey[:, OPEN] <= GREY]
    expected = (grey[:, OPEN] * (np.pi * grey[:, RADIUS] ** 2 + 4 * grey[:, HALF_LENGTH] * grey[:, RADIUS])).sum()
    drawn = sum(float(paint_vessels(vessel[None], _grid(spacing_um))[0].sum()) for vessel in grey) * spacing_um**2
    assert len(grey) > 100
    assert drawn == pytest.approx(expected, rel=0.1)


def test_an_open_vessel_has_a_pale_space_around_it_that_coarse_pixels_leave_out():
    area = 0.9 * np.pi * 15.0**2
    fine = float(paint_vessels(_vessel(15.0, 0.0, 0.9), _grid(1.0))[0].sum())
    # at most 0.35 of the light, over half a radius but no more than 6 µm, falling to nothing
    halo = 0.9 * 0.35 * 2 * np.pi * (15 * 6 / 2 + 6 * 6 / 6)
    assert fine == pytest.approx(area + halo, rel=0.03)
    coarse = float(paint_vessels(_vessel(15.0, 0.0, 0.9), _grid(16.0))[0].sum()) * 16**2
    assert coarse == pytest.approx(area, rel=0.1)


@pytest.mark.parametrize("bend", [0.0, 0.01])
def test_walls_darken_around_the_lumen_and_nothing_else(bend):
    lumen, wall = paint_vessels(_vessel(6.0, 50.0, 0.2, bend), _grid(1.0))
    assert 0.15 < lumen.max() <= 0.2
    assert wall.min() < 0.8
    rows, cols = np.nonzero(wall < 1)
    assert np.hypot(rows + 0.5 - 385.3, cols + 0.5 - 382.1).max() < 50 + 6 * 1.1 + 6


def test_a_bent_vessel_leaves_its_straight_axis():
    straight, bent = (paint_vessels(_vessel(4.0, 80.0, 0.2, bend, 0.0), _grid(1.0))[0] for bend in (0.0, 0.01))
    assert np.ptp(np.nonzero(straight)[1]) < 12
    # a parabola of curvature 0.01 / µm is 32 µm off after 80 µm
    assert np.ptp(np.nonzero(bent)[1]) == pytest.approx(32 + 8, abs=6)


def test_a_window_turned_by_90_degrees_shows_vessels_turned():
    upright, turned = (paint_vessels(_vessel(bend=0.008), _grid(1.0, rotation_deg=r)) for r in (0.0, 90.0))
    for one, other in zip(upright, turned, strict=True):
        np.testing.assert_allclose(np.rot90(one, -1), other, atol=2e-3)


@pytest.mark.parametrize("spacing_um", [2.0, 32.0])
def test_vessels_away_from_tissue_are_left_out_and_no_pixel_of_tissue_misses_them(white_tiles, spacing_um):
    side = 96
    tissue = np.zeros((side + 6, side + 6), bool)
    tissue[20:40, 25:60] = True
    vessels = scatter_vessels(4, 60.0, np.zeros(2), np.full(2, 32.0 * side))
    kept = near_tissue(vessels, white_tiles(tissue, (-3, -3)), spacing_um)
    n = int(32 * side / spacing_um)
    grid = Grid(0.0, 0.0, 1.0, 0.0, spacing_um, n, n)
    inside = tissue[3:-3, 3:-3].repeat(n // side, axis=0).repeat(n // side, axis=1)
    for every, some in zip(paint_vessels(vessels, grid), paint_vessels(kept, grid), strict=True):
        np.testing.assert_array_equal(every[inside], some[inside])
        assert (every != some).any()
    assert len(kept) < 0.7 * len(vessels)


def test_vessels_that_reach_beyond_the_tiles_are_kept(white_tiles):
    vessel = _vessel(at_um=(10.0, 300.0))
    tiles = white_tiles(np.zeros((20, 20), bool), (-3, -3))
    assert len(near_tissue(vessel, tiles, 2.0)) == 0
    assert len(near_tissue(vessel, tiles._replace(first_row=0), 2.0)) == 1
