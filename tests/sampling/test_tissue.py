import numpy as np
import pytest

from gennari.sampling.tissue import tissue_share

CENTRE = np.array([50])


@pytest.mark.parametrize("angle", [0, 30, 45, 90, -120])
def test_the_share_of_a_half_plane_is_that_of_the_window_beyond_its_edge(angle):
    # tissue where the window's own row axis is above -5 px: 15 of 20 px
    u = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    r, c = np.meshgrid(np.arange(101), np.arange(101), indexing="ij")
    tissue = (r - 50) * u[0] + (c - 50) * u[1] > -5
    share = tissue_share(tissue, CENTRE, CENTRE, np.array([float(angle)]), 20.0)
    assert share == pytest.approx([0.75], abs=0.03)


def test_a_window_of_tissue_has_share_one_and_of_glass_none():
    angles = np.array([0.0, 17.0, 180.0])
    at = np.full(3, 50)
    assert (tissue_share(np.ones((101, 101), bool), at, at, angles, 40.0) == 1).all()
    assert (tissue_share(np.zeros((101, 101), bool), at, at, angles, 40.0) == 0).all()


def test_what_lies_beside_the_grid_is_no_tissue():
    edge, corner = np.array([0, 0]), np.array([50, 0])
    share = tissue_share(np.ones((101, 101), bool), edge, corner, np.zeros(2), 21.0)
    assert share == pytest.approx([11 / 21, (11 / 21) ** 2])


def test_a_turned_square_covers_what_its_corners_say():
    # a diamond of tissue with half-diagonal 10 px: the window of side 10 √2 turned by 45 degrees covers just that
    r, c = np.meshgrid(np.arange(101), np.arange(101), indexing="ij")
    diamond = np.abs(r - 50) + np.abs(c - 50) <= 10
    side = 10 * np.sqrt(2)
    turned, straight = tissue_share(diamond, np.full(2, 50), np.full(2, 50), np.array([45.0, 0.0]), side)
    assert turned > 0.95
    assert 0.7 < straight < 0.87  # a square of 10 √2 holds 200 px², of which the diamond misses four corners


def test_a_window_smaller_than_a_pixel_asks_its_own_pixel():
    tissue = np.zeros((9, 9), bool)
    tissue[4, 4] = True
    assert tissue_share(tissue, np.array([4, 4]), np.array([4, 5]), np.array([0.0, 0.0]), 0.3).tolist() == [1, 0]
