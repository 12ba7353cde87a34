"""Damage on pixels: exact shares, the same from every window, coarse pixels the mean of fine ones."""

from dataclasses import replace

import numpy as np
import pytest
from shapely import Polygon, box

from gennari.phantom.damage import STEPS, damage
from gennari.phantom.defects import Blob, TissueInPlane, crack, fold, lost_piece, speck
from gennari.phantom.nuisance import Condition, section_condition
from gennari.phantom.plan import plan_sections
from gennari.phantom.settings import NO_NUISANCE
from gennari.records import Window

KINDS = ("holes", "double", "dust")


def _window(centre_um=(3000.0, 4000.0), size_px=(64, 64), spacing_um=32.0, rotation_deg=0.0) -> Window:
    return Window(
        brain="A", section=1, centre_um=centre_um, size_px=size_px, spacing_um=spacing_um, rotation_deg=rotation_deg
    )


@pytest.fixture(scope="module")
def spotless(plain, plain_settings) -> Condition:
    section = plan_sections(plain, plain_settings.brains[0], plain_settings)[1]
    return section_condition(plain, section, NO_NUISANCE)


@pytest.fixture(scope="module")
def battered(spotless) -> Condition:
    """A cortex of 8 mm along col 4 mm with much of everything in it."""
    rng = np.random.default_rng(5)
    cols = np.linspace(0, 8e3, 33)
    tissue = TissueInPlane(
        pial_um=np.column_stack([np.full(33, 2e3), cols]), white_um=np.column_stack([np.full(33, 4500.0), cols])
    )
    return replace(
        spotless,
        cracks=tuple(crack(rng, tissue) for _ in range(40)),
        folds=tuple(fold(rng, tissue) for _ in range(10)),
        missing=(lost_piece(rng, tissue),),
        dust=tuple(speck(rng, tissue) for _ in range(150)),
    )


@pytest.mark.parametrize("rotation_deg", [0.0, 33.0, -120.0])
@pytest.mark.parametrize("clockwise", [True, False])
def test_shares_are_the_areas_that_shapely_finds(spotless, rng, rotation_deg, clockwise):
    angle = np.arange(17) * 2 * np.pi / 17
    radius = 40 * rng.uniform(0.3, 1.0, 17)
    ring = np.column_stack([101 + radius * np.cos(angle), 203 + radius * np.sin(angle)])
    blob = Blob(outline_um=ring if clockwise else ring[::-1])
    window = _window((120.0, 185.0), (7, 9), 10.0, rotation_deg)  # the shape sticks out of it
    drawn = damage(replace(spotless, missing=(blob,)), window)
    assert drawn is not None
    a = np.deg2rad(rotation_deg)
    u, v = np.array([np.cos(a), np.sin(a)]), np.array([-np.sin(a), np.cos(a)])
    off = ring - window.centre_um
    polygon = Polygon(np.column_stack([off @ u / 10 + 3.5, off @ v / 10 + 4.5]))
    expected = [[polygon.intersection(box(i, j, i + 1, j + 1)).area for j in range(9)] for i in range(7)]
    np.testing.assert_allclose(drawn.holes, expected, atol=0.51 / STEPS)
    assert 3 < drawn.holes.sum() < 0.95 * polygon.area
    assert not drawn.double.any()
    assert not drawn.dust.any()


@pytest.mark.parametrize(("kind", "drawn_as"), [("missing", "holes"), ("folds", "double"), ("dust", "dust")])
def test_each_kind_is_drawn_in_its_own_place(spotless, battered, kind, drawn_as):
    drawn = damage(replace(spotless, **{kind: getattr(battered, kind)}), _window(size_px=(256, 256)))
    assert drawn is not None
    for name in KINDS:
        assert getattr(drawn, name).any() == (name == drawn_as)


def test_shapes_that_overlap_fill_a_pixel_once(spotless):
    square = Blob(outline_um=np.array([[0.0, 0.0], [0.0, 50.0], [50.0, 50.0], [50.0, 0.0]]))
    drawn = damage(replace(spotless, missing=(square, square)), _window((0.0, 0.0), (20, 20), 10.0))
    assert drawn is not None
    expected = np.zeros((20, 20))
    expected[10:15, 10:15] = 1
    np.testing.assert_array_equal(drawn.holes, expected)


def test_a_spotless_section_and_a_window_far_away_have_none(spotless, battered):
    assert damage(spotless, _window(size_px=(256, 256))) is None
    assert damage(battered, _window((-90e3, 4e3))) is None
    assert damage(battered, _window(size_px=(256, 256))) is not None


@pytest.mark.parametrize("spacing_um", [2.0, 32.0])
def test_windows_that_overlap_agree_exactly(battered, spacing_um):
    middle = battered.folds[0].points_um[60]
    whole = damage(battered, _window((float(middle[0]), float(middle[1])), (220, 240), spacing_um))
    row, col = middle + np.array([30, -25]) * spacing_um
    part = damage(battered, _window((float(row), float(col)), (100, 90), spacing_um))
    assert whole is not None
    assert part is not None
    for name in KINDS:
        inside = getattr(whole, name)[90:190, 50:140]
        np.testing.assert_array_equal(getattr(part, name), inside)
    assert part.double.any()


def test_windows_at_random_places_agree_on_a_grid_that_is_not_whole(battered, rng):
    whole = damage(battered, _window((3000.37, 4000.91), (301, 301), 17.3, 31.7))
    assert whole is not None
    assert whole.holes.any()
    a = np.deg2rad(31.7)
    u, v = np.array([np.cos(a), np.sin(a)]), np.array([-np.sin(a), np.cos(a)])
    for first in rng.integers(0, 200, size=(5, 2)):
        off = (first + 50 - 150) * 17.3
        centre = np.array([3000.37, 4000.91]) + off[0] * u + off[1] * v
        part = damage(battered, _window((float(centre[0]), float(centre[1])), (101, 101), 17.3, 31.7))
        expected = whole.holes[first[0] : first[0] + 101, first[1] : first[1] + 101]
        np.testing.assert_array_equal(np.zeros((101, 101)) if part is None else part.holes, expected)


@pytest.mark.parametrize("rotation_deg", [0.0, 57.0])
def test_a_coarse_pixel_is_the_mean_of_the_fine_ones_it_covers(battered, rotation_deg):
    fine = damage(battered, _window(size_px=(1024, 1024), spacing_um=2.0, rotation_deg=rotation_deg))
    coarse = damage(battered, _window(size_px=(64, 64), spacing_um=32.0, rotation_deg=rotation_deg))
    assert fine is not None
    assert coarse is not None
    for name in KINDS:
        mean = getattr(fine, name).reshape(64, 16, 64, 16).mean(axis=(1, 3))
        assert mean.sum() > 0
        assert getattr(coarse, name).sum() == pytest.approx(mean.sum(), rel=0.02)
        assert np.sqrt(((getattr(coarse, name) - mean) ** 2).mean()) < 0.05 * np.sqrt((mean**2).mean())


def test_a_coarse_pixel_is_exact_for_an_outline_that_does_not_cross_itself(spotless, battered):
    plain = [shape for shape in (*battered.cracks, *battered.dust) if Polygon(shape.outline_um).is_valid]
    drawn = 0
    for shape in plain:
        only = replace(spotless, dust=(shape,))
        fine = damage(only, _window(size_px=(1024, 1024), spacing_um=2.0))
        coarse = damage(only, _window(size_px=(64, 64), spacing_um=32.0))
        if fine is not None and coarse is not None:
            mean = fine.dust.reshape(64, 16, 64, 16).mean(axis=(1, 3))
            np.testing.assert_allclose(coarse.dust, mean, atol=1 / STEPS)
            drawn += 1
    assert drawn > 5


def test_a_window_turned_by_90_degrees_is_the_turned_image(battered):
    upright = damage(battered, _window(size_px=(180, 200), spacing_um=16.0))
    turned = damage(battered, _window(size_px=(200, 180), spacing_um=16.0, rotation_deg=90.0))
    assert upright is not None
    assert turned is not None
    for name in KINDS:
        # rows now run along +col, columns along -row
        np.testing.assert_array_equal(getattr(turned, name), getattr(upright, name).T[:, ::-1])
