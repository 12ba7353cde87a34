"""Which cells each stage has, and that winners are chosen by validation alone."""

from collections.abc import Callable

import pytest

from gennari.errors import InputError
from gennari.pipeline.cells import CellResult
from gennari.pipeline.compare_cells import ComparedCell
from gennari.pipeline.compare_plans import (
    Plan,
    best_objectives,
    first_stage,
    last_stage,
    named_stage,
    rate_of,
    second_stage,
    third_stage,
    winner,
    winners_stage,
)
from gennari.recipes.comparisons import COMPARISONS, Comparison, Encoder

RECIPE = COMPARISONS["tiny"].model_copy(update={"encoders": COMPARISONS["tiny"].encoders[:1]})


@pytest.fixture
def finished(make_cell: Callable[..., CellResult]) -> Callable[..., ComparedCell]:
    """finished(plan, val_dice): a cell in which nothing but these matters."""

    def make(plan: Plan, val_dice: float) -> ComparedCell:
        return ComparedCell(
            objective=plan.objective, encoder=plan.encoder, budget=plan.budget, labels_sections=plan.budget,
            val_dice=val_dice, seconds=1.0, result=make_cell(plan.row, plan.seed, {("A", 1): 10}),
        )  # fmt: skip

    return make


def test_the_first_stage_tries_every_objective_with_one_seed(finished) -> None:
    plans = first_stage(RECIPE)
    assert {plan.objective for plan in plans} == {one.name for one in RECIPE.objectives}
    assert {plan.seed for plan in plans} == {0}
    assert {plan.encoder for plan in plans} == {"paper"}
    assert len(plans) == len(set(plans))


def test_the_best_are_those_with_the_highest_validation_dice(finished) -> None:
    cells = [finished(plan, 0.9 if plan.objective == "coord" else 0.5) for plan in first_stage(RECIPE)]
    assert best_objectives(RECIPE, cells) == ["coord"]
    names = {plan.objective for plan in second_stage(RECIPE, cells)}
    assert names == {"none", "L", "coord"}


def test_the_papers_and_none_are_no_candidates(finished) -> None:
    favoured = {"none", "L"}
    cells = [finished(plan, 0.9 if plan.objective in favoured else 0.5) for plan in first_stage(RECIPE)]
    assert not set(best_objectives(RECIPE, cells)) & favoured


def test_what_stands_beside_is_made_once_with_all_labels() -> None:
    plans = last_stage(RECIPE)
    assert [plan.objective for plan in plans] == [one.name for one in RECIPE.beside]
    assert {(plan.encoder, plan.budget, plan.seed) for plan in plans} == {("paper", 111, 0)}


def test_rates_are_found_for_the_paper_and_for_none_alone() -> None:
    assert {rate_of(RECIPE, plan) for plan in first_stage(RECIPE) if plan.objective != "none"} == {"L"}
    assert rate_of(RECIPE, Plan("none", "paper", 111, 0)) == "none"


def test_an_unfinished_stage_chooses_nothing(finished) -> None:
    cells = [finished(plan, 0.5) for plan in first_stage(RECIPE)][1:]
    with pytest.raises(InputError, match="missing"):
        second_stage(RECIPE, cells)


def test_other_encoders_are_tried_for_none_the_papers_and_the_winner(finished) -> None:
    recipe = _with_encoder()
    cells = _finished_twice(recipe, finished, {"dist": 0.9})
    plans = third_stage(recipe, cells)
    assert {(plan.objective, plan.encoder) for plan in plans} == {("none", "new"), ("L", "new"), ("dist", "new")}
    assert {(plan.budget, plan.seed) for plan in plans} == {(budget, 0) for budget in recipe.first_budgets}
    assert third_stage(RECIPE, cells) == []
    with pytest.raises(InputError, match="missing"):
        third_stage(recipe, [cell for cell in cells if cell.result.seed == 0])


def test_the_winner_has_the_highest_validation_dice_over_budgets_and_seeds(finished) -> None:
    recipe = _with_encoder()
    cells = _finished_twice(recipe, finished, {"dist": 0.6, "L": 0.7, "none": 0.99})
    with pytest.raises(InputError, match="missing"):
        winner(recipe, cells)
    tried = [finished(plan, 0.5) for plan in third_stage(recipe, cells)]
    assert winner(recipe, [*cells, *tried]) == ("L", "paper")
    with pytest.raises(InputError, match="missing"):
        winner(recipe, [*cells[1:], *tried])


def test_the_encoder_that_wins_is_made_on_all_budgets_and_seeds(finished) -> None:
    recipe = _with_encoder()
    cells = _finished_twice(recipe, finished, {"L": 0.7})
    tried = [finished(plan, 0.8 if plan.objective == "L" else 0.9) for plan in third_stage(recipe, cells)]
    assert winner(recipe, [*cells, *tried]) == ("L", "new")
    wanted = {(budget, seed) for budget in recipe.budgets for seed in recipe.base.seeds}
    plans = winners_stage(recipe, [*cells, *tried])
    assert {(plan.objective, plan.encoder) for plan in plans} == {("L", "new")}
    assert {(plan.budget, plan.seed) for plan in plans} == wanted


def test_a_winner_among_named_objectives_needs_these_alone(finished) -> None:
    plans = named_stage(RECIPE, ("none", "L", "coord"))
    assert len(plans) == 3 * len(RECIPE.budgets) * len(RECIPE.base.seeds)
    told_apart = named_stage(RECIPE, ("none", "L", "coord"), RECIPE.first_budgets)
    assert set(told_apart) == {plan for plan in plans if plan.budget in RECIPE.first_budgets} != set(plans)
    cells = [finished(plan, {"none": 0.9, "L": 0.6, "coord": 0.7}[plan.objective]) for plan in told_apart]
    assert winner(RECIPE, cells, ("none", "L", "coord")) == ("coord", "paper")
    assert winner(RECIPE, cells, ("L",)) == ("L", "paper")
    with pytest.raises(InputError, match="missing"):
        winner(RECIPE, cells, ("L", "dist"))
    with pytest.raises(InputError, match="a budget is one of 111, 2 annotated sections, got 3"):
        named_stage(RECIPE, ("L",), (3,))
    assert named_stage(RECIPE, ("L",), (2,), (1,)) == [Plan("L", "paper", 2, 1)]
    other = named_stage(_with_encoder(), ("L",), (2,), (1,), ("new", "paper"))
    assert other == [Plan("L", "new", 2, 1), Plan("L", "paper", 2, 1)]
    with pytest.raises(InputError, match="encoder"):
        named_stage(RECIPE, ("L",), encoders=("new",))
    with pytest.raises(InputError, match="a seed is one of the preset's 0, 1, got 7"):
        named_stage(RECIPE, ("L",), (2,), (7,))
    with pytest.raises(InputError, match="a way to pre-train"):
        winner(RECIPE, cells, ("none",))


def _finished_twice(recipe: Comparison, finished, scores: dict[str, float]) -> list[ComparedCell]:
    """Both first stages, of the scores that are given for objectives, or 0.5."""
    first = [finished(plan, scores.get(plan.objective, 0.5)) for plan in first_stage(recipe)]
    known = {_plan(cell) for cell in first}
    later = [plan for plan in second_stage(recipe, first) if plan not in known]
    return [*first, *(finished(plan, scores.get(plan.objective, 0.5)) for plan in later)]


def _plan(cell: ComparedCell) -> Plan:
    return Plan(cell.objective, cell.encoder, cell.budget, cell.result.seed)


def _with_encoder() -> Comparison:
    first = RECIPE.encoders[0]
    return RECIPE.model_copy(update={"encoders": (first, Encoder(name="new", texture=first.texture))})
