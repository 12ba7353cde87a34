import numpy as np
import pytest

from gennari.classical.stability import peak_heights, steady_height, steady_places


def test_peaks_are_local_maxima():
    d2 = np.array([5.0, 1, 3, 3, 1, 9, np.nan, 4])
    assert peak_heights(d2).tolist() == [5, 0, 3, 0, 0, 9, 0, 4]
    assert peak_heights(d2, closed=True).tolist() == [5, 0, 3, 0, 0, 9, 0, 0]


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.5, 1.0])
def test_the_steady_height_is_what_so_many_block_sizes_reach_nearby(rng, closed, share):
    heights = np.where(rng.random((5, 23)) < 0.2, rng.random((5, 23)), 0.0)
    got = steady_height(heights, 2, share, closed)
    needed = {0.3: 2, 0.5: 3, 1.0: 5}[share]
    for i in range(23):
        near = [(i + k) % 23 for k in range(-2, 3) if closed or 0 <= i + k < 23]
        reached = sorted((heights[j, near].max() for j in range(5)), reverse=True)
        assert got[i] == reached[needed - 1]


def test_places_are_where_the_peaks_of_enough_block_sizes_stand():
    heights = np.zeros((4, 90))
    heights[[0, 1, 2, 3], [10, 11, 9, 10]] = 2.0, 3.0, 2.5, 2.0
    heights[[0, 1, 2], [40, 70, 71]] = 5.0, 1.5, 1.2
    first, second = sorted(steady_places(heights, 1.0, 2, 0.5), key=lambda place: place.gap)
    assert (first.gap, first.share, first.steady, first.block, first.height) == (10.0, 1.0, 2.5, 1, 3.0)
    assert (second.gap, second.share, second.steady, second.block, second.height) == (70.5, 0.5, 1.2, 1, 1.5)
    assert [place.gap for place in steady_places(heights, 1.0, 2, 1.0)] == [10.0]
    assert [place.gap for place in steady_places(heights, 1.2, 2, 0.5)] == [10.0]


def test_places_may_lie_where_a_closed_piece_starts():
    heights = np.zeros((3, 30))
    heights[[0, 1, 2], [29, 0, 0]] = 2.0
    assert [place.gap for place in steady_places(heights, 1.0, 2, 1.0, closed=True)] == [0.0]
    assert [place.gap for place in steady_places(heights[:2], 1.0, 2, 1.0, closed=True)] == [29.5]
    assert steady_places(heights, 1.0, 2, 1.0) == []


def test_the_higher_of_two_near_places_counts():
    heights = np.zeros((2, 40))
    heights[:, 10], heights[:, 14], heights[:, 16] = 3.0, 2.0, 2.5
    assert [place.gap for place in steady_places(heights, 1.0, 2, 1.0)] == [10.0, 16.0]
