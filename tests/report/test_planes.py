import imagecodecs
import numpy as np
import pytest

from gennari.errors import InputError
from gennari.frames import coronal
from gennari.records import IGNORE, LabelSet, Section
from gennari.report.planes import (
    TILE_PX,
    Piece,
    array_plane,
    class_rgba,
    image_plane,
    lines_plane,
    tile_png,
    uncertainty_of,
)

LABELS = LabelSet(names=("glass", "other", "hOc1"), colours=("#ffffff", "#808080", "#ff0010"), first_area=2)


def whole(plane, level=0):
    rows, cols = plane.levels[level].shape_px
    return plane.read(Piece(level, slice(0, rows), slice(0, cols)))


def test_levels_halve_until_the_coarsest_is_small_and_cover_the_plane():
    plane = array_plane("a", "a", "labels", np.zeros((1025, 3), np.uint8), 10.0)
    assert plane.levels == ((10.0, (1025, 3)), (20.0, (513, 2)), (40.0, (257, 1)))


def test_coarser_labels_are_labels_that_are_there(rng):
    values = rng.choice(np.array([0, 2, IGNORE], np.uint8), (1025, 7))
    plane = array_plane("a", "a", "labels", values, 10.0)
    assert np.array_equal(whole(plane), values)
    coarse = whole(plane, 1)
    for row, col in ((0, 0), (100, 2), (511, 1)):
        assert coarse[row, col] == values[2 * row + 1, 2 * col + 1]
    assert coarse[512, 3] == values[1024, 6]  # a part of a block at the corner


class Ramp:
    """Grey values that name their place: 100 + row + 3 col of 10 µm pixels; whole windows only."""

    def read(self, window):
        rows, cols = window.size_px
        scale = window.spacing_um / 10
        r = (window.centre_um[0] / 10 + scale * (np.arange(rows) - (rows - 1) / 2)) - 0.5
        c = (window.centre_um[1] / 10 + scale * (np.arange(cols) - (cols - 1) / 2)) - 0.5
        return (100 + r[:, None] + 3 * c).astype(np.float32)


def test_the_image_is_read_where_it_is_asked_for():
    section = Section(brain="P", id=1, spacing_um=10.0, shape_px=(1030, 9), to_brain=coronal(0.0, -1.0, 1.0))
    plane = image_plane(section, Ramp())
    assert plane.read(Piece(0, slice(4, 6), slice(2, 5))).tolist() == [[110, 113, 116], [111, 114, 117]]
    assert plane.read(Piece(1, slice(3, 4), slice(1, 3))).tolist() == [[114, 120]]  # means of 113.5 + .. and 119.5


def test_lines_are_as_thick_at_every_level_and_lie_where_they_should():
    section = Section(brain="P", id=1, spacing_um=10.0, shape_px=(1030, 40), to_brain=coronal(0.0, -1.0, 1.0))
    plane = lines_plane("b", "borders", [[(205.0, 0.0), (205.0, 10300.0)], [(0.0, 5005.0), (100.0, 5005.0)]], section)
    for level, (spacing_um, (rows, cols)) in enumerate(plane.levels):
        values = whole(plane, level)
        col, row = int(205 / spacing_um), int(5005 / spacing_um)
        expected = np.zeros((rows, cols), np.uint8)
        expected[:, col - 1 : col + 2] = 255
        expected[row - 1 : row + 2, : int(100 / spacing_um) + 1] = 255
        assert (values != expected).sum() <= 2 * 3  # the ends of a line may be a pixel longer or shorter
    part = plane.read(Piece(0, slice(400, 600), slice(5, 30)))
    assert np.array_equal(part, whole(plane)[400:600, 5:30])


def test_pieces_end_with_the_plane_and_others_are_refused():
    plane = array_plane("a", "areas", "labels", np.zeros((300, 300), np.uint8), 10.0)
    assert plane.piece(0, (256, 0), 256) == Piece(0, slice(256, 300), slice(0, 256))
    with pytest.raises(InputError, match=r"level 0 of areas has \(300, 300\) px, got \(300, 0\)"):
        plane.piece(0, (300, 0), 256)
    with pytest.raises(InputError, match=r"areas has levels 0\.\.0, got 1"):
        plane.piece(1, (0, 0), 256)


def test_a_tile_of_classes_has_their_colours_and_nothing_where_nothing_is_said():
    values = np.zeros((300, 300), np.uint8)
    values[256, :3] = (2, 1, IGNORE)
    plane = array_plane("a", "a", "labels", values, 10.0)
    tile = imagecodecs.png_decode(tile_png(plane, 0, (1, 0), LABELS))
    assert tile.shape == (300 - TILE_PX, TILE_PX, 4)
    assert tile[0, :3].tolist() == [[255, 0, 16, 255], [128, 128, 128, 255], [0, 0, 0, 0]]
    assert tile[1, 0, 3] == 0


def test_a_tile_of_the_image_is_grey_and_one_of_uncertainty_is_as_clear_as_it_is_sure():
    values = np.arange(6, dtype=np.uint8).reshape(2, 3)
    grey = imagecodecs.png_decode(tile_png(array_plane("a", "a", "image", values, 10.0), 0, (0, 0), LABELS))
    assert np.array_equal(grey, values)
    heat = imagecodecs.png_decode(tile_png(array_plane("a", "a", "uncertainty", values, 10.0), 0, (0, 0), LABELS))
    assert np.array_equal(heat[..., 3], values)


def test_uncertainty_is_what_the_likeliest_class_leaves():
    probabilities = np.array([[[255, 100]], [[0, 90]], [[0, 65]]], np.uint8)
    assert uncertainty_of(probabilities).tolist() == [[0, 155]]


def test_every_class_but_the_glass_has_its_colour():
    table = class_rgba(LABELS)
    assert table[0, 3] == table[IGNORE, 3] == table[77, 3] == 0
    assert table[2].tolist() == [255, 0, 16, 255]
