"""The paper's table from a data set: pre-trainings, a small grid of rates, cells; each finished once, then the page."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from gennari.errors import InputError
from gennari.execute import Report, run_tasks, silent, usable_cores
from gennari.pipeline.cell_work import Judged, Trial, cell_key, run_trial, steps_factor
from gennari.pipeline.cells import CellResult, read_cell, read_cells, write_cell
from gennari.pipeline.folds import Fold, Splitting, folds_of
from gennari.pipeline.given import area_table, atlas_results, observer_results
from gennari.pipeline.pretext_sources import prepare_source
from gennari.pipeline.reproduction import PretextResult, Work, prepare_normalisation, train_pretext
from gennari.pipeline.results import Results, write_results
from gennari.pipeline.row_plans import PAPER_ROWS, Pretext, Row, Source, chosen_rows
from gennari.pipeline.scoring import SectionResult
from gennari.pipeline.section_store import fill_store
from gennari.pipeline.stages import create_run, locked
from gennari.recipes.tables import reproduction
from gennari.sources.atomic import write_json
from gennari.sources.documents import read_json
from gennari.train.devices import fastest_device


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked for.

    Attributes:
        preset: name of the recipe.
        rows: by name; none means all of the table, or all controls.
        controls: the controls instead of the table.
        split: "blocks", or "lobo": every labelled brain is left out in turn.
        seeds: of all that is random; the recipe's where there are none.
        surfaces: other surfaces, for the control that pre-trains on another geometry.
        workers: trainings side by side; all cores by default, one where there is a GPU.
    """

    preset: str
    rows: tuple[str, ...] = ()
    controls: bool = False
    split: Splitting = "blocks"
    seeds: tuple[int, ...] = ()
    surfaces: Path | None = None
    workers: int | None = None


class TriedRate(BaseModel):
    """A file of the grid: one rate of one row on the first seed's validation sections.

    Attributes:
        dice: over areas, of annotated pixels of validation sections.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: str
    fold: str
    rate: float
    dice: float
    iterations: int
    key: str
    seconds: float


def reproduce(dataset: Path, out: Path, results: Path, request: Request, tick: Report) -> Results:
    """Make the rows asked for and write the table of all cells that are finished.

    What is finished is not made again: a cell whose file stands in `results`, a pre-training or fine-tuning in `out`.

    Args:
        dataset: folder of a data set with one unlabelled and several labelled brains.
        out: folder for the work: samples, weights, sections as arrays.
        results: folder of the cells; the table and its figures stand beside it, under its name.
        request: which rows, and how.
        tick: told of everything.

    Raises:
        InputError: as the stages, or a cell in `results` was made with other settings or other data.
    """
    recipe = reproduction(request.preset)
    rows = chosen_rows(request.rows, request.controls)
    seeds = request.seeds or (recipe.control_seeds if request.controls else recipe.seeds)
    workers = request.workers or (1 if fastest_device().type == "cuda" else usable_cores())
    with locked(out, make=True):
        work = Work(root=out, recipe=recipe, threads=max(1, usable_cores() // workers))
        create_run(work.source("pretext"), dataset, recipe.experiment)
        table = _Table(work=work, results=results, rows=rows, seeds=seeds, request=request, workers=workers, tick=tick)
        table.make()
    cells = read_cells(results)
    planned = sorted({*seeds, *(cell.seed for cell in cells)})
    named = [row.name for row in PAPER_ROWS if row in rows or any(cell.row == row.name for cell in cells)]
    rng = np.random.default_rng(recipe.experiment.seed)
    return write_results(results.parent, cells, rng, planned, named, stem=results.name)


_Cell = tuple[Row, int, Fold]


@dataclass(frozen=True, kw_only=True)
class _Table:
    """One call's work, in waves of independent tasks."""

    work: Work
    results: Path
    rows: Sequence[Row]
    seeds: Sequence[int]
    request: Request
    workers: int
    tick: Report

    def make(self) -> None:
        prepare_source(self.work, "pretext", None, self.tick)
        prepare_normalisation(self.work, self.tick)
        folds = folds_of(self.work, self.request.split, self.tick)
        cells = product(self.rows, self.seeds, folds)
        missing = [cell for cell in cells if not self._finished(*cell)]
        places = sorted({place for fold in folds for part in (fold.train, fold.val, fold.test) for place in part})
        texture = self.work.recipe.experiment.texture
        fill_store(self.work.store, self.work.dataset, places, texture, self.workers, self.tick)
        self._seedless(folds)
        grid = self._grid(missing)
        self._pretrain(missing, [trial for trial in grid if not self._tried(trial)])
        rates = self._rates(grid)
        trials = [
            self._trial(row, seed, rates[row.rate_of or row.name, fold.name], fold) for row, seed, fold in missing
        ]
        self._run(trials, "cells", self._keep)

    def _finished(self, row: Row, seed: int, fold: Fold) -> bool:
        """Whether a cell's file stands; InputError if it was made from something else."""
        path = self._path(row, seed, fold)
        if not path.exists():
            return False
        return self._same(path, read_cell(path).key, cell_key(self.work, row, seed, fold))

    def _same(self, path: Path, key: str, wanted: str) -> bool:
        if key != wanted:
            raise InputError(
                f"a table's cells are all made with one recipe on one data set, but {path} was made with another; "
                "give another folder with --results, or delete its cells to make them again"
            )
        return True

    def _pretrain(self, missing: Sequence[_Cell], untried: Sequence[Trial]) -> None:
        """Pre-train what missing cells and rates start from; each kind of patches is sampled first."""
        starts = [(row.pretext, seed) for row, seed, _ in missing] + [(t.row.pretext, t.seed) for t in untried]
        wanted = list(dict.fromkeys((pretext, seed) for pretext, seed in starts if pretext is not None))
        sources: dict[Source, None] = dict.fromkeys(pretext.source for pretext, _ in wanted)
        for source in sources:
            prepare_source(self.work, source, self.request.surfaces, self.tick)
        run_tasks(
            partial(_pretrained, self.work), wanted, workers=self.workers, tick=self.tick, stage="pre-training",
            name=lambda task: f"{task[0].name}, seed {task[1]}", announced=True,
        )  # fmt: skip

    def _grid(self, missing: Sequence[_Cell]) -> list[Trial]:
        """All rates of each row that missing cells take theirs from, in each of their folds, with the first seed."""
        wanted = dict.fromkeys((row.rate_of or row.name, fold) for row, _, fold in missing)
        return [
            self._trial(row, self.work.recipe.seeds[0], rate, fold, judged_on="val")
            for name, fold in wanted
            for row in chosen_rows((name,), False)
            for rate in self.work.recipe.rates
        ]

    def _tried(self, trial: Trial) -> bool:
        path = self._tuning_path(trial)
        return path.exists() and self._same(path, read_json(path, TriedRate).key, self._key(trial))

    def _rates(self, grid: Sequence[Trial]) -> dict[tuple[str, str], float]:
        """The best rate by row and fold: the highest Dice on annotated pixels of validation sections."""
        self._run([trial for trial in grid if not self._tried(trial)], "rates", self._keep_rate)
        found = [read_json(self._tuning_path(trial), TriedRate) for trial in grid]
        best: dict[tuple[str, str], TriedRate] = {}
        for tried in found:
            place = (tried.row, tried.fold)
            best[place] = max(best.get(place, tried), tried, key=lambda rate: rate.dice)
        return {place: tried.rate for place, tried in best.items()}

    def _run(self, trials: Sequence[Trial], stage: str, keep: Callable[[Trial, Judged], None]) -> None:
        run_tasks(
            partial(run_trial, self.work), trials, workers=self.workers, tick=self.tick, stage=stage,
            name=lambda trial: trial.name, keep=keep, announced=True,
        )  # fmt: skip

    def _seedless(self, folds: Sequence[Fold]) -> None:
        """The atlas alone and the observers: measured once for each fold, beside whatever else is made."""
        for fold in folds:
            for name, measure in (("atlas-alone", atlas_results), ("annotators", observer_results)):
                path = self.results / f"{'-'.join(part for part in (name, fold.name) if part)}.json"
                if path.exists():
                    continue
                sections = tuple(measure(self.work, fold))
                if sections:
                    key = hashlib.sha256(f"{name} {fold} {self.work.fingerprint}".encode()).hexdigest()[:16]
                    write_cell(path, self._cell(name, 0, key, sections))

    def _trial(self, row: Row, seed: int, rate: float, fold: Fold, judged_on: Literal["val", "test"] = "test") -> Trial:
        factor = steps_factor(self.work, row)
        return Trial(row=row, seed=seed, rate=rate, steps_factor=factor, fold=fold, judged_on=judged_on)

    def _key(self, trial: Trial) -> str:
        return cell_key(self.work, trial.row, trial.seed, trial.fold)

    def _keep(self, trial: Trial, judged: Judged) -> None:
        start = trial.row.pretext
        pretext = None if start is None else train_pretext(self.work, start, trial.seed, silent)
        cell = self._cell(trial.row.name, trial.seed, self._key(trial), judged.sections)
        update: dict[str, object] = {
            "rate": trial.rate, "iterations": judged.iterations, "loss_tail": judged.loss_tail,
            "seconds": judged.seconds + (pretext.seconds if pretext else 0),
        }  # fmt: skip
        if pretext is not None:
            update |= {"patches": pretext.patches, "distance": pretext.distance, "convergence": pretext.convergence}
        write_cell(self._path(trial.row, trial.seed, trial.fold), cell.model_copy(update=update))

    def _keep_rate(self, trial: Trial, judged: Judged) -> None:
        found = TriedRate(
            row=trial.row.name, fold=trial.fold.name, rate=trial.rate, dice=judged.dice, iterations=judged.iterations,
            key=self._key(trial), seconds=judged.seconds,
        )  # fmt: skip
        write_json(self._tuning_path(trial), found)

    def _cell(self, row: str, seed: int, key: str, sections: tuple[SectionResult, ...]) -> CellResult:
        """A cell in which nothing was trained."""
        label_set = self.work.dataset.label_set
        geometries = dict.fromkeys(brain.manifest.geometry for brain in self.work.dataset.brains())
        return CellResult(
            row=row, seed=seed, split=self.request.split, geometry="+".join(geometries), rate=None, key=key, patches=0,
            iterations=0, distance=None, sections=sections, seconds=0.0, classes=label_set.names,
            first_area=label_set.first_area, area_distance_mm=area_table(self.work),
        )  # fmt: skip

    def _path(self, row: Row, seed: int, fold: Fold) -> Path:
        return self.results / f"{'-'.join(part for part in (row.name, fold.name, str(seed)) if part)}.json"

    def _tuning_path(self, trial: Trial) -> Path:
        return self.results / "rates" / f"{trial.name}.json"


def _pretrained(work: Work, task: tuple[Pretext, int]) -> PretextResult:
    return train_pretext(work, *task, silent)
