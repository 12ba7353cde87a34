"""Turned windows against np.rot90 and scipy's interpolation at the places docs/coordinates.md says."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from gennari.data.turning import Cut, Turn, cut, turned_patch, window_grey, window_labels, window_planes

TABLE = np.arange(256, dtype=np.float32)
IMAGE = Cut(side_px=24, before_px=3, inner_px=16)  # reaches 3 px before the output square and 5 behind it
ATLAS = Cut(side_px=10, before_px=1, inner_px=8)
LABELS = Cut(side_px=4, before_px=0, inner_px=4)
ANGLES = [0.0, 17.0, -33.0, 46.0, 120.0, 179.0]


def _places(which: Cut, start: np.ndarray, turn: Turn) -> np.ndarray:
    """(2, s, s) array indices that the pixels of a turned window show: u = (cos a, sin a), v = (-sin a, cos a)."""
    angle = np.deg2rad(turn.angle_deg + 90 * turn.quarters)
    u, v = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    steps = np.arange(which.side_px) + 0.5 - which.before_px - which.inner_px / 2
    across = -steps if turn.mirrored else steps
    middle = start + which.inner_px / 2 - 0.5
    return middle[:, None, None] + u[:, None, None] * steps[:, None] + v[:, None, None] * across


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", range(4))
def test_quarter_turns_are_those_of_rot90_on_every_grid(quarters: int, mirrored: bool, rng: np.random.Generator):
    turn, start = Turn(mirrored, quarters), np.array([8, 11])
    image, prior = rng.integers(0, 256, (60, 70), dtype=np.uint8), rng.random((3, 60, 70)).astype(np.float16)

    def expected(array: np.ndarray, which: Cut) -> np.ndarray:
        inner = cut(array, start, which.inner_px, 0)
        turned = np.rot90(inner, -quarters, axes=(-2, -1))
        return turned[..., ::-1] if mirrored else turned

    inside = slice(3, 19)
    got = window_grey(image, start, IMAGE, turn, TABLE, 255)
    np.testing.assert_array_equal(got[inside, inside], expected(image, IMAGE))
    np.testing.assert_array_equal(window_planes(prior, start, ATLAS, turn)[:, 1:9, 1:9], expected(prior, ATLAS))
    np.testing.assert_array_equal(window_labels(image, start, LABELS, turn, 255), expected(image, LABELS))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", [0, 1])
@pytest.mark.parametrize("angle_deg", ANGLES)
def test_a_turned_window_is_linear_between_the_pixels_it_shows(angle_deg, quarters, mirrored, rng):
    turn, start = Turn(mirrored, quarters, angle_deg), np.array([2, 25])  # sticks out above
    image, prior = rng.integers(0, 256, (60, 50), dtype=np.uint8), rng.random((2, 60, 50)).astype(np.float32)
    grey = window_grey(image, start, IMAGE, turn, TABLE, 255)
    expected = map_coordinates(
        np.pad(image.astype(float), 40, constant_values=255), _places(IMAGE, start, turn) + 40, order=1
    )
    np.testing.assert_allclose(grey, expected, atol=1e-3)
    planes = window_planes(prior, start, ATLAS, turn)
    for plane, got in zip(prior, planes, strict=True):
        expected = map_coordinates(np.pad(plane.astype(float), 40), _places(ATLAS, start, turn) + 40, order=1)
        np.testing.assert_allclose(got, expected, atol=1e-5)
    labels = window_labels(image, start, LABELS, turn, 255)
    row, col = np.rint(_places(LABELS, start, turn) + 1e-9).astype(int) + 40
    np.testing.assert_array_equal(labels, np.pad(image, 40, constant_values=255)[row, col])


def test_areas_that_are_nowhere_near_are_zero_and_the_others_in_their_place(rng: np.random.Generator):
    prior = np.zeros((4, 60, 50), np.float16)
    prior[2] = 0.5
    planes = window_planes(prior, np.array([25, 20]), ATLAS, Turn(False, 0, 30.0))
    np.testing.assert_allclose(planes[2], 0.5)
    assert not planes[[0, 1, 3]].any()


@pytest.mark.parametrize("angle_deg", ANGLES)
def test_labels_and_prior_keep_agreeing_with_the_image(angle_deg: float):
    """Grids of 1, 2 and 4 px of one section: labels and prior say what its image says at the same place."""
    rows, cols = np.mgrid[:240, :200] + 0.5

    def field(row: np.ndarray, col: np.ndarray) -> np.ndarray:
        return 128 + 60 * np.sin(row / 30) + 60 * np.cos(col / 25)

    image = np.rint(field(rows, cols)).astype(np.uint8)
    prior = (field(2 * rows[:120, :100], 2 * cols[:120, :100])[None] / 255).astype(np.float32)
    labels = (field(4 * rows[:60, :50], 4 * cols[:60, :50]) > 128).astype(np.uint8)
    which = [
        Cut(side_px=side, before_px=rim, inner_px=inner) for side, rim, inner in ((72, 3, 64), (36, 2, 32), (16, 0, 16))
    ]
    for mirrored in (False, True):
        turn, corner = Turn(mirrored, 0, angle_deg), np.array([22, 17])
        grey = window_grey(image, 4 * corner, which[0], turn, TABLE, 255)[3:67, 3:67]
        probability = window_planes(prior, 2 * corner, which[1], turn)[0, 2:34, 2:34]
        label = window_labels(labels, corner, which[2], turn, 255)
        np.testing.assert_allclose(255 * probability, grey.reshape(32, 2, 32, 2).mean(axis=(1, 3)), atol=1.5)
        block = grey.reshape(16, 4, 16, 4).mean(axis=(1, 3))
        clear = np.abs(block - 128) > 12  # a nearest label lies up to 2.8 px from the place asked for
        assert clear.mean() > 0.6
        np.testing.assert_array_equal(label[clear], block[clear] > 128)


def test_the_corners_of_a_turned_window_come_from_the_section():
    image = np.full((60, 60), 7, np.uint8)
    start = np.array([22, 22])
    assert (window_grey(image, start, IMAGE, Turn(False, 0, 45.0), TABLE, 255) == 7).all()
    assert (window_grey(image, np.array([44, 44]), IMAGE, Turn(False, 0, 45.0), TABLE, 255) == 255).any()


@pytest.mark.parametrize("angle_deg", [30.0, -100.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_patch_goes_on_beyond_its_border_as_its_mirror_image(angle_deg: float, mirrored: bool, rng):
    image = rng.integers(0, 256, (17, 17), dtype=np.uint8)
    out = np.empty((17, 17), np.float32)
    turn = Turn(mirrored, 0, angle_deg)
    turned_patch(image, turn, TABLE, out)
    places = _places(Cut(side_px=17, before_px=0, inner_px=17), np.array([0, 0]), turn)
    expected = map_coordinates(image.astype(float), places, order=1, mode="reflect")  # scipy's word for symmetric
    np.testing.assert_allclose(out, expected, atol=1e-3)


@pytest.mark.parametrize("turn", [Turn(False, 1), Turn(True, 2), Turn(False, 3, 90.0), Turn(True, 0, -180.0)])
def test_an_exact_turn_of_a_patch_moves_pixels_and_changes_none(turn: Turn, rng: np.random.Generator):
    image = rng.integers(0, 256, (6, 6), dtype=np.uint8)
    out = np.empty((6, 6), np.float32)
    turned_patch(image, turn, TABLE, out)
    expected = np.rot90(image, -(turn.quarters + round(turn.angle_deg / 90)))
    np.testing.assert_array_equal(out, expected[:, ::-1] if turn.mirrored else expected)
