"""The stage that tells mapped sections of each other: what it leaves, what it says it gained, what it refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gennari.apply.context_settings import ContextSettings
from gennari.apply.segment import Segmentation
from gennari.errors import InputError
from gennari.metrics.overlap import confusion
from gennari.pipeline.context import gather
from gennari.pipeline.context_maps import context_stage, context_words, read_context, told
from gennari.pipeline.export import Wanted, export_path, export_stages
from gennari.pipeline.labelled import annotated_labels
from gennari.pipeline.learning import VARIANTS
from gennari.pipeline.maps import map_path, mapped_sections, probabilities_path, segment_stage
from gennari.pipeline.references import true_map
from gennari.pipeline.scoring import area_dice
from gennari.pipeline.stages import Run, open_run
from gennari.pipeline.viewing import sections_to_view, view_of
from gennari.records import IGNORE
from gennari.sources.probabilities import read_probabilities
from gennari.sources.sections import read_labels

SETTINGS = ContextSettings(length_mm=3.0, weight=0.9)


@pytest.fixture(scope="module")
def spoken(finished_demo: Path, tmp_path_factory) -> Path:
    """A run that kept its probabilities, and its data set beside it; tests that change it copy it."""
    root = tmp_path_factory.mktemp("spoken") / "demo"
    shutil.copytree(finished_demo, root)
    segment_stage(open_run(root / "run"), lambda tick: None, probabilities=True)
    return root


@pytest.fixture(scope="module")
def finished(spoken: Path, tmp_path_factory) -> Run:
    """Told of each other; read only."""
    root = tmp_path_factory.mktemp("told") / "demo"
    shutil.copytree(spoken, root)
    run = open_run(root / "run")
    assert context_stage(run, SETTINGS, lambda tick: None)
    return run


@pytest.fixture
def other(spoken: Path, tmp_path: Path) -> Run:
    shutil.copytree(spoken, tmp_path / "demo")
    return open_run(tmp_path / "demo/run")


def _pairs(run: Run, variant: str):
    """(brain, section, map before, map after, spacing) of all sections."""
    for name, sections in mapped_sections(run, variant).items():
        for section in sections:
            before, spacing_um = read_labels(map_path(run, variant, name, section.id))
            yield name, section, before, read_labels(map_path(run, told(variant), name, section.id))[0], spacing_um


def test_every_map_has_a_second_one_that_is_what_gathering_gives(finished: Run) -> None:
    changed = 0
    for variant in VARIANTS:
        pairs = list(_pairs(finished, variant))
        for name in mapped_sections(finished, variant):
            own = {section.id: (section, before, after, um) for n, section, before, after, um in pairs if n == name}

            def predict(section, variant=variant, own=own):
                path = probabilities_path(finished, variant, section.brain, section.id)
                given = read_probabilities(path)[0].astype(np.float16)
                return Segmentation(probabilities=given, labels=own[section.id][1], tiles=0)

            sections, spacing_um = [one[0] for one in own.values()], next(iter(own.values()))[3]
            brain, label_set = finished.dataset.brain(name), finished.dataset.label_set
            maps = gather(brain, sections, predict, spacing_um, label_set, 0.5, lambda tick: None).maps(SETTINGS)
            for number, (_, before, after, _) in own.items():
                np.testing.assert_array_equal(after, maps[number])
                changed += int((after != before).sum())
    assert changed > 0


def test_what_was_gained_is_measured_on_the_truth(finished: Run) -> None:
    found, label_set = read_context(finished), finished.dataset.label_set
    assert found is not None
    assert found.settings == SETTINGS
    assert set(found.networks) == set(VARIANTS)
    for variant, gain in found.networks.items():
        classes = len(label_set.names)
        counts = {when: np.zeros((classes, classes), np.int64) for when in ("before", "after")}
        for name, section, before, after, spacing_um in _pairs(finished, variant):
            truth = true_map(finished.dataset.brain(name), section.id, spacing_um)
            for when, labels in (("before", before), ("after", after)):
                counts[when] += confusion(truth, labels, classes)
        assert gain.reference == "truth"
        assert gain.sections == len(list(_pairs(finished, variant)))
        assert gain.dice_before == pytest.approx(area_dice(counts["before"], label_set))
        assert gain.dice_after == pytest.approx(area_dice(counts["after"], label_set))
        assert f"{variant}, told of each other: Dice {gain.dice_before:.3f} to" in context_words(finished)


def test_a_weight_of_0_changes_nothing_and_is_another_configuration_later(other: Run) -> None:
    silent = ContextSettings(weight=0.0)
    assert context_stage(other, silent, lambda tick: None)
    for variant in VARIANTS:
        for _, _, before, after, _ in _pairs(other, variant):
            np.testing.assert_array_equal(after, before)
    found = read_context(other)
    assert found is not None
    assert all(gain.dice_before == gain.dice_after for gain in found.networks.values())
    assert all(gain.err_seg_before == gain.err_seg_after for gain in found.networks.values())
    assert not context_stage(other, silent, lambda tick: None)
    with pytest.raises(InputError, match="another configuration"):
        context_stage(other, SETTINGS, lambda tick: None)


def test_without_the_truth_annotations_are_what_is_measured_on(other: Run) -> None:
    for brain in other.dataset.brains():
        shutil.rmtree(brain.folder / "truth", ignore_errors=brain.manifest.role == "pretext")
    assert not any(brain.has_truth(section.id) for brain in other.dataset.brains() for section in brain.sections)
    run = open_run(other.root)
    assert context_stage(run, SETTINGS, lambda tick: None)
    found = read_context(run)
    assert found is not None
    drawn: int = 0
    for name, section, _, _, spacing_um in _pairs(run, "pretrained"):
        brain = run.dataset.brain(name)
        if brain.annotation(section.id) is not None:
            drawn += bool((annotated_labels(brain, section, spacing_um) != IGNORE).any())
    assert {(gain.reference, gain.sections) for gain in found.networks.values()} == {("annotations", drawn)}


def test_what_did_not_keep_probabilities_cannot_be_told(finished_demo: Path) -> None:
    run = open_run(finished_demo / "run")
    with pytest.raises(InputError, match="probabilities are not kept of all of them; add --probabilities"):
        context_stage(run, SETTINGS, lambda tick: None)
    assert read_context(run) is None
    assert context_words(run) == ""


def test_the_viewer_and_exports_know_them(finished: Run, other: Run) -> None:
    titles = [plane.title for plane in view_of(finished, sections_to_view(finished)[0]).planes]
    assert [title for title in titles if title.endswith("with context")] == [
        "areas, from scratch, with context",
        "areas, pre-trained, with context",
    ]
    assert titles[-1] == "uncertainty"
    with pytest.raises(InputError, match="has none of variant 'pretrained-context'"):
        export_stages(other, Wanted(kinds=("geojson",), variant="pretrained-context"), lambda tick: None)
    context_stage(other, SETTINGS, lambda tick: None)
    export_stages(other, Wanted(kinds=("geojson",), variant="pretrained-context"), lambda tick: None)
    folder = export_path(other, "pretrained-context", "geojson")
    assert [json.loads(path.read_text())["type"] for path in folder.rglob("*.geojson")]
