"""What a comparison makes, stage by stage, and how its winner is chosen: on validation sections alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from gennari.errors import InputError
from gennari.pipeline.compare_cells import ComparedCell
from gennari.recipes.comparisons import PAPERS, PAPERS_ENCODER, UNTRAINED, Comparison


@dataclass(frozen=True, order=True)
class Plan:
    """A cell that is to be made, by names."""

    objective: str
    encoder: str
    budget: int
    seed: int

    @property
    def file(self) -> str:
        """Stem of its file."""
        return f"{self.objective}-{self.encoder}-{self.budget}-{self.seed}"

    @property
    def row(self) -> str:
        """Of the table that it stands in: all seeds of an objective, encoder and budget."""
        return row_name(self.objective, self.encoder, self.budget)


def row_name(objective: str, encoder: str, budget: int) -> str:
    """Of the cells that differ by their seed alone."""
    return f"{objective} {encoder} {budget}"


def first_stage(recipe: Comparison) -> list[Plan]:
    """Every objective with the paper's encoder and the first seed, on few budgets."""
    seed = recipe.base.seeds[0]
    return [
        Plan(objective.name, PAPERS_ENCODER, budget, seed)
        for objective, budget in product(recipe.objectives, recipe.first_budgets)
    ]


def last_stage(recipe: Comparison) -> list[Plan]:
    """Controls, and variants that are no candidates: the largest budget and the first seed."""
    return [Plan(one.name, PAPERS_ENCODER, max(recipe.budgets), recipe.base.seeds[0]) for one in recipe.beside]


def second_stage(recipe: Comparison, cells: Sequence[ComparedCell]) -> list[Plan]:
    """The unpre-trained one, the paper's and the best others, on all budgets and seeds.

    Raises:
        InputError: the first stage is not finished.
    """
    names = (UNTRAINED, PAPERS, *best_objectives(recipe, cells))
    return [
        Plan(name, PAPERS_ENCODER, budget, seed)
        for name, budget, seed in product(names, recipe.budgets, recipe.base.seeds)
    ]


def third_stage(recipe: Comparison, cells: Sequence[ComparedCell]) -> list[Plan]:
    """The other encoders for the paper's objective, the best other one and none, on all budgets and seeds."""
    names = (UNTRAINED, PAPERS, best_objectives(recipe, cells)[0])
    encoders = [encoder.name for encoder in recipe.encoders if encoder.name != PAPERS_ENCODER]
    return [Plan(*names) for names in product(names, encoders, recipe.budgets, recipe.base.seeds)]


def rate_of(recipe: Comparison, plan: Plan) -> str:
    """The objective whose rates are tried for a plan: the paper's for all that are pre-trained.

    So the paper's has the rate that suits it best, and what is to beat it has not.
    """
    return UNTRAINED if recipe.objective(plan.objective).settings is None else PAPERS


def best_objectives(recipe: Comparison, cells: Sequence[ComparedCell]) -> list[str]:
    """The best objectives beside the paper's, by the first stage's validation Dice (its mean over budgets).

    Raises:
        InputError: a cell of the first stage is missing.
    """
    scores = _validation(cells, first_stage(recipe))
    others = [name for name, _ in scores if name not in (UNTRAINED, PAPERS)]
    return sorted(others, key=lambda name: -scores[name, PAPERS_ENCODER])[: recipe.best]


def winner(recipe: Comparison, cells: Sequence[ComparedCell]) -> tuple[str, str]:
    """Objective and encoder with the highest validation Dice, over all budgets and seeds that it shares with all.

    Raises:
        InputError: a cell of the second or third stage is missing.
    """
    scores = _validation(cells, second_stage(recipe, cells) + third_stage(recipe, cells))
    return max((kind for kind in scores if kind[0] != UNTRAINED), key=lambda kind: scores[kind])


def _validation(cells: Sequence[ComparedCell], plans: Iterable[Plan]) -> Mapping[tuple[str, str], float]:
    """Mean validation Dice of the planned cells, by objective and encoder."""
    known = {(cell.objective, cell.encoder, cell.budget, cell.result.seed): cell.val_dice for cell in cells}
    found: dict[tuple[str, str], list[float]] = {}
    for plan in plans:
        key = (plan.objective, plan.encoder, plan.budget, plan.seed)
        if key not in known:
            raise InputError(
                f"the best are chosen among finished cells, but {plan.file} is missing; run the stage before to its end"
            )
        found.setdefault((plan.objective, plan.encoder), []).append(known[key])
    return {kind: float(np.mean(values)) for kind, values in found.items()}
