"""Small label budgets: nested, spread over brains, covering what can be covered."""

import numpy as np

from gennari.pipeline.compare_budgets import nested_subset, uncovered

SHOWN = {
    ("A", 1): {3}, ("A", 2): {3, 4}, ("A", 3): {5}, ("A", 4): set(),
    ("B", 1): {3, 4, 5}, ("B", 2): {6}, ("B", 3): set(), ("B", 4): set(),
}  # fmt: skip


def test_a_smaller_budget_is_a_part_of_a_larger_one() -> None:
    for count in range(1, len(SHOWN)):
        assert set(nested_subset(SHOWN, count)) < set(nested_subset(SHOWN, count + 1))


def test_a_budget_beyond_all_sections_is_all_of_them() -> None:
    assert nested_subset(SHOWN, 111) == tuple(sorted(SHOWN))


def test_areas_are_covered_first() -> None:
    assert nested_subset(SHOWN, 2) == (("B", 1), ("B", 2))
    assert uncovered(SHOWN, nested_subset(SHOWN, 2), {3, 4, 5, 6}) == []
    assert uncovered(SHOWN, nested_subset(SHOWN, 1), {3, 4, 5, 6, 7}) == [6, 7]


def test_then_brains_are_shared_evenly_and_sections_lie_apart() -> None:
    bare = {(brain, number): frozenset() for brain in "AB" for number in range(9)}
    chosen = nested_subset(bare, 4)
    assert [brain for brain, _ in chosen] == ["A", "A", "B", "B"]
    assert [number for brain, number in chosen if brain == "A"] == [0, 8]


def test_the_order_of_the_input_does_not_matter() -> None:
    places = list(SHOWN)
    shuffled = [places[index] for index in np.random.default_rng(0).permutation(len(places))]
    assert nested_subset({place: SHOWN[place] for place in shuffled}, 3) == nested_subset(SHOWN, 3)
