"""Which sections and which stretch of ribbon the report shows."""

from itertools import pairwise

import numpy as np
import pytest

from gennari.pipeline.border_saved import best_range_mm, best_window, pair_name


def test_the_neighbours_with_the_most_borders_are_shown():
    counts = {number: (0, 0) for number in range(10, 60, 10)} | {30: (2, 0), 40: (1, 0)}
    assert best_window(range(0, 100, 10), counts, 2) == [30, 40]
    assert best_window(range(0, 100, 10), counts, 3) == [20, 30, 40]  # of equal ones the first


def test_what_was_accepted_decides_where_no_true_border_does():
    counts = {1: (0, 1), 2: (0, 0), 3: (0, 5), 4: (0, 4)}
    assert best_window([1, 2, 3, 4], counts, 2) == [3, 4]
    assert best_window([1, 2, 3, 4], counts | {1: (1, 0)}, 2) == [1, 2]


def test_a_run_of_neighbours_does_not_leap_over_sections_that_were_not_looked_at():
    counts = {1: (5, 0), 3: (5, 0), 4: (1, 0)}
    window = best_window([1, 2, 3, 4], counts, 3)
    assert window == [3, 4]
    assert all(after - before == 1 for before, after in pairwise(window))


def test_a_short_run_is_shown_whole():
    assert best_window([1, 2, 3], {2: (0, 0)}, 8) == [2]


@pytest.mark.parametrize(
    ("marks_mm", "expected"),
    [
        ([50.0], (30.0, 70.0)),
        ([48.0, 52.0, 95.0], (30.0, 70.0)),
        ([5.0], (0.0, 40.0)),
        ([98.0, 10.0, 97.0], (60.0, 100.0)),
        ([], (30.0, 70.0)),
    ],
)
def test_the_stretch_that_holds_most_marks_is_shown_and_ends_with_the_piece(
    marks_mm: list[float], expected: tuple[float, float]
):
    assert best_range_mm(100.0, np.array(marks_mm), 40.0) == pytest.approx(expected)


def test_a_short_piece_is_shown_whole():
    assert best_range_mm(30.0, np.array([29.0]), 40.0) == (0.0, 30.0)


def test_a_border_has_one_name_whichever_area_comes_first():
    assert pair_name("hOc2", "hOc1") == pair_name("hOc1", "hOc2") == "hOc1 | hOc2"
    assert pair_name("other cortex", "hOc5") == "hOc5 | other cortex"
    assert pair_name("FG2", "other cortex") == "FG2 | other cortex"
