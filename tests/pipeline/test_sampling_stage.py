"""The sampling stage: what it leaves fits together, and nothing of the test split touches training."""

import json

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.execute import Tick
from gennari.pipeline import sampling
from gennari.pipeline.learning import pairs_of
from gennari.pipeline.sampling import pretext_brain, sample_stage, sections_of, split_of
from gennari.pipeline.splitting import draw_splits
from gennari.pipeline.stages import Run
from gennari.sources.dataset import open_dataset
from gennari.sources.tables import read_pairs, read_patches


@pytest.fixture(scope="module")
def patches(finished):
    return read_patches(finished.path("patches.parquet"))


@pytest.fixture(scope="module")
def pairs(finished):
    return read_pairs(finished.path("pairs.parquet"))


def test_the_saved_split_is_the_one_that_is_drawn_and_every_stage_reads_it(finished):
    drawn, _ = draw_splits(finished, lambda tick: None)
    saved = json.loads(finished.path("split.json").read_text())
    for brain in finished.dataset.brains():
        assert saved[brain.name] == {str(key): kind for key, kind in drawn[brain.name].items()}
        assert split_of(finished, brain) == drawn[brain.name]


def test_patches_are_of_the_unlabelled_brain_only_and_carry_their_sections_split(finished, patches):
    assert set(patches.brain) == {"P"}
    split = split_of(finished, pretext_brain(finished))
    assert [split[int(section)] for section in patches.section] == list(patches.split)
    assert {"train", "test"} == set(patches.split)


def test_no_pair_joins_a_training_section_with_a_held_out_one(finished, patches, pairs):
    split = split_of(finished, pretext_brain(finished))
    pairs.check(len(patches))
    for one, other in zip(pairs.first, pairs.second, strict=True):
        kinds = {split[int(patches.section[row])] for row in (one, other)}
        assert len(kinds) == 1
        assert patches.side[one] == patches.side[other]
    assert len(pairs) == len(patches)
    assert np.isfinite(pairs.distance_mm).all()
    assert pairs.distance_mm.min() > 0


def test_pairs_of_a_part_are_all_of_its_pairs_and_only_those(patches, pairs):
    parts = {kind: pairs_of(patches, pairs, kind) for kind in ("train", "test")}
    assert sum(len(part) for part in parts.values()) == len(pairs)
    for kind, part in parts.items():
        assert len(part) > 0
        assert set(patches.split[part.first]) == set(patches.split[part.second]) == {kind}
    trained_on = set(patches.section[parts["train"].first]) | set(patches.section[parts["train"].second])
    tested = set(patches.section[parts["test"].first]) | set(patches.section[parts["test"].second])
    assert not trained_on & tested


def test_held_out_sections_of_labelled_brains_are_never_among_the_training_ones(finished):
    train, test = sections_of(finished, "train"), sections_of(finished, "test")
    assert set(train) == set(test) == {"A", "B", "C", "D"}
    for name in train:
        ids = [{section.id for section in part[name]} for part in (train, test)]
        assert all(ids)
        assert not ids[0] & ids[1]


def test_the_summary_is_json_without_nan(finished):
    def refuse(token: str) -> None:
        raise AssertionError(token)

    summary = json.loads(finished.path("sampling.json").read_text(), parse_constant=refuse)
    assert summary["patches"]["train"] + summary["patches"]["test"] == finished.experiment.patches.count
    for side in "LR":
        assert summary["geodesics"][side]["method"] == "front"
        assert 0 < summary["geodesics"][side]["mean_relative_error"] < 0.01
        ranks = summary["inflated"]["spearman"][side]
        assert all(0.3 < ranks[name] < 1 for name in ("pial", "inflated"))  # forty pairs rank nothing more finely
    # fsaverage's meshes are no mirror images and its spheres are not registered across: 19 mm of a radius of 84
    assert 10 < summary["inflated"]["left_right_residual_mm"] < 30
    assert {"P, L, train", "P, R, test"} <= set(summary["pairs"])


def test_an_interrupted_stage_goes_on_with_the_sources_that_are_left(finished, fresh, pairs, monkeypatch):
    """What was measured is not measured again, and the outcome is that of an uninterrupted run."""
    monkeypatch.setattr(sampling, "usable_cores", lambda: 1)

    def stop(tick: Tick) -> None:
        if tick.stage == "distances" and tick.done == tick.total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample_stage(fresh, stop)
    assert fresh.path("distances", "begun.json").is_file()
    assert not fresh.path("pairs.parquet").exists()
    ticks = []
    assert sample_stage(fresh, ticks.append)
    assert not any(tick.stage in ("distances", "calibration") for tick in ticks)
    assert not fresh.path("distances").exists()
    found = read_pairs(fresh.path("pairs.parquet"))
    for column in ("first", "second", "distance_mm"):
        assert np.array_equal(getattr(found, column), getattr(pairs, column))


@pytest.mark.parametrize(("role", "found"), [("labelled", 5), ("pretext", 2)])
def test_there_must_be_exactly_one_brain_to_pre_train_on(copied, finished, role, found):
    changed = "P" if role == "labelled" else "A"
    manifest = copied / "dataset/brains" / changed / "brain.json"
    other = "pretext" if role == "labelled" else "labelled"
    manifest.write_text(manifest.read_text().replace(f'"role": "{other}"', f'"role": "{role}"'))
    run = Run(copied / "run", finished.experiment, open_dataset(copied / "dataset"))
    with pytest.raises(InputError, match=f"that of role 'pretext', but .* has {found};"):
        pretext_brain(run)


def test_a_brain_that_is_the_only_one_is_pre_trained_on_itself(copied, finished):
    manifest = copied / "dataset/dataset.json"
    found = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(found | {"brains": ["A"]}))
    brain = pretext_brain(Run(copied / "run", finished.experiment, open_dataset(copied / "dataset")))
    assert (brain.name, brain.manifest.role) == ("A", "labelled")
