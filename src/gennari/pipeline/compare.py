"""A comparison of pre-trainings, stage by stage: every cell is made once, then told as one table and one figure."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gennari.execute import Report, usable_cores
from gennari.pipeline.compare_arena import Arena, areas_shown
from gennari.pipeline.compare_atlas import keep_atlas_alone
from gennari.pipeline.compare_borders import prepare_borders
from gennari.pipeline.compare_budgets import nested_subset
from gennari.pipeline.compare_cells import all_compared
from gennari.pipeline.compare_confirm import confirm
from gennari.pipeline.compare_making import Maker
from gennari.pipeline.compare_plans import (
    Plan,
    first_stage,
    last_stage,
    named_stage,
    second_stage,
    third_stage,
    winners_stage,
)  # fmt: skip
from gennari.pipeline.compare_results import ComparedResults, write_comparison
from gennari.pipeline.folds import folds_of
from gennari.pipeline.pretext_sources import prepare_source
from gennari.pipeline.reproduction import Work, prepare_normalisation
from gennari.pipeline.section_store import fill_store
from gennari.pipeline.stages import create_run, locked
from gennari.recipes.comparisons import Comparison, comparison
from gennari.train.devices import fastest_device

STAGES = (1, 2, 3, 4)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What is asked for.

    Attributes:
        preset: name of the recipe.
        stages: 1: every objective on few budgets; 2: the best on all budgets and seeds; 3: other encoders for
            the winner; 4: controls, the atlas alone among them.
        objectives: instead of stages: these, on all budgets and seeds; the winner, too, is then one of these, with
            the paper's encoder.
        budgets: of these objectives, instead of all.
        seeds: of these objectives, instead of all.
        encoders: of these objectives, instead of the paper's.
        sealed: folder of a data set of an individual that nothing was tuned on: the winner is confirmed there, once.
        borders: measure border signals of pre-trainings, too, of finished ones that have none as well.
        workers: trainings side by side; all cores by default, one where there is a GPU.
    """

    preset: str
    stages: tuple[int, ...] = STAGES
    objectives: tuple[str, ...] = ()
    budgets: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()
    encoders: tuple[str, ...] = ()
    sealed: Path | None = None
    borders: bool = False
    workers: int | None = None


def compare(dataset: Path, out: Path, results: Path, ask: Ask, tick: Report) -> ComparedResults:
    """Make the cells asked for and write the table of all that are finished.

    What is finished is not made again: a cell whose file stands in `results`, a training in `out`.

    Args:
        dataset: folder of a data set with one unlabelled and several labelled brains.
        out: folder for the work; the paper's table of the same preset may have been made there before.
        results: folder of the cells; table and figure stand beside it, under its name.
        ask: which cells.
        tick: told of everything.

    Raises:
        InputError: as the stages; a cell in `results` was made with other settings or other data; a stage is asked for
            before the one that it chooses from is finished; or a winner is to be confirmed twice.
    """
    recipe = comparison(ask.preset)
    workers = ask.workers or (1 if fastest_device().type == "cuda" else usable_cores())
    with locked(out, make=True):
        work = Work(root=out, recipe=recipe.base, threads=max(1, usable_cores() // workers))
        create_run(work.source("pretext"), dataset, recipe.base.experiment)
        arena = _arena(work, recipe, ask.borders, workers, tick)
        maker = Maker(arena=arena, results=results, workers=workers, tick=tick)
        for plans in _plans(ask, recipe, results):
            maker.make(plans)
        if 4 in ask.stages and not ask.objectives:
            keep_atlas_alone(arena, results)
        if ask.sealed is not None:
            confirm(arena, ask.sealed, results, ask.objectives, workers, tick)
    rng = np.random.default_rng(recipe.base.experiment.seed)
    return write_comparison(results, recipe, rng)


def _plans(ask: Ask, recipe: Comparison, results: Path) -> Iterator[list[Plan]]:
    """Plans of each stage, made out when it is reached: later stages choose from what earlier ones found."""
    if ask.objectives:
        yield named_stage(recipe, ask.objectives, ask.budgets, ask.seeds, ask.encoders)
        return
    for stage in ask.stages:
        if stage in (1, 4):
            yield (first_stage if stage == 1 else last_stage)(recipe)
        else:
            yield (second_stage if stage == 2 else third_stage)(recipe, all_compared(results))
        if stage == 3:
            yield winners_stage(recipe, all_compared(results))


def _arena(work: Work, recipe: Comparison, borders: bool, workers: int, tick: Report) -> Arena:
    prepare_source(work, "pretext", None, tick)
    prepare_normalisation(work, tick)
    (fold,) = folds_of(work, "blocks", tick)
    places = sorted({*fold.train, *fold.val, *fold.test})
    fill_store(work.store, work.dataset, places, recipe.base.experiment.texture, workers, tick)
    if borders:
        prepare_borders(work.run(), tick)
    shown = areas_shown(work, fold.train)
    subsets = {budget: nested_subset(shown, budget) for budget in {*recipe.budgets, *recipe.first_budgets}}
    return Arena(work=work, recipe=recipe, fold=fold, subsets=subsets, borders=borders)
