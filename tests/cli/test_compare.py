"""`gennari compare`: what its options ask of the comparison, and what it refuses."""

import json
from pathlib import Path

import pytest

from gennari.cli import compare as verb
from gennari.pipeline.compare import STAGES, Ask
from gennari.pipeline.compare_results import ComparedResults

DONE = ComparedResults(table="a table", document={"winner": None}, paths=())


@pytest.fixture
def asked(monkeypatch, gennari, tmp_path):
    """asked(options...): the arguments that the comparison was called with, and what was said."""
    calls = []

    def make(dataset: Path, out: Path, results: Path, ask: Ask, tick: object) -> ComparedResults:
        calls.append((dataset, out, results, ask))
        return DONE

    monkeypatch.setattr(verb, "make", make)

    def run(*options: object):
        said = gennari("compare", tmp_path / "brains", tmp_path / "work", *options)
        return (calls.pop() if calls else None), said

    return run


def test_without_options_all_stages_of_the_small_recipe_are_made(asked, tmp_path):
    (dataset, out, results, ask), said = asked()
    assert (dataset, out, results) == (tmp_path / "brains", tmp_path / "work", Path("docs/results/compare"))
    assert ask == Ask(preset="small", stages=STAGES)
    assert (said.code, said.out) == (0, "a table\n")


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        (("--preset", "tiny"), "preset", "tiny"),
        (("--stages", "2, 1"), "stages", (2, 1)),
        (("--objectives", "none, L"), "objectives", ("none", "L")),
        (("--objectives", "L", "--budgets", "111,11"), "budgets", (111, 11)),
        (("--objectives", "L", "--seeds", "0,2"), "seeds", (0, 2)),
        (("--objectives", "L", "--encoders", "paper, residual"), "encoders", ("paper", "residual")),
        (("--confirm", "sealed"), "sealed", Path("sealed")),
        (("--borders",), "borders", True),
        (("--workers", 3), "workers", 3),
    ],
)
def test_each_option_is_asked_for(asked, options, field, value):
    assert getattr(asked(*options)[0][-1], field) == value


def test_results_and_json(asked, tmp_path):
    (_, _, results, _), said = asked("--results", tmp_path / "cells", "--json")
    assert results == tmp_path / "cells"
    assert said.out.splitlines()[0] == "a table"
    assert json.loads(said.out.splitlines()[1]) == {"winner": None}


@pytest.mark.parametrize(
    ("options", "law"),
    [
        (("--stages", "5"), "--stages are some of 1,2,3,4 apart by commas, got '5'"),
        (("--stages", ","), "--stages are some of 1,2,3,4"),
        (("--stages", "one"), "--stages are whole numbers apart by commas, got 'one'"),
        (("--objectives", "L", "--budgets", "-3"), "--budgets are whole numbers apart by commas, got '-3'"),
        (("--budgets", "11"), "--budgets are for --objectives"),
        (("--objectives", "L", "--seeds", "a"), "--seeds are whole numbers apart by commas, got 'a'"),
        (("--seeds", "0"), "--seeds are for --objectives"),
        (("--encoders", "residual"), "--encoders are for --objectives"),
    ],
)
def test_what_is_none_is_refused(asked, options, law):
    called, said = asked(*options)
    assert called is None
    assert said.code == 2
    assert law in said.err
