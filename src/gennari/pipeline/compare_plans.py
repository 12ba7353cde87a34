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


def row_name(objective: str, encoder: str, budget: int, *, context: bool = False) -> str:
    """Of the cells that differ by their seed alone; with `context` their sections were told of each other."""
    return f"{objective} {encoder} {budget}{' context' if context else ''}"


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
    return named_stage(recipe, names)


def named_stage(
    recipe: Comparison,
    names: Sequence[str],
    budgets: Sequence[int] = (),
    seeds: Sequence[int] = (),
    encoders: Sequence[str] = (),
) -> list[Plan]:
    """Some objectives on all budgets and all seeds, or on some of these, with the paper's encoder, or with these.

    Raises:
        InputError: an objective, a budget, a seed or an encoder is none of the recipe's.
    """
    known = [recipe.objective(name).name for name in names]
    by = [recipe.encoder(name).name for name in encoders or (PAPERS_ENCODER,)]
    if not set(budgets) <= set(recipe.budgets):
        raise InputError(
            f"a budget is one of {', '.join(map(str, recipe.budgets))} annotated sections, got "
            f"{', '.join(map(str, budgets))}; correct --budgets"
        )
    if not set(seeds) <= set(recipe.base.seeds):
        raise InputError(
            f"a seed is one of the preset's {', '.join(map(str, recipe.base.seeds))}, got "
            f"{', '.join(map(str, seeds))}; correct --seeds"
        )
    kinds = product(known, by, budgets or recipe.budgets, seeds or recipe.base.seeds)
    return [Plan(*of) for of in kinds]


def third_stage(recipe: Comparison, cells: Sequence[ComparedCell]) -> list[Plan]:
    """The other encoders for none, the paper's objective and the winning one, first seed, few budgets.

    Raises:
        InputError: the second stage is not finished.
    """
    names = dict.fromkeys((UNTRAINED, PAPERS, _winning_objective(recipe, cells)))
    encoders = [encoder.name for encoder in recipe.encoders if encoder.name != PAPERS_ENCODER]
    return [Plan(*of, recipe.base.seeds[0]) for of in product(names, encoders, recipe.first_budgets)]


def winners_stage(recipe: Comparison, cells: Sequence[ComparedCell]) -> list[Plan]:
    """The winner on all budgets and seeds, which the second stage has made unless another encoder wins.

    Raises:
        InputError: the third stage is not finished.
    """
    return [Plan(*winner(recipe, cells), *of) for of in product(recipe.budgets, recipe.base.seeds)]


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


def winner(recipe: Comparison, cells: Sequence[ComparedCell], among: Sequence[str] = ()) -> tuple[str, str]:
    """Objective and encoder that won: the objective by the second stage, then its encoder by the third.

    Args:
        recipe: of the comparison.
        cells: that are finished.
        among: objectives; then only these take part, with the paper's encoder, on all seeds and the budgets that
            objectives are told apart by.

    Raises:
        InputError: a cell is missing, or none of `among` is pre-trained.
    """
    objective = _winning_objective(recipe, cells, among)
    if among:
        return objective, PAPERS_ENCODER
    encoders, seed = [encoder.name for encoder in recipe.encoders], recipe.base.seeds[0]
    plans = [Plan(objective, *of, seed) for of in product(encoders, recipe.first_budgets)]
    scores = _validation(cells, plans)
    return max(scores, key=lambda kind: scores[kind])


def _winning_objective(recipe: Comparison, cells: Sequence[ComparedCell], among: Sequence[str] = ()) -> str:
    plans = named_stage(recipe, among, recipe.first_budgets) if among else second_stage(recipe, cells)
    scores = {name: score for (name, _), score in _validation(cells, plans).items() if name != UNTRAINED}
    if not scores:
        raise InputError(f"a winner is a way to pre-train, got only '{UNTRAINED}'; name others with --objectives")
    return max(scores, key=lambda name: scores[name])


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
