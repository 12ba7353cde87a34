"""A gap between two annotated sections: found, learned from its ends, filled section by section."""

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.pipeline.between import Gap, between_stage, find_gap, gap_confusion, gap_words
from gennari.pipeline.maps import map_path
from gennari.pipeline.references import true_map
from gennari.pipeline.stages import Run, create_run, open_run
from gennari.records import Section
from gennari.sources.sections import read_labels, write_labels


def _between(run: Run) -> tuple[Gap, Section]:
    brain = run.dataset.brain("A")
    one, other = brain.sections
    return Gap(brain="A", ends=(one, other), inside=(other,)), other


def test_a_gap_is_what_lies_between_the_planes_in_either_order(shell_dataset, mini_recipes, tmp_path):
    run = create_run(tmp_path / "run", shell_dataset.root, mini_recipes[1])
    for number in (3401, 3601):
        path = run.dataset.brain("A").folder / f"annotations/{number:04d}.geojson"
        path.parent.mkdir(exist_ok=True)
        path.write_text('{"type": "FeatureCollection", "features": []}')
    for order in ((3401, 3601), (3601, 3401)):
        gap = find_gap(run, *order)
        assert [section.id for section in gap.inside] == [3501]
        assert {section.id for section in gap.ends} == {3401, 3601}
        assert gap.name == f"between-A-{gap.ends[0].id}-{gap.ends[1].id}"
    assert find_gap(run, 3401, 3601).name == find_gap(run, 3601, 3401, "A").name


@pytest.mark.parametrize(
    ("numbers", "brain", "sentence"),
    [
        ((3401, 3401), None, "got 3401 twice"),
        ((3401, 9), None, "0 labelled ones have both; name it with --brain"),
        ((3401, 9), "A", "has 3 sections, but no 9"),
        ((3401, 3601), None, "nobody annotated 3601 of A"),
        ((3401, 3501), None, "none of A lies between 3401 and 3501"),
    ],
)
def test_what_is_no_gap_is_refused(shell_dataset, mini_recipes, tmp_path, numbers, brain, sentence):
    run = create_run(tmp_path / "run", shell_dataset.root, mini_recipes[1])
    folder = run.dataset.brain("A").folder / "annotations"
    folder.mkdir()
    for number in (3401, 3501):
        (folder / f"{number:04d}.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(InputError, match=sentence):
        find_gap(run, *numbers, brain)


def test_a_local_model_learns_the_ends_and_fills_the_gap_once(copied, ticks):
    run = open_run(copied / "run")
    gap, filled = _between(run)
    assert between_stage(run, gap, ticks.append)
    path = map_path(run, gap.name, "A", filled.id)
    labels, _ = read_labels(path)
    truth = true_map(run.dataset.brain("A"), filled.id, read_labels(path)[1])
    assert labels.shape == truth.shape
    assert run.path("finetune", gap.name, "weights.safetensors").is_file()
    stages = [tick.stage for tick in ticks]
    assert f"sections of {gap.name}" in stages
    assert not between_stage(run, gap, ticks.append)
    assert "already finished" in ticks[-1].note
    assert "filled 1 sections of A" in gap_words(run, gap)


def test_a_run_without_pre_training_is_refused(fresh):
    gap, _ = _between(fresh)
    with pytest.raises(InputError, match="which is not finished"):
        between_stage(fresh, gap, lambda tick: None)


def test_dice_of_a_perfect_gap_is_1(fresh):
    gap, filled = _between(fresh)
    truth = true_map(fresh.dataset.brain("A"), filled.id, 512.0)
    write_labels(map_path(fresh, gap.name, "A", filled.id), truth, 512.0, fresh.dataset.label_set)
    counts, known = gap_confusion(fresh, gap)
    assert known == 1
    assert (counts == np.diag(np.diag(counts))).all()
    assert gap_words(fresh, gap).endswith("Dice over areas 1.000 on the 1 of them that can be measured")


def test_a_gap_that_nobody_can_measure_says_so(shell_dataset, mini_recipes, tmp_path):
    run = create_run(tmp_path / "run", shell_dataset.root, mini_recipes[1])
    one, middle, other = run.dataset.brain("A").sections
    gap = Gap(brain="A", ends=(one, other), inside=(middle,))
    assert gap_words(run, gap).endswith("nobody knows the truth of any of them")
