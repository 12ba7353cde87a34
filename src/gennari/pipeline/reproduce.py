"""The paper's table from a data set: pre-trainings, a small grid of rates, cells; each finished once, then the page."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from gennari.execute import Report, Tick, run_tasks, usable_cores
from gennari.pipeline.cell_work import Judged, Trial, run_trial, steps_factor, trial_key
from gennari.pipeline.cells import CellResult, read_cells, write_cell
from gennari.pipeline.folds import Fold, Splitting, folds_of
from gennari.pipeline.given import area_table, atlas_results, observer_results
from gennari.pipeline.pretext_sources import prepare_source
from gennari.pipeline.reproduction import PretextResult, Work, prepare_normalisation, train_pretext
from gennari.pipeline.results import Results, write_results
from gennari.pipeline.row_plans import Pretext, Row, Source, chosen_rows
from gennari.pipeline.scoring import SectionResult
from gennari.pipeline.section_store import fill_store
from gennari.pipeline.stages import create_run, locked
from gennari.recipes import reproduction
from gennari.sources.atomic import write_json
from gennari.sources.documents import read_json


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


class ChosenRate(BaseModel):
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
    seeds = request.seeds or recipe.seeds
    workers = request.workers or usable_cores()
    with locked(out, make=True):
        work = Work(root=out, recipe=recipe, threads=max(1, usable_cores() // workers))
        create_run(work.source("pretext"), dataset, recipe.experiment)
        table = _Table(work=work, results=results, rows=rows, seeds=seeds, request=request, workers=workers, tick=tick)
        table.make()
    return write_results(
        results.parent, read_cells(results), np.random.default_rng(recipe.experiment.seed), seeds, results.name
    )


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
        self._prepare("pretext")
        prepare_normalisation(self.work, self.tick)
        folds = folds_of(self.work, self.request.split, self.tick)
        cells = product(self.rows, self.seeds, folds)
        missing = [cell for cell in cells if not self._path(*cell).exists()]
        places = sorted({place for fold in folds for part in (fold.train, fold.val, fold.test) for place in part})
        texture = self.work.recipe.experiment.texture
        fill_store(self.work.store, self.work.dataset, places, texture, self.workers, self.tick)
        self._seedless(folds)
        self._pretexts(missing)
        rates = {fold.name: self._rates(fold, missing) for fold in folds}
        trials = [
            self._trial(row, seed, rates[fold.name][row.rate_of or row.name], fold) for row, seed, fold in missing
        ]
        run_tasks(
            partial(run_trial, self.work), trials, workers=self.workers, tick=self.tick, stage="cells", name=_name,
            keep=self._keep,
        )  # fmt: skip

    def _prepare(self, source: Source) -> None:
        prepare_source(self.work, source, self.request.surfaces, self.tick)

    def _pretexts(self, missing: Sequence[tuple[Row, int, Fold]]) -> None:
        """Pre-train what the missing cells start from; those of one kind of patches need them sampled first."""
        wanted: dict[tuple[str, int], tuple[Pretext, int]] = {}
        tuned = self.seeds[0]
        for row, seed, _ in missing:
            for number in {seed, tuned} if not row.rate_of else {seed}:
                if row.pretext is not None:
                    wanted[row.pretext.name, number] = (row.pretext, number)
        sources: dict[Source, None] = dict.fromkeys(pretext.source for pretext, _ in wanted.values())
        for source in sources:
            self._prepare(source)
        run_tasks(partial(_pretrained, self.work), list(wanted.values()), workers=self.workers, tick=self.tick,
                  stage="pre-training", name=lambda task: f"{task[0].name}, seed {task[1]}")  # fmt: skip

    def _rates(self, fold: Fold, missing: Sequence[tuple[Row, int, Fold]]) -> dict[str, float]:
        """The best rate of each row that the missing cells need: on validation sections, with the first seed."""
        names = {row.rate_of or row.name for row, _, of in missing if of == fold}
        rows = chosen_rows(tuple(sorted(names)), False) if names else ()
        grid = [
            self._trial(row, self.seeds[0], rate, fold, judged_on="val")
            for row in rows
            for rate in self.work.recipe.rates
        ]
        left = [trial for trial in grid if not self._tuning_path(trial).exists()]
        run_tasks(partial(run_trial, self.work), left, workers=self.workers, tick=self.tick, stage="rates", name=_name,
                  keep=self._keep_rate)  # fmt: skip
        best: dict[str, float] = {}
        for row in rows:
            found = [read_json(self._tuning_path(trial), ChosenRate) for trial in grid if trial.row == row]
            best[row.name] = max(found, key=lambda rate: rate.dice).rate
        return best

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

    def _keep(self, trial: Trial, judged: Judged) -> None:
        start = trial.row.pretext
        pretext = None if start is None else train_pretext(self.work, start, trial.seed, _silent)
        cell = self._cell(trial.row.name, trial.seed, trial_key(self.work, trial), judged.sections)
        update: dict[str, object] = {
            "rate": trial.rate, "iterations": judged.iterations, "loss_tail": judged.loss_tail,
            "seconds": judged.seconds + (pretext.seconds if pretext else 0),
        }  # fmt: skip
        if pretext is not None:
            update |= {"patches": pretext.patches, "distance": pretext.distance, "convergence": pretext.convergence}
        write_cell(self._path(trial.row, trial.seed, trial.fold), cell.model_copy(update=update))

    def _keep_rate(self, trial: Trial, judged: Judged) -> None:
        found = ChosenRate(
            row=trial.row.name, fold=trial.fold.name, rate=trial.rate, dice=judged.dice, iterations=judged.iterations,
            key=trial_key(self.work, trial), seconds=judged.seconds,
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
    return train_pretext(work, *task, _silent)


def _silent(tick: Tick) -> None:
    del tick


def _name(trial: Trial) -> str:
    return trial.name
