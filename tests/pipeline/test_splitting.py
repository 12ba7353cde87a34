"""Splits are drawn once and saved; what a part lacks is said in a file, in the log, in the outcome and on the page."""

import json

import pytest

from gennari.errors import InputError
from gennari.pipeline import splitting
from gennari.pipeline.demo import outcome
from gennari.pipeline.sampling import pretext_brain, sections_of
from gennari.pipeline.splitting import (
    MissingArea,
    draw_splits,
    missing_by_brain,
    missing_words,
    read_missing,
    read_splits,
    write_splits,
)
from gennari.pipeline.stages import Run, open_run
from gennari.recipes.experiment import changed
from gennari.sampling.coverage import missing_areas
from gennari.sampling.split import SplitSettings, position_mm
from gennari.sources.annotations import annotated_classes
from gennari.sources.dataset import open_dataset
from gennari.sources.tables import read_pairs, read_patches


def _classes(run: Run, name: str) -> dict[int, frozenset[int]]:
    brain = run.dataset.brain(name)
    paths = {section.id: brain.annotation(section.id) for section in brain.sections}
    return {key: annotated_classes(path, brain.label_set) for key, path in paths.items() if path is not None}


def _found(run: Run, splits: dict) -> list[MissingArea]:
    label_set, found = run.dataset.label_set, []
    for name in "ABCD":
        for part, area in missing_areas(splits[name], _classes(run, name), range(3, 16)):
            found.append(MissingArea(brain=name, part=part, area=label_set.names[area]))
    return found


def test_the_file_lists_what_no_annotation_of_a_part_shows(finished):
    found = read_missing(finished)
    assert found == _found(finished, read_splits(finished))
    assert found  # one held-out section a brain cannot show 13 areas
    assert {row.brain for row in found} <= set("ABCD")
    assert {row.part for row in found} <= {"train", "test"}


def test_an_area_in_no_annotation_of_a_brain_is_missing_from_every_part(copied):
    for path in (copied / "dataset/brains/C/annotations").iterdir():
        path.unlink()
    splits, missing = draw_splits(open_run(copied / "run"), lambda tick: None)
    assert len([row for row in missing if row.brain == "C"]) == 13 * len(set(splits["C"].values()) - {"guard"})


def test_more_draws_never_miss_more(finished):
    split = finished.experiment.area_split.model_copy(update={"draws": 20})
    run = Run(finished.root, finished.experiment.model_copy(update={"area_split": split}), finished.dataset)
    splits, missing = draw_splits(run, lambda tick: None)
    assert missing == _found(run, splits)
    assert len(missing) <= len(read_missing(finished))


def test_the_log_says_what_is_missing(finished, ticks):
    _, missing = draw_splits(finished, ticks.append)
    assert ticks[-1].stage == "split"
    assert ticks[-1].done == ticks[-1].total
    assert ticks[-1].note == missing_words(missing)


def test_words_name_brain_part_and_areas_or_say_that_nothing_is_missing():
    rows = [
        MissingArea(brain="A", part="val", area="hOc5"),
        MissingArea(brain="A", part="val", area="FG1"),
        MissingArea(brain="B", part="test", area="hOc5"),
    ]
    assert missing_words(rows) == "not annotated in a part of the split (3): A val: hOc5, FG1; B test: hOc5"
    assert missing_by_brain(rows) == {"A": "not annotated: val hOc5, FG1", "B": "not annotated: test hOc5"}
    assert missing_by_brain([]) == {}
    assert missing_words([]) == "every area is annotated in every part of each brain's split"


def test_outcome_and_report_list_what_is_missing(finished):
    missing = read_missing(finished)
    found = outcome(finished)
    assert missing_words(missing) in found.table.splitlines()
    assert found.figures["areas_missing"] == len(missing)
    page = finished.path("report.html").read_text(encoding="utf-8")
    assert "Areas that parts of the split lack" in page
    first = [row.area for row in missing if (row.brain, row.part) == (missing[0].brain, missing[0].part)]
    assert f'<th scope="row">{missing[0].brain}</th><td>{missing[0].part}</td><td>{", ".join(first)}</td>' in page


@pytest.mark.parametrize("change", ["section", "brain"])
def test_a_split_of_other_sections_is_refused(copied, change):
    path = copied / "run/split.json"
    saved = json.loads(path.read_text())
    if change == "section":
        saved["A"]["9999"] = "train"
    else:
        del saved["B"]
    path.write_text(json.dumps(saved))
    with pytest.raises(InputError, match=r"split\.json must give a part of the split to each section"):
        read_splits(open_run(copied / "run"))


def test_an_unknown_part_in_the_file_is_refused(copied):
    path = copied / "run/split.json"
    path.write_text(path.read_text().replace('"guard"', '"train"').replace('"train"', '"trian"', 1))
    with pytest.raises(InputError, match=r"split\.json"):
        read_splits(open_run(copied / "run"))


def _with(run: Run, **parts: dict) -> Run:
    return Run(run.root, changed(run.experiment, **parts), run.dataset)


def test_no_training_patch_lies_within_the_guard_of_a_held_out_section_and_no_pair_crosses(finished):
    texture = finished.experiment.texture
    patch_mm = texture.patch_px * texture.spacing_um * 1e-3
    brain, split = pretext_brain(finished), read_splits(finished)["P"]
    patches, pairs = read_patches(finished.path("patches.parquet")), read_pairs(finished.path("pairs.parquet"))
    held_out = [position_mm(section) for section in brain.sections if split[section.id] == "test"]
    trained = patches.brain_mm[patches.split == "train", 1]
    assert len(trained) > 0
    assert min(abs(y - other) for y in trained for other in held_out) > patch_mm
    assert (patches.split[pairs.first] == patches.split[pairs.second]).all()
    # the areas' networks learn by the same file
    for name, sections in sections_of(finished, "train").items():
        tested = [position_mm(section) for section in sections_of(finished, "test")[name]]
        assert min(abs(position_mm(s) - other) for s in sections for other in tested) > patch_mm


def test_the_guard_follows_the_patch_of_the_recipe(finished, monkeypatch):
    asked = []

    def split(sections, classes, areas, settings, rng, patch_mm):
        asked.append(patch_mm)
        return {section.id: "train" for section in sections}

    monkeypatch.setattr(splitting, "fullest_split", split)
    draw_splits(_with(finished, texture={"patch_px": 24, "spacing_um": 100.0}), lambda tick: None)
    assert asked == pytest.approx([2.4] * 5)


def test_leaving_one_brain_out_tests_it_alone(finished):
    run = _with(finished, area_split={"kind": "lobo", "held_out": "C"})
    splits, missing = draw_splits(run, lambda tick: None)
    for name in "ABD":
        assert set(splits[name].values()) == {"train"}
    assert set(splits["C"].values()) == {"test"}
    assert splits["P"] == draw_splits(finished, lambda tick: None)[0]["P"]
    assert missing == _found(run, splits)
    assert {row.part for row in missing if row.brain == "C"} == {"test"}
    assert {row.part for row in missing if row.brain != "C"} == {"train"}


def test_sections_of_a_part_name_only_the_brains_that_have_some(copied):
    run = open_run(copied / "run")
    splits = read_splits(run)
    write_splits(run, splits | {"C": dict.fromkeys(splits["C"], "test")}, [])
    assert set(sections_of(run, "train")) == set("ABD")
    assert set(sections_of(run, "test")) == set("ABCD")
    assert sections_of(run, "val") == {}


@pytest.mark.parametrize("held_out", ["P", "X"])
def test_a_brain_that_cannot_be_left_out_is_refused(finished, held_out):
    run = _with(finished, area_split={"kind": "lobo", "held_out": held_out})
    with pytest.raises(InputError, match=rf"labelled brains \(A, B, C, D\), got '{held_out}'"):
        draw_splits(run, lambda tick: None)


def test_the_only_labelled_brain_cannot_be_left_out(copied, finished):
    for name in "BCD":
        path = copied / "dataset/brains" / name / "brain.json"
        path.write_text(path.read_text().replace('"labelled"', '"pretext"'))
    run = Run(copied / "run", finished.experiment, open_dataset(copied / "dataset"))
    with pytest.raises(InputError, match=r"two or more labelled brains \(A\), got 'A'"):
        draw_splits(_with(run, area_split={"kind": "lobo", "held_out": "A"}), lambda tick: None)


def test_the_pretext_brain_is_not_left_out(finished):
    run = _with(finished, pretext_split={"kind": "lobo", "held_out": "P"})
    with pytest.raises(InputError, match=r"pretext_split holds out 'P'; set area_split\.kind"):
        draw_splits(run, lambda tick: None)


def test_draws_are_at_least_one():
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        SplitSettings(draws=0)
