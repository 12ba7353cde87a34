import numpy as np
import pytest

from gennari.apply.borders import block_distance, explained_shares, peaks


@pytest.fixture
def line(rng):
    return rng.normal(size=(30, 4)), np.cumsum(rng.uniform(0.1, 0.3, 30))


def test_halves_compare_the_block_before_with_the_block_after(line):
    x, mm = line
    got = block_distance(x, mm, block=5)
    assert len(got.score) == 30 - 10 + 1
    for i in range(len(got.score)):
        one, two = slice(i, i + 5), slice(i + 5, i + 10)
        squared = ((x[one].mean(0) - x[two].mean(0)) ** 2).sum()
        assert got.score[i] == pytest.approx(squared / (mm[two].mean() - mm[one].mean()))
        assert got.position_mm[i] == pytest.approx((mm[i + 4] + mm[i + 5]) / 2)


def test_shift_compares_means_one_patch_apart(line):
    x, mm = line
    got = block_distance(x, mm, block=5, mode="shift")
    assert len(got.score) == 30 - 5
    for i in range(len(got.score)):
        squared = ((x[i + 5] - x[i]) ** 2).sum() / 25  # all but the end points cancel
        step = (mm[i + 5] - mm[i]) / 5
        assert got.score[i] == pytest.approx(squared / step)
        assert got.position_mm[i] == pytest.approx((mm[i : i + 5].mean() + mm[i + 1 : i + 6].mean()) / 2)


def test_a_step_scores_highest_where_it_is(rng):
    x = rng.normal(scale=0.05, size=(60, 3))
    x[25:] += 1
    mm = 0.2 * np.arange(60)
    got = block_distance(x, mm)
    assert got.position_mm[got.score.argmax()] == pytest.approx((mm[24] + mm[25]) / 2)


def test_unsorted_positions_and_short_pieces_are_refused(line):
    x, mm = line
    with pytest.raises(ValueError, match="positions must increase"):
        block_distance(x, mm[::-1])
    with pytest.raises(ValueError, match="blocks of 9 in mode 'halves' need 18 patches, got 12"):
        block_distance(x[:12], mm[:12])
    assert len(block_distance(x[:12], mm[:12], mode="shift").score) == 3


def test_peaks_are_the_top_decile():
    assert np.flatnonzero(peaks(np.arange(100.0))).tolist() == list(range(90, 100))


def test_shares_count_causes_at_peaks_and_everywhere():
    at_peak = np.array([True, True, False, False])
    causes = {"oblique": np.array([True, False, True, True]), "border": np.array([True, False, False, False])}
    assert explained_shares(at_peak, causes) == {"oblique": (0.5, 0.75), "border": (0.5, 0.25), "none": (0.5, 0.25)}
    assert explained_shares(at_peak, {}) == {"none": (1.0, 1.0)}
    with pytest.raises(ValueError, match="at least one peak"):
        explained_shares(~at_peak & at_peak, causes)
