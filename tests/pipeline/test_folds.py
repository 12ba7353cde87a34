"""Folds of a table: parts that do not meet, and all of them there."""

from pathlib import Path

import pytest

from gennari.errors import InputError
from gennari.pipeline.folds import folds_of, sections_at
from gennari.pipeline.reproduction import Work
from gennari.pipeline.splitting import draw_splits, write_splits
from gennari.pipeline.stages import create_run
from gennari.recipes.experiment import Experiment
from gennari.recipes.tables import Reproduction


def _work(root: Path, dataset: Path, experiment: Experiment) -> Work:
    recipe = Reproduction(name="mini", experiment=experiment, few=20, few_epochs=1, rates=(0.01,))
    work = Work(root=root, recipe=recipe, threads=1)
    run = create_run(work.source("pretext"), dataset, experiment)
    write_splits(run, *draw_splits(run, [].append))
    return work


def test_a_fold_without_validation_sections_is_refused(phantom, mini_recipes, tmp_path, ticks):
    work = _work(tmp_path, phantom, mini_recipes[1])  # two sections a brain: one to learn from, one to test
    with pytest.raises(InputError, match="fold '' has no val section; choose a recipe whose area_split"):
        folds_of(work, "blocks", ticks.append)


def test_sections_are_found_by_brain_and_number(phantom, mini_recipes, tmp_path):
    work = _work(tmp_path, phantom, mini_recipes[1])
    brain = work.dataset.brain("A")
    found = sections_at(work.dataset, [("A", section.id) for section in brain.sections])
    assert [section.id for section in found.pop("A")] == [section.id for section in brain.sections]
    assert not found
