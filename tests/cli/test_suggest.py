"""`gennari suggest`: ranked sections, for people and for scripts."""

import json
import shutil

import pytest


@pytest.fixture
def half_annotated(demo):
    """The demo's brain A without the annotation of its second section."""
    second = sorted((demo / "dataset/brains/A/annotations").glob("*.geojson"))[1]
    second.unlink()
    return demo / "run", int(second.stem)


def test_suggest_ranks_sections_with_reasons(gennari, half_annotated):
    run, section = half_annotated
    said = gennari("suggest", run)
    assert said.code == 0
    assert said.out.startswith(f"brain A\n  1. section {section}")
    assert "mm from the nearest annotated one" in said.out


def test_suggest_tells_scripts_the_same(gennari, half_annotated):
    run, section = half_annotated
    (found,) = json.loads(gennari("suggest", run, "--brain", "A", "--count", "3", "--json").out)
    assert (found["brain"], found["section"], found["rank"]) == ("A", section, 1)


def test_brain_and_count_say_how_many(gennari, demo):
    for folder in "AB":
        shutil.rmtree(demo / f"dataset/brains/{folder}/annotations")
    found = json.loads(gennari("suggest", demo / "run", "--count", "1", "--json").out)
    assert [(one["brain"], one["rank"]) for one in found] == [("A", 1), ("B", 1)]
    assert json.loads(gennari("suggest", demo / "run", "--brain", "C", "--json").out) == []


def test_a_count_below_1_is_refused(refused, demo):
    assert "at least one section can be suggested, got 0" in refused("suggest", demo / "run", "--count", "0")
