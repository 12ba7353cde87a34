"""The cells of a comparison, made in waves of independent trainings; what is finished is not made again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from gennari.errors import InputError
from gennari.execute import Report, run_tasks
from gennari.pipeline.compare_arena import Arena, areas_shown, prepare
from gennari.pipeline.compare_budgets import uncovered
from gennari.pipeline.compare_cells import ComparedCell, Pretrained, read_compared, write_compared
from gennari.pipeline.compare_plans import Plan, rate_of
from gennari.pipeline.compare_pretraining import pretrain_by, pretraining_of
from gennari.pipeline.compare_tuning import Trial, Tuned, cell_of, key_of, run_trial
from gennari.sources.atomic import write_json
from gennari.sources.documents import read_json


class ChosenRate(BaseModel):
    """A file of the grid: one rate of one objective and encoder, on validation sections, with all labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    objective: str
    encoder: str
    rate: float
    val_dice: float
    key: str


@dataclass(frozen=True, kw_only=True)
class Maker:
    """One call's work.

    Attributes:
        results: folder of the cells.
        workers: trainings side by side.
    """

    arena: Arena
    results: Path
    workers: int
    tick: Report

    def make(self, plans: Sequence[Plan]) -> None:
        """Make what is missing of these."""
        missing = [plan for plan in plans if not self._finished(plan)]
        grid = self._grid(missing)
        self._pretrain([*missing, *(trial.plan for trial in grid if not self._tried(trial))])
        rates = self._rates(grid)
        recipe = self.arena.recipe
        trials = [Trial(plan, rates[rate_of(recipe, plan), plan.encoder], "test") for plan in missing]
        self._run(trials, "cells", self._keep)
        if self.arena.borders:
            self._add_borders(plans)

    def _add_borders(self, plans: Sequence[Plan]) -> None:
        """Measure border signals of networks that were finished without, and tell their cells."""
        cells = {plan: read_compared(self._path(plan)) for plan in plans}
        bare = {plan: cell for plan, cell in cells.items() if cell.pretrained and cell.pretrained.borders is None}
        self._pretrain(list(bare))
        for plan, cell in bare.items():
            write_compared(self._path(plan), self._with_borders(plan, cell))

    def _with_borders(self, plan: Plan, cell: ComparedCell) -> ComparedCell:
        """The cell with the border signal of its own pre-training, which keeps what else is known of it."""
        found = self._pretrained(plan)
        assert found is not None, "cells without pre-training have no border signal"
        assert cell.pretrained is not None, "only cells of pre-trainings lack one"
        ours, theirs = ((each.err_dist_mm, each.probe_f1) for each in (cell.pretrained, found))
        if not np.array_equal(ours, theirs, equal_nan=True):
            raise InputError(
                f"a cell's border signal is of the pre-training that it started from, but {self._path(plan)} knows one "
                f"with err_dist and probe F1 {ours} and the work folder holds one with {theirs}, as where it was made "
                "anew on another machine; give the work folder that the cell was made in, or delete the cell"
            )
        pretrained = cell.pretrained.model_copy(update={"borders": found.borders})
        return cell.model_copy(update={"pretrained": pretrained})

    def _pretrained(self, plan: Plan) -> Pretrained | None:
        task = pretraining_of(self.arena.recipe, plan)
        return pretrain_by(self.arena, task) if task else None

    def _pretrain(self, plans: Sequence[Plan]) -> None:
        recipe = self.arena.recipe
        wanted = dict.fromkeys(task for plan in plans if (task := pretraining_of(recipe, plan)))
        for name in dict.fromkeys(name for name, _, _ in wanted):
            prepare(self.arena, recipe.objective(name), self.tick)
        run_tasks(
            partial(pretrain_by, self.arena), list(wanted), workers=self.workers, tick=self.tick, stage="pre-training",
            name=lambda task: f"{task[0]}, {task[1]}, seed {task[2]}", announced=True,
        )  # fmt: skip

    def _grid(self, missing: Sequence[Plan]) -> list[Trial]:
        """All rates of what rates are found for (`rate_of`), with all labels and the first seed."""
        recipe = self.arena.recipe
        kinds = dict.fromkeys((rate_of(recipe, plan), plan.encoder) for plan in missing)
        seed, budget = recipe.base.seeds[0], max(recipe.budgets)
        return [Trial(Plan(*kind, budget, seed), rate, "val") for kind in kinds for rate in recipe.base.rates]

    def _rates(self, grid: Sequence[Trial]) -> dict[tuple[str, str], float]:
        """The best rate: the highest Dice on annotated pixels of validation sections."""
        self._run([trial for trial in grid if not self._tried(trial)], "rates", self._keep_rate)
        found = [read_json(self._rate_path(trial), ChosenRate) for trial in grid]
        best: dict[tuple[str, str], ChosenRate] = {}
        for tried in found:
            kind = (tried.objective, tried.encoder)
            best[kind] = max(best.get(kind, tried), tried, key=lambda rate: rate.val_dice)
        return {kind: tried.rate for kind, tried in best.items()}

    def _run(self, trials: Sequence[Trial], stage: str, keep: Callable[[Trial, Tuned], None]) -> None:
        run_tasks(
            partial(run_trial, self.arena), trials, workers=self.workers, tick=self.tick, stage=stage,
            name=lambda trial: trial.name, keep=keep, announced=True,
        )  # fmt: skip

    def _keep(self, trial: Trial, tuned: Tuned) -> None:
        plan, pretrained = trial.plan, self._pretrained(trial.plan)
        write_compared(self._path(plan), cell_of(self.arena, trial, tuned, pretrained, self._uncovered(plan.budget)))

    def _uncovered(self, budget: int) -> list[str]:
        label_set, chosen = self.arena.work.dataset.label_set, self.arena.subsets[budget]
        areas = range(label_set.first_area, len(label_set.names))
        shown = areas_shown(self.arena.work, chosen)
        return [label_set.names[index] for index in uncovered(shown, chosen, areas)]

    def _keep_rate(self, trial: Trial, tuned: Tuned) -> None:
        plan = trial.plan
        found = ChosenRate(
            objective=plan.objective, encoder=plan.encoder, rate=trial.rate, val_dice=tuned.val_dice,
            key=key_of(self.arena, plan),
        )  # fmt: skip
        write_json(self._rate_path(trial), found)

    def _finished(self, plan: Plan) -> bool:
        path = self._path(plan)
        return path.exists() and self._same(path, read_compared(path).result.key, plan)

    def _tried(self, trial: Trial) -> bool:
        path = self._rate_path(trial)
        return path.exists() and self._same(path, read_json(path, ChosenRate).key, trial.plan)

    def _same(self, path: Path, key: str, plan: Plan) -> bool:
        if key != key_of(self.arena, plan):
            raise InputError(
                f"a comparison's cells are all made with one recipe on one data set, but {path} was made with another; "
                "give another folder with --results, or delete its cells to make them again"
            )
        return True

    def _path(self, plan: Plan) -> Path:
        return self.results / f"{plan.file}.json"

    def _rate_path(self, trial: Trial) -> Path:
        return self.results / "rates" / f"{trial.name}.json"
