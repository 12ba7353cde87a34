"""Counting finds by section, AUROC in parts, medians over drawn sections."""

import numpy as np
import pytest

from gennari.metrics.border_places import gaps_of
from gennari.metrics.border_scores import (
    auroc_parts,
    border_truth,
    drawn_auroc,
    drawn_median,
    fixed_threshold,
    tally,
)
from gennari.metrics.ranking import auroc

PER_PIECE = 150  # 30 mm


@pytest.fixture
def truth():
    """Three open pieces, a section each: 3|4 at 10 mm, other cortex (2) from 20 mm on; the last is all of area 3."""
    label = np.repeat([3, 4, 2], 50)
    label = np.concatenate([label, label, np.full(PER_PIECE, 3)])
    section = np.repeat([0, 1, 2], PER_PIECE)
    arc = np.tile(0.2 * np.arange(PER_PIECE), 3)
    gaps = gaps_of(section, arc, np.full(len(arc), 29.8), np.zeros(len(arc), bool))
    return border_truth(label, gaps, section, first_area=3)


def spikes(*rows: int) -> np.ndarray:
    score = np.zeros(3 * PER_PIECE)
    score[list(rows)] = 1.0
    return score


def everywhere() -> np.ndarray:
    return np.ones(3 * PER_PIECE, bool)


def test_interior_is_in_an_area_and_far_from_any_border(truth):
    first = slice(0, PER_PIECE)
    assert truth.in_area[first].sum() == 99  # the gap into other cortex and all behind it are not
    inside = np.flatnonzero(truth.interior[first])
    assert inside.max() < 99 - 10
    assert set(range(39)) <= set(inside.tolist())
    assert not truth.interior[39:60].any()
    assert truth.borders.gap.tolist() == [49, 99, 199, 249]


def test_finds_are_counted_by_section_pair_and_tolerance(truth):
    # section 0: 3|4 found exactly, 2|4 1.2 mm off inside other cortex; section 1: 3|4 0.8 mm off, one peak in the
    # interior, one deep in other cortex of which nothing is said; section 2: one peak in the interior
    score = spikes(49, 105, 150 + 53, 150 + 20, 150 + 140, 300 + 70)
    found = tally(score, truth, everywhere(), 0.5, 3)
    assert found.pairs.tolist() == [[2, 4], [3, 4]]
    assert found.borders.tolist() == [[1, 1], [1, 1], [0, 0]]
    assert found.hits.tolist() == [
        [[0, 1], [0, 0], [0, 0]],
        [[0, 1], [0, 1], [0, 0]],
        [[1, 1], [0, 1], [0, 0]],
    ]
    assert found.given[1].tolist() == [[0, 1, 0], [0, 2, 0], [0, 0, 1]]
    assert found.given[2].tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 1]]
    assert found.false.tolist() == [0, 1, 1]
    assert found.interior_mm.sum() == pytest.approx(0.2 * truth.interior.sum())
    off = dict(zip(found.border.tolist(), found.off_mm.tolist(), strict=True))
    assert off == {0: pytest.approx(0), 1: pytest.approx(1.2), 2: pytest.approx(0.8), 3: np.inf}


def test_a_peak_is_counted_with_the_border_that_it_finds_though_another_is_nearer():
    # 3|4 behind row 20 and 4|5 behind row 24; peaks at 15 and 21 are both nearest to the former, and find one each
    label = np.repeat([3, 4, 5], [21, 4, 125])
    arc, section = 0.2 * np.arange(PER_PIECE), np.zeros(PER_PIECE, int)
    truth = border_truth(label, gaps_of(section, arc, np.full(PER_PIECE, 29.8), section.astype(bool)), section, 3)
    assert truth.nearest[[15, 21]].tolist() == [0, 0]
    score = np.zeros(PER_PIECE)
    score[[15, 21]] = 1.0
    found = tally(score, truth, np.ones(PER_PIECE, bool), 0.5, 1)
    assert found.hits[1].tolist() == [[1, 1]]
    assert found.given[1].tolist() == [[1, 1, 0]]
    assert (found.hits <= found.given[:, :, :-1]).all()


def test_rows_that_are_not_used_count_nothing(truth):
    use = truth.section == 0
    found = tally(spikes(49, 199, 370), truth, use, 0.5, 3)
    assert found.borders.sum(axis=1).tolist() == [2, 0, 0]
    assert found.given[1].sum() == 1
    assert found.false.sum() == 0
    assert (found.interior_mm[1:] == 0).all()


def test_the_threshold_holds_false_borders_of_its_own_rows_down(truth, rng):
    score = rng.random(3 * PER_PIECE)
    use = truth.section < 2
    threshold = fixed_threshold(score, truth, use)
    found = tally(score, truth, use, threshold, 3)
    assert found.false.sum() <= found.interior_mm.sum() / 20
    lower = tally(score, truth, use, threshold - 1e-9, 3)
    assert lower.false.sum() > lower.interior_mm.sum() / 20


def test_auroc_in_parts_is_auroc_and_drawn_sections_count_as_often_as_drawn(truth, rng):
    score = rng.random(3 * PER_PIECE) + 0.3 * (truth.border_mm <= 0.5)
    score[5] = np.nan
    parts = auroc_parts(score, truth, everywhere(), 3)
    drawn = np.array([[1, 1, 1], [2, 0, 1], [0, 0, 3]])
    got = drawn_auroc(parts, drawn)
    for weights, value in zip(drawn, got, strict=True):
        rows = np.concatenate([np.flatnonzero(truth.section == s) for s in range(3) for _ in range(weights[s])])
        rows = rows[np.isfinite(score[rows]) & ((truth.border_mm[rows] <= 0.5) | truth.interior[rows])]
        np.testing.assert_allclose(value, auroc(score[rows], truth.border_mm[rows] <= 0.5))
    assert np.isnan(got[2])  # that section has no border


def test_the_median_over_drawn_sections_repeats_their_values():
    values, section = np.array([3.0, 1.0, 2.0]), np.array([0, 1, 1])
    got = drawn_median(values, section, np.array([[1, 1], [3, 1], [1, 0], [0, 0]]))
    np.testing.assert_array_equal(got, [2.0, 3.0, 3.0, np.nan])
