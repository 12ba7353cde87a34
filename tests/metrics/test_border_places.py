"""Borders along the ribbon: where they lie, how far gaps are from them, peaks, thresholds and one-to-one matching."""

from itertools import permutations

import numpy as np
import pytest

from gennari.metrics.border_places import (
    TrueBorders,
    gaps_of,
    match,
    nearest_border,
    peaks,
    rotated,
    threshold_for,
    true_borders,
)


def line(n: int, closed: bool = False, piece: int = 0, step: float = 0.2):
    return gaps_of(
        np.full(n, piece), step * np.arange(n), np.full(n, step * (n if closed else n - 1)), np.full(n, closed)
    )


def at(*gaps: int) -> TrueBorders:
    return TrueBorders(gap=np.array(gaps, int), first=np.full(len(gaps), 3), second=np.full(len(gaps), 4))


def test_a_gap_lies_in_the_middle_of_its_places_and_the_last_of_a_closed_piece_leads_to_the_first():
    opened, closed = line(4), line(4, closed=True)
    np.testing.assert_allclose(opened.arc_mm, [0.1, 0.3, 0.5, 0.6])
    np.testing.assert_allclose(opened.width_mm, [0.2, 0.2, 0.2, np.nan])
    np.testing.assert_allclose(closed.arc_mm, [0.1, 0.3, 0.5, 0.7])
    np.testing.assert_allclose(closed.width_mm, 0.2)


@pytest.mark.parametrize(("piece", "arc"), [([0, 1, 0], [0, 1, 2]), ([0, 0, 1], [1, 0, 0])])
def test_places_out_of_order_are_refused(piece, arc):
    with pytest.raises(ValueError, match="by piece and in order along it"):
        gaps_of(np.array(piece), np.array(arc, float), np.full(3, 5.0), np.zeros(3, bool))


def test_distances_go_the_shorter_way_round_a_closed_piece_and_never_between_pieces():
    closed = line(10, closed=True)
    np.testing.assert_allclose(closed.apart_mm(np.array([0, 0]), np.array([9, 4])), [0.2, 0.8])
    np.testing.assert_allclose(line(10).apart_mm(np.array([0]), np.array([8])), 1.6)
    two = gaps_of(np.array([0, 0, 1, 1]), np.array([0, 0.2, 0, 0.2]), np.full(4, 0.2), np.zeros(4, bool))
    assert two.apart_mm(np.array([0]), np.array([2]))[0] == np.inf


def test_a_border_is_where_classes_change_and_one_of_them_is_an_area():
    label = np.array([2, 2, 3, 3, 4, 4, 2, 1, 2])
    found = true_borders(label, line(9), first_area=3)
    assert found.gap.tolist() == [1, 3, 5]
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == [(2, 3), (3, 4), (2, 4)]


def test_a_closed_piece_has_a_border_where_it_returns():
    label = np.array([3, 3, 3, 4, 4])
    assert true_borders(label, line(5), 3).gap.tolist() == [2]
    assert true_borders(label, line(5, closed=True), 3).gap.tolist() == [2, 4]


def test_unknown_places_are_bridged_up_to_a_limit():
    short, long = np.array([3, -1, -1, 4, 4, 4]), np.array([3, -1, -1, -1, 4, 4])
    assert true_borders(short, line(6), 3).gap.tolist() == [1]  # 0.6 mm, the middle of three gaps
    assert len(true_borders(long, line(6), 3)) == 0
    assert len(true_borders(np.full(6, -1), line(6), 3)) == 0
    around = np.array([-1, 4, 4, 3, 3, -1])
    assert true_borders(around, line(6, closed=True), 3).gap.tolist() == [2, 5]


def test_the_nearest_border_is_that_of_a_double_loop(rng):
    piece = np.repeat([0, 1, 2], [20, 15, 10])
    arc = np.concatenate([np.sort(rng.uniform(0, 9, n)) for n in (20, 15, 10)])
    closed = piece == 1
    gaps = gaps_of(piece, arc, np.full(45, 9.5), closed)
    borders = at(3, 17, 22, 30)
    which, distance = nearest_border(gaps, borders)
    for row in range(45):
        apart = []
        for border in borders.gap:
            straight = abs(gaps.arc_mm[row] - gaps.arc_mm[border])
            apart.append(
                min(straight, 9.5 - straight if closed[row] else np.inf) if piece[row] == piece[border] else np.inf
            )
        assert distance[row] == pytest.approx(min(apart))
        assert which[row] == (int(np.argmin(apart)) if np.isfinite(min(apart)) else -1)
    assert (which[piece == 2] == -1).all()


def test_peaks_are_local_maxima_and_the_higher_of_two_near_ones_counts():
    score = np.array([0, 1, 0, 2, 0, 0, 0, 0, 0, 3, 3, 0, np.nan])
    assert peaks(score, line(13), apart_mm=0.0).tolist() == [9, 3, 1]
    assert peaks(score, line(13), apart_mm=1.0).tolist() == [9, 3]
    assert peaks(score, line(13), apart_mm=1.3).tolist() == [9, 1]


def test_where_a_score_ends_it_has_no_maximum():
    score = np.array([5, 1, np.nan, 4, 1, 2, np.nan, 1, 6])
    assert peaks(score, line(9)).tolist() == []


def test_a_slope_beside_a_peak_is_no_peak_however_far_it_reaches():
    score = np.concatenate([np.linspace(0, 1, 30), np.linspace(1, 0, 30)[1:]])
    assert peaks(score, line(59)).tolist() == [29]


def test_a_closed_piece_has_no_ends():
    score = np.array([2.0, 1, 0, 0, 0, 0, 1, 3])
    assert peaks(score, line(8), 0.0).tolist() == []
    assert peaks(score, line(8, closed=True), 0.0).tolist() == [7]


def test_the_threshold_leaves_as_many_false_peaks_as_the_interior_allows_and_no_lower_one_does():
    score = np.array([9.0, 8, 7, 6, 5, 4, 3])
    false = np.array([False, True, False, True, True, False, True])
    for interior_mm, expected, count in ((45.0, 5.0, 2), (20.0, 6.0, 1), (19.0, 8.0, 0), (80.0, -np.inf, 4)):
        threshold = threshold_for(score, false, interior_mm)
        assert threshold == expected
        assert (score[false] > threshold).sum() == count


def test_matching_pairs_as_many_as_can_be_and_then_the_nearest(rng):
    gaps = line(60)
    for _ in range(40):
        found = rng.choice(60, rng.integers(0, 5), replace=False)
        borders = at(*rng.choice(60, rng.integers(1, 5), replace=False))
        by, off = match(found, borders, gaps, 2.0)
        best = (0, 0.0)
        for order in permutations([*range(len(found)), *[-1] * len(borders)], len(borders)):
            apart = [
                abs(gaps.arc_mm[found[j]] - gaps.arc_mm[border]) if j >= 0 else np.inf
                for j, border in zip(order, borders.gap, strict=True)
            ]
            kept = [each for each in apart if each <= 2.0 + 1e-9]
            best = max(best, (len(kept), -sum(kept)))
        hit = by >= 0
        assert (hit.sum(), -off[hit].sum()) == (best[0], pytest.approx(best[1]))
        assert len(set(by[hit].tolist())) == hit.sum()
        assert np.isinf(off[~hit]).all()


def test_rotated_labels_are_the_same_labels_elsewhere_in_the_piece(rng):
    label, piece = rng.integers(0, 5, 100), np.repeat([0, 1], 50)
    turned = rotated(label, piece, rng)
    assert (turned != label).any()
    for part in (slice(0, 50), slice(50, 100)):
        shifts = [k for k in range(50) if np.array_equal(np.roll(label[part], k), turned[part])]
        assert shifts
        assert 12 <= shifts[0] <= 38
