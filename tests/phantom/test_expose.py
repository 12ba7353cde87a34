"""From tissue to grey values: the law of light, damage and the camera, each by its numbers."""

import numpy as np
import pytest

from gennari.phantom.expose import (
    DUST_TRANSMISSION,
    GLASS,
    LUMEN_TRANSMISSION,
    neuropil_lattice,
    photograph,
    smooth_edge,
    tissue_lattice,
    tissue_light,
)
from gennari.phantom.grain import GRAIN_SD, Lattice, grain_of, interpolated
from gennari.phantom.paint import Grid
from gennari.phantom.tiles import Tiles

SIDE = 64
NONE = np.zeros((1, 1), np.float32)


def _grid(spacing_um=32.0, row0_um=0.0, col0_um=0.0, side=SIDE) -> Grid:
    return Grid(row0_um, col0_um, 1.0, 0.0, spacing_um, side, side)


def _even(value: float) -> Lattice:
    return Lattice(-1000.0, -1000.0, 5000.0, np.full((4, 4), value, np.float32))


def _full(value: float, side=SIDE) -> np.ndarray:
    return np.full((side, side), value, np.float32)


def _light(
    grid=None, tissue=None, between=0.4, light=1.0, gain=1.0, cells=None, lumen=NONE, wall=NONE, double=NONE, holes=NONE
):
    grid = grid or _grid()
    cells = _full(1.0, grid.height) if cells is None else cells
    tissue, between, light = tissue or _even(1.0), _even(between), _even(light)
    return tissue_light(3, grid, tissue, between, light, gain, cells, lumen, wall, double, holes)


def test_light_falls_off_with_what_lies_between_and_over_it():
    light, where = _light(cells=_full(0.8))
    # grain leaves a spread of its own
    assert light.mean() == pytest.approx(0.8 * np.exp(-0.4), rel=0.01)
    assert where.all()


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_a_gradient_multiplies_minus_log_transmission(factor):
    plain, _ = _light(cells=_full(0.8))
    lit, _ = _light(cells=_full(0.8), light=factor)
    np.testing.assert_allclose(np.log(lit), factor * np.log(plain), rtol=1e-4)


@pytest.mark.parametrize("gain", [0.8, 1.25])
def test_stain_multiplies_minus_log_transmission_between_cells_and_of_walls(gain):
    between, _ = _light()
    plain, _ = _light(cells=_full(0.8), lumen=_full(0.0), wall=_full(0.9))
    stained, _ = _light(cells=_full(0.8), lumen=_full(0.0), wall=_full(0.9), gain=gain)
    np.testing.assert_allclose(np.log(plain), np.log(between) + np.log(0.8) + np.log(0.9), rtol=1e-4)
    # cells come drawn at the gain
    expected = gain * (np.log(between) + np.log(0.9)) + np.log(0.8)
    np.testing.assert_allclose(np.log(stained), expected, rtol=1e-4)


def test_glass_lets_all_light_through():
    light, where = _light(tissue=_even(0.0))
    assert (light == 1).all()
    assert not where.any()


def test_part_of_a_pixel_may_be_glass():
    light, where = _light(tissue=Lattice(-1000.0, -1000.0, 32.0, _full(0.25, 200)))
    whole, _ = _light()
    np.testing.assert_allclose(light, 0.75 + 0.25 * whole, rtol=1e-5)
    assert where.all()


def test_holes_are_glass_and_doubled_tissue_takes_twice():
    whole, _ = _light()
    holed, where = _light(holes=_full(0.3), double=_full(0.0))
    np.testing.assert_allclose(holed, 0.3 + 0.7 * whole, rtol=1e-5)
    assert where.all()
    gone, where = _light(holes=_full(1.0), double=_full(0.0))
    assert (gone == 1).all()
    assert not where.any()
    doubled, _ = _light(holes=_full(0.0), double=_full(1.0))
    np.testing.assert_allclose(doubled, whole**2, rtol=1e-5)


def test_vessels_are_pale_inside_and_dark_at_their_wall():
    whole, _ = _light()
    vessel, _ = _light(lumen=_full(0.4), wall=_full(0.9))
    np.testing.assert_allclose(vessel, 0.6 * 0.9 * whole + 0.4 * LUMEN_TRANSMISSION, rtol=1e-5)


@pytest.mark.parametrize("spacing_um", [1.0, 2.0, 8.0, 32.0])
def test_grain_leaves_the_mean_light_and_spreads_less_the_wider_the_pixel(spacing_um):
    light, _ = _light(_grid(spacing_um, side=300))
    assert light.mean() == pytest.approx(np.exp(-0.4), rel=0.01)
    spread = (np.log(light) / -0.4).std()
    most = float(np.sqrt(np.square(GRAIN_SD).sum()))
    assert 0.01 < spread < (most if spacing_um < 8 else 0.7 * most)


def test_grain_belongs_to_the_place():
    one, _ = _light(_grid(2.0))
    other, _ = _light(_grid(2.0, 20.0, -14.0))
    np.testing.assert_allclose(one[10:, :-7], other[:-10, 7:], rtol=1e-5)
    assert grain_of(3, _grid(32.0)).pixel_sd > 0
    assert (grain_of(4, _grid(2.0)).lattices[0].values != grain_of(3, _grid(2.0)).lattices[0].values).any()


def test_values_of_a_lattice_are_interpolated_and_held_beyond_it():
    lattice = Lattice(10.0, 20.0, 10.0, np.array([[0.0, 1.0], [2.0, 5.0]], np.float32))
    assert interpolated(lattice, 10.0, 30.0) == pytest.approx(1)
    assert interpolated(lattice, 15.0, 25.0) == pytest.approx(2)
    assert interpolated(lattice, 12.0, 20.0) == pytest.approx(0.4)
    assert interpolated(lattice, -50.0, -50.0) == pytest.approx(0)
    assert interpolated(lattice, 90.0, 90.0) == pytest.approx(5)


def test_a_lattice_of_tissue_stands_on_the_middle_of_its_pixels():
    tissue = np.zeros((20, 20), bool)
    tissue[:, 10:] = True
    lattice = tissue_lattice(tissue, (3, -2), 8.0)
    assert (lattice.row0_um, lattice.col0_um, lattice.step_um) == (28.0, -12.0, 8.0)
    smooth = smooth_edge(lattice).values
    # half way stays half way: the edge does not move
    assert smooth[10, 9] + smooth[10, 10] == pytest.approx(1, abs=1e-5)
    assert 0.3 < smooth[10, 9] < 0.5
    assert smooth[10, 0] == pytest.approx(0, abs=1e-4)


def test_fine_pixels_meet_the_contour_of_tissue_not_its_lattice():
    tissue = np.zeros((80, 80), bool)
    tissue[:, 40:] = True
    edge = smooth_edge(tissue_lattice(tissue, (0, 0), 8.0))
    light, where = _light(_grid(2.0, side=320), tissue=edge)
    share = where.mean(axis=0)
    assert (light[:, :140] == 1).all()
    assert where[:, 180:].all()
    first = np.argmax(where, axis=1)
    # the contour lies at 320 µm, rough by a few µm
    assert first.mean() * 2.0 == pytest.approx(320, abs=8)
    assert 0.3 < first.std() * 2.0 < 12
    assert share[0] == 0


def _tiles(tissue: np.ndarray) -> Tiles:
    shape = tissue.shape
    return Tiles(
        first_row=2,
        first_col=-1,
        tile_um=32.0,
        depth=np.where(tissue, 0.5, np.nan).astype(np.float32),
        slope=np.zeros((*shape, 2), np.float32),
        face=np.where(tissue, 0, -1).astype(np.int32),
        weights=np.zeros((*shape, 3), np.float32),
        across_mm=np.zeros(shape, np.float32),
        across_slope=np.zeros((*shape, 2), np.float32),
        white=np.zeros(shape, bool),
    )


def test_neuropil_is_carried_on_beyond_tissue_for_interpolation_alone():
    tissue = np.zeros((9, 9), bool)
    tissue[:, :4] = True
    base = np.where(tissue, 0.5, 0).astype(np.float32)
    carried = neuropil_lattice(_tiles(tissue), base, aligned=False)
    assert (carried.row0_um, carried.col0_um, carried.step_um) == (80.0, -16.0, 32.0)
    np.testing.assert_allclose(carried.values[:, :6], 0.5)
    assert (carried.values[:, 6:] == 0).all()
    np.testing.assert_array_equal(neuropil_lattice(_tiles(tissue), base, aligned=True).values, base)


def test_the_camera_adds_noise_on_tissue_and_none_on_glass():
    where = np.ones((SIDE, SIDE), bool)
    where[:, :10] = False
    for spacing_um, sd in ((1.0, 8.0), (0.5, 8.0), (4.0, 2.0)):
        image = photograph(3, _grid(spacing_um), _full(0.5), where, NONE, 8.0)
        assert image[:, 10:].mean() == pytest.approx(0.5 * GLASS, abs=0.6)
        assert image[:, 10:].std() == pytest.approx(sd, rel=0.06)
        assert (image[:, :10] == np.float32(0.5 * GLASS)).all()
    assert (photograph(3, _grid(), _full(0.5), where, NONE, 0.0) == np.float32(0.5 * GLASS)).all()


def test_the_cameras_noise_belongs_to_the_place():
    where = np.ones((SIDE, SIDE), bool)
    one = photograph(3, _grid(1.0), _full(0.5), where, NONE, 8.0)
    other = photograph(3, _grid(1.0, 5.0, 9.0), _full(0.5), where, NONE, 8.0)
    np.testing.assert_array_equal(one[5:, 9:], other[:-5, :-9])


def test_grey_values_stay_between_black_and_glass():
    where = np.ones((SIDE, SIDE), bool)
    for value in (0.0, 1.0):
        image = photograph(3, _grid(1.0), _full(value), where, NONE, 40.0)
        assert 0 <= image.min() <= image.max() <= GLASS


def test_dust_darkens_tissue_and_glass():
    where = np.zeros((SIDE, SIDE), bool)
    image = photograph(3, _grid(), _full(1.0), where, _full(1.0), 8.0)
    np.testing.assert_allclose(image, DUST_TRANSMISSION * GLASS, rtol=1e-5)
    half = photograph(3, _grid(), _full(1.0), where, _full(0.5), 8.0)
    np.testing.assert_allclose(half, (1 + DUST_TRANSMISSION) / 2 * GLASS, rtol=1e-5)
