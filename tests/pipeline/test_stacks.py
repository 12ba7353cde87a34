"""Cells into rows: folds together, half-finished seeds apart, and what makes no table refused."""

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.pipeline.stacks import gather

HITS = {("A", 1): 15, ("A", 2): 12, ("B", 1): 10}


def test_all_rows_have_their_sections_in_one_order(make_cell):
    mixed = {place: HITS[place] for place in [("B", 1), ("A", 2), ("A", 1)]}
    gathered = gather([make_cell("baseline", 1, mixed), make_cell("baseline", 2, HITS), make_cell("many-L", 1, HITS)])
    assert gathered.places == (("A", 1), ("A", 2), ("B", 1))
    assert gathered.brains.tolist() == [0, 0, 1]
    assert gathered.seeds == (1, 2)
    for stack in gathered.stacks.values():
        assert stack.counts[:, :, 2, 2].tolist() == [[15, 12, 10]] * len(stack.seeds)


def test_folds_of_one_seed_make_one(make_cell):
    first, second = ({place: n for place, n in HITS.items() if (place[0] == "A") == one} for one in (True, False))
    gathered = gather([make_cell("baseline", 1, second), make_cell("baseline", 1, first)])
    assert gathered.stacks["baseline"].seeds == (1,)
    assert gathered.stacks["baseline"].counts[0, :, 2, 2].tolist() == [15, 12, 10]


def test_a_seed_without_all_sections_is_left_out_and_said(make_cell):
    part = {place: n for place, n in HITS.items() if place[0] == "A"}
    stack = gather([make_cell("baseline", 1, HITS), make_cell("many-L", 1, HITS), make_cell("many-L", 2, part)]).stacks[
        "many-L"
    ]
    assert stack.seeds == (1,)
    assert stack.incomplete == ("seed 2: 2 of 3 sections",)


def test_values_that_a_section_lacks_are_nan(make_cell):
    cell = make_cell("baseline", 1, HITS)
    bare = cell.sections[1].model_copy(update={"error": None})
    cell = cell.model_copy(update={"sections": (cell.sections[0], bare, cell.sections[2])})
    stack = gather([cell]).stacks["baseline"]
    np.testing.assert_array_equal(stack.values(lambda s: s.error and s.error.err_seg), [[10.0, np.nan, 10.0]])


@pytest.mark.parametrize(
    ("changes", "law"),
    [
        ({"split": "lobo"}, "share their split, got blocks; lobo"),
        ({"geometry": "torus"}, "share their geometry, got sphere; torus"),
        ({"first_area": 3, "area_distance_mm": None}, "share their label set"),
    ],
)
def test_cells_of_different_tables_are_refused(make_cell, changes, law):
    with pytest.raises(InputError, match=law):
        gather([make_cell("baseline", 1, HITS), make_cell("many-L", 1, HITS, **changes)])


def test_a_control_may_stand_on_another_geometry(make_cell):
    gathered = gather([make_cell("baseline", 1, HITS), make_cell("other-geometry", 1, HITS, geometry="torus")])
    assert gathered.geometry == "sphere"


def test_no_cells_unknown_rows_and_sections_that_do_not_belong_are_refused(make_cell):
    base = make_cell("baseline", 1, HITS)
    with pytest.raises(InputError, match="at least one finished cell"):
        gather([])
    with pytest.raises(InputError, match=r"rows must be baseline, .*, got best"):
        gather([base, make_cell("best", 1, HITS)])
    with pytest.raises(InputError, match="A 1 occurs twice for baseline, seed 1"):
        gather([base, base])
    with pytest.raises(InputError, match="atlas-alone, seed 1 has C 9, which the others do not have"):
        gather([base, make_cell("atlas-alone", 1, {**HITS, ("C", 9): 1})])
