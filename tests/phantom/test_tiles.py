"""Tiles: the same from every block, what the ribbon says, depths that grow as their slopes say."""

from dataclasses import replace

import numpy as np
import pytest

from gennari.phantom.layers import COLUMN_LABEL
from gennari.phantom.plan import plan_sections
from gennari.phantom.tiles import TILE_UM, cut_tiles, cut_tissue, near_plane, part_of, sheet_of
from gennari.surface.ribbon import cut_ribbon, white_matter


@pytest.fixture(scope="module")
def section(plain, plain_settings):
    return plan_sections(plain, plain_settings.brains[0], plain_settings)[1]


@pytest.fixture(scope="module")
def near(plain, section):
    return near_plane(plain.hemispheres, section)


@pytest.fixture(scope="module")
def sheet(plain):
    return sheet_of(plain)


@pytest.fixture(scope="module")
def ribbon(plain, section):
    return cut_ribbon(plain.hemispheres, section, 64.0)


@pytest.fixture(scope="module")
def tiles(near, sheet, section, ribbon):
    """All of the section at 64 µm."""
    return cut_tiles(near, sheet, section, (0, 0), ribbon.face.shape, 64.0)


def test_tiles_are_the_ribbon_of_both_hemispheres(plain, section, ribbon, tiles):
    offset = len(plain.hemispheres[0].pial.faces)
    np.testing.assert_array_equal(tiles.face, np.where(ribbon.side == 1, ribbon.face + offset, ribbon.face))
    np.testing.assert_allclose(tiles.depth, ribbon.depth, atol=1e-5)
    np.testing.assert_allclose(tiles.weights, ribbon.weights, atol=1e-4)
    np.testing.assert_array_equal(tiles.white, white_matter(plain.hemispheres, section, 64.0, ribbon))
    np.testing.assert_array_equal(tiles.tissue, tiles.white | ribbon.cortex)
    assert tiles.white.sum() > 1000


def test_the_sheet_holds_left_then_right(plain, sheet, tiles, ribbon):
    left, right = plain.tissue
    assert len(sheet.scores) == len(left.scores) + len(right.scores)
    np.testing.assert_array_equal(COLUMN_LABEL[sheet.best], np.concatenate([left.labels(), right.labels()]))
    np.testing.assert_array_equal(sheet.boundaries[len(left.boundaries) :], right.boundaries)
    np.testing.assert_allclose(sheet.density[: len(left.scores)], np.exp(left.log_density))
    rows, cols = np.nonzero(ribbon.side == 1)
    corners = sheet.faces[tiles.face[rows, cols]]
    assert corners.min() >= len(left.scores)


def test_columns_are_marked_in_places_and_cross_the_cortex(plain, sheet):
    assert 0 <= sheet.columnar.min() < sheet.columnar.max() <= 1.5
    assert 0.2 < (sheet.columnar == 0).mean() < 0.8
    # the coordinate is that of the middle surface: the same from pia to white matter
    assert np.ptp(sheet.across_mm) > 50
    other = sheet_of(replace(plain, texture_seed=plain.texture_seed + 1))
    assert (other.columnar != sheet.columnar).any()


@pytest.mark.parametrize("tile_um", [32.0, 128.0])
def test_blocks_that_overlap_agree(near, sheet, section, tile_um):
    middle = (np.array(section.size_um) / 2 / tile_um).astype(int)
    corner = (int(middle[0]) - 60, int(middle[1]) - 150)
    one = cut_tiles(near, sheet, section, corner, (120, 160), tile_um)
    other = cut_tiles(near, sheet, section, (corner[0] + 25, corner[1] + 40), (120, 160), tile_um)
    assert (one.first_row, one.first_col, one.tile_um) == (*corner, tile_um)
    assert (one.face[25:, 40:] >= 0).sum() > 200
    for name in ("face", "white"):
        np.testing.assert_array_equal(getattr(one, name)[25:, 40:], getattr(other, name)[:95, :120])
    for name in ("depth", "weights", "across_mm"):
        np.testing.assert_allclose(getattr(one, name)[25:, 40:], getattr(other, name)[:95, :120], atol=1e-4)
    # slopes are one-sided at a block's rim
    np.testing.assert_allclose(one.slope[26:-1, 41:-1], other.slope[1:94, 1:119], atol=1e-6)


def test_tiles_before_the_section_begins_are_cut_too(near, sheet, section):
    outside = cut_tiles(near, sheet, section, (-40, -40), (10, 10))
    assert not outside.tissue.any()
    assert np.isnan(outside.depth).all()


def test_a_part_of_a_section_lies_on_its_plane(section):
    part = part_of(section, (7, -3), (10, 20), TILE_UM)
    assert part.shape_px == (10, 20)
    at = np.array([[16.0, 48.0]])
    np.testing.assert_allclose(part.brain_mm(at), section.brain_mm(at + np.array([7, -3]) * TILE_UM), atol=1e-9)


def test_slopes_say_how_depth_changes(tiles):
    inner = (slice(2, -2), slice(2, -2))
    for axis in range(2):
        ahead, behind = np.roll(tiles.depth, -1, axis), np.roll(tiles.depth, 1, axis)
        known = np.isfinite(ahead) & np.isfinite(behind) & (tiles.face >= 0)
        expected = (ahead - behind) / (2 * tiles.tile_um)
        np.testing.assert_allclose(tiles.slope[inner][known[inner], axis], expected[inner][known[inner]], atol=1e-7)
    cortex = tiles.face >= 0
    steep_mm = 1e3 * np.hypot(*tiles.slope[cortex].T)
    # a cortex of 2 to 3.5 mm cut at any angle
    assert 0.1 < np.median(steep_mm) < 0.6
    assert (tiles.slope[~cortex] == 0).all()


def test_slopes_are_one_sided_at_the_rim_and_0_where_a_tile_stands_alone(tiles):
    cortex = tiles.face >= 0
    rim = cortex.copy()
    rim[1:] &= ~cortex[:-1]
    rim[:-1] &= cortex[1:]
    rows, cols = np.nonzero(rim[1:-2])
    rows = rows + 1
    expected = (tiles.depth[rows + 1, cols] - tiles.depth[rows, cols]) / tiles.tile_um
    assert len(rows) > 50
    np.testing.assert_allclose(tiles.slope[rows, cols, 0], expected, atol=1e-7)


def test_near_the_plane_are_the_faces_that_it_meets(plain, section, near, tiles):
    assert sum(len(numbers) for numbers in near.face) < 0.2 * sum(len(h.pial.faces) for h in plain.hemispheres)
    assert set(np.unique(tiles.face)) - {-1} <= set(np.concatenate(near.face).tolist())
    for whole, part, numbers in zip(plain.hemispheres, near.hemispheres, near.face, strict=True):
        offset = 0 if whole.side == "L" else len(plain.hemispheres[0].pial.faces)
        for name in ("pial", "white"):
            mesh, cut = getattr(whole, name), getattr(part, name)
            np.testing.assert_array_equal(mesh.vertices_mm[mesh.faces[numbers - offset]], cut.vertices_mm[cut.faces])


def test_tissue_alone_is_what_tiles_say(near, sheet, section):
    corner, shape = (200, 300), (300, 300)
    np.testing.assert_array_equal(
        cut_tissue(near, section, corner, shape, 64.0), cut_tiles(near, sheet, section, corner, shape, 64.0).tissue
    )
