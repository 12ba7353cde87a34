"""`gennari finetune --between`: a local model of two sections."""

import pytest

from gennari.cli import finetune as verb


@pytest.mark.parametrize(("options", "brain"), [((), None), (("--brain", "A"), "A")])
def test_finetune_hands_the_two_sections_on(gennari, finished_demo, monkeypatch, options, brain):
    asked = []
    monkeypatch.setattr(verb, "find_gap", lambda run, *given: asked.append(given) or "gap")
    monkeypatch.setattr(verb, "between_stage", lambda run, gap, tick: asked.append(gap))
    monkeypatch.setattr(verb, "gap_words", lambda run, gap: f"filled {gap}")
    said = gennari("finetune", finished_demo / "run", "--between", "7", "9", *options)
    assert (said.code, said.out) == (0, "filled gap\n")
    assert asked == [(7, 9, brain), "gap"]


def test_neighbours_leave_no_gap(refused, demo):
    first, second = sorted(path.stem for path in (demo / "dataset/brains/A/annotations").glob("*.geojson"))
    said = refused("finetune", demo / "run", "--between", first, second, "--brain", "A")
    assert f"none of A lies between {int(first)} and {int(second)}" in said


def test_a_brain_without_sections_is_refused(refused, demo):
    assert "--brain says whose sections --between names, got 'A'" in refused("finetune", demo / "run", "--brain", "A")
