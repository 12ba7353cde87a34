import numpy as np
import pytest

from gennari.apply.borders import block_distance, border_scores, explained_shares, peaks


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


@pytest.mark.parametrize(("mode", "block"), [("halves", 3), ("halves", 4), ("shift", 3), ("shift", 5)])
def test_each_gap_is_scored_by_its_two_blocks_on_open_and_closed_pieces(make_pieces, rng, mode, block):
    places = make_pieces((12, False), (14, True), (4, False), (2 * block - 2, True))
    x = rng.normal(size=(len(places), 5))
    got = border_scores(x, places, block, mode)
    before = block - 1 if mode == "halves" else block // 2
    apart_mm = 0.2 * (block if mode == "halves" else 1)
    for piece in range(4):
        rows = np.flatnonzero(places.piece == piece)
        n, closed = len(rows), bool(places.closed[rows[0]])
        for k, row in enumerate(rows):
            first = np.arange(k - before, k - before + block)
            second = first + (block if mode == "halves" else 1)
            fits = n >= 2 * before + 2 if closed else first[0] >= 0 and second[-1] < n
            if not fits:
                assert np.isnan(got[row])
                continue
            one, two = x[rows[first % n]].mean(axis=0), x[rows[second % n]].mean(axis=0)
            assert got[row] == pytest.approx(((one - two) ** 2).sum() / apart_mm)


def test_scores_refuse_other_rows_and_even_blocks_that_shift(make_pieces, rng):
    places = make_pieces((30, False))
    with pytest.raises(ValueError, match="must be those of the places, got 29 for 30"):
        border_scores(rng.normal(size=(29, 2)), places)
    with pytest.raises(ValueError, match="only if they are odd, got 4"):
        border_scores(rng.normal(size=(30, 2)), places, 4, "shift")
    assert np.isfinite(border_scores(rng.normal(size=(30, 2)), places)).sum() == 30 - 2 * 9 + 1
