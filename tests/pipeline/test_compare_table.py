"""Rows of a comparison from cells made up by hand: means, paired differences, falls."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gennari.apply.context_settings import ContextSettings
from gennari.pipeline.cell_work import lengthened
from gennari.pipeline.cells import CellResult
from gennari.pipeline.compare_cells import BorderSignal, ComparedCell, Pretrained, read_compared, write_compared
from gennari.pipeline.compare_compute import compute_over_papers
from gennari.pipeline.compare_page import page
from gennari.pipeline.compare_plans import Plan, row_name
from gennari.pipeline.compare_pretraining import pretraining_of
from gennari.pipeline.compare_results import write_comparison
from gennari.pipeline.compare_table import ComparedRow, compared_rows
from gennari.pipeline.compute import finetune_flop, patches_flop
from gennari.recipes.comparisons import COMPARISONS

UNKNOWN = lambda cell: float("nan")  # noqa: E731
PLACES = [("A", 1), ("A", 2), ("B", 1), ("B", 2)]


@pytest.fixture
def make(make_cell: Callable[..., CellResult]) -> Callable[..., ComparedCell]:
    def made(objective: str, budget: int, seed: int, hits: int, err_seg: float = 10.0, **changes: object):
        result = make_cell(
            row_name(objective, "paper", budget), seed, dict.fromkeys(PLACES, hits), dict.fromkeys(PLACES, err_seg)
        )
        values = {
            "objective": objective, "encoder": "paper", "budget": budget, "labels_sections": budget, "val_dice": 0.5,
            "seconds": 1.0, "result": result, **changes,
        }  # fmt: skip
        return ComparedCell.model_validate(values)

    return made


def _row(rows: list[ComparedRow], objective: str, budget: int) -> ComparedRow:
    (found,) = [row for row in rows if (row.objective, row.budget) == (objective, budget)]
    return found


def test_differences_are_to_the_papers_loss_with_the_same_labels(make) -> None:
    cells = [make("L", 54, seed, 10) for seed in (0, 1)] + [make("new", 54, seed, 15, 8.0) for seed in (0, 1)]
    cells += [make("L", 11, 0, 5), make("new", 11, 0, 5)]
    rows = compared_rows(cells, np.random.default_rng(0), UNKNOWN)
    new = _row(rows, "new", 54)
    assert new.dice.value == pytest.approx(0.75)  # 15 of 20 pixels of each of two areas, the others exchanged
    assert new.paired.value == pytest.approx(0.25)
    assert (new.paired.low, new.paired.high) == pytest.approx((0.25, 0.25))  # the same everywhere: no spread
    assert new.dice_fall.value == pytest.approx(0.5)
    assert new.err_seg_fall.value == pytest.approx(0.2)
    assert new.paired_err_seg.value == pytest.approx(-2.0)
    assert new.seeds == (0, 1)
    assert _row(rows, "new", 11).paired.value == pytest.approx(0.0)


def test_the_papers_loss_has_no_difference_to_itself(make) -> None:
    row = _row(compared_rows([make("L", 54, 0, 10)], np.random.default_rng(0), UNKNOWN), "L", 54)
    assert np.isnan(row.paired.value)
    assert row.document()["paired"] is None


def test_rows_with_context_are_told_against_the_papers_loss_without_and_with_it(make) -> None:
    def told(objective: str, hits: int, err_seg: float) -> ComparedCell:
        cell = make(objective, 54, 0, hits, err_seg, context=ContextSettings())
        row = row_name(objective, "paper", 54, context=True)
        return cell.model_copy(update={"result": cell.result.model_copy(update={"row": row})})

    cells = [make("L", 54, 0, 10), told("L", 12, 8.0), make("new", 54, 0, 14), told("new", 16, 6.0)]
    rows = {(row.objective, row.context): row for row in compared_rows(cells, np.random.default_rng(0), UNKNOWN)}
    new = rows["new", True]
    assert new.dice_fall.value == pytest.approx(1 - 4 / 10)
    assert new.err_seg_fall.value == pytest.approx(1 - 6 / 10)
    assert new.dice_fall_alike.value == pytest.approx(1 - 4 / 8)
    assert new.err_seg_fall_alike.value == pytest.approx(1 - 6 / 8)
    assert rows["L", True].dice_fall.value == pytest.approx(1 - 8 / 10)
    for row in (rows["L", True], rows["L", False], rows["new", False]):
        assert np.isnan(row.dice_fall_alike.value)
        assert np.isnan(row.err_seg_fall_alike.value)


def test_differences_can_be_to_another_objective(make) -> None:
    cells = [make("L", 54, 0, 10), make("none-long", 54, 0, 12, 8.0), make("new", 54, 0, 15, 6.0)]
    rows = compared_rows(cells, np.random.default_rng(0), UNKNOWN, "none-long")
    new = _row(rows, "new", 54)
    assert new.paired.value == pytest.approx(0.15)
    assert new.dice_fall.value == pytest.approx(1 - 5 / 8)
    assert new.err_seg_fall.value == pytest.approx(1 - 6 / 8)
    assert _row(rows, "L", 54).paired.value == pytest.approx(-0.1)
    assert np.isnan(_row(rows, "none-long", 54).paired.value)


def test_the_page_stands_beside_the_long_unpre_trained_network_where_it_was_made(make, tmp_path: Path) -> None:
    cells = [make("L", 111, 0, 10), make("new", 111, 0, 15), make("new", 11, 0, 15), make("new", 111, 1, 15)]
    told = tmp_path / "compare.md"

    def page_of(*more: ComparedCell) -> str:
        for cell in (*cells, *more):
            write_compared(tmp_path / "compare" / f"{cell.result.row}-{cell.result.seed}.json", cell)
        write_comparison(tmp_path / "compare", COMPARISONS["small"], np.random.default_rng(0))
        return told.read_text()

    assert "Against `none-long`" not in page_of()
    table = page_of(make("none-long", 111, 0, 12)).split("Against `none-long`")[1]
    lines = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert [line.split(" | ")[0] for line in lines] == ["| L", "| new"], "of the same budget"
    assert "| 111 | 1 | – | +0.38 [+0.38, +0.38] |" in lines[1], "of the same seed"


def test_large_budgets_come_first(make) -> None:
    rows = compared_rows([make("L", 11, 0, 10), make("L", 54, 0, 10)], np.random.default_rng(0), UNKNOWN)
    assert [row.labels_sections for row in rows] == [54, 11]


def test_areas_that_no_section_shows_are_left_out_of_the_covered_dice(make) -> None:
    cell = make("L", 4, 0, 10)
    area = cell.result.classes[-1]
    (row,) = compared_rows([cell.model_copy(update={"missing": (area,)})], np.random.default_rng(0), UNKNOWN)
    assert row.missing == (area,)
    assert row.dice_covered.value == pytest.approx(0.5)


def test_what_is_known_of_pre_training_is_a_mean_over_seeds(make, tmp_path) -> None:
    def pretrained(value: float, borders: BorderSignal | None) -> Pretrained:
        return Pretrained(
            patches=10, patch_passes=40, err_dist_mm=value, err_dist_median_mm=26.0, probe_f1=0.4, borders=borders,
            seconds=5.0,
        )  # fmt: skip

    cells = [
        make("L", 54, 0, 10, pretrained=pretrained(20.0, BorderSignal(auroc=0.7, auroc_partial=0.6))),
        make("L", 54, 1, 10, pretrained=pretrained(24.0, None)),
    ]
    (row,) = compared_rows(cells, np.random.default_rng(0), UNKNOWN)
    assert row.err_dist_mm == pytest.approx(22.0)
    assert row.border_auroc_partial == pytest.approx(0.6)
    assert row.pretrain_seconds == pytest.approx(5.0)
    write_compared(tmp_path / "cell.json", cells[0])
    assert read_compared(tmp_path / "cell.json") == cells[0]


def test_the_document_has_the_keys_that_were_promised(make) -> None:
    (row,) = compared_rows([make("L", 54, 0, 10)], np.random.default_rng(0), UNKNOWN)
    assert {
        "objective", "encoder", "labels_sections", "dice", "dice_low", "dice_high", "paired_low", "paired_high",
        "err_seg", "border_auroc_partial", "seconds", "individual",
    } <= set(row.document())  # fmt: skip
    assert row.document()["compute"] is None


def test_a_row_says_what_it_cost(make) -> None:
    cells = [make("L", 54, 0, 10), make("new", 54, 0, 10)]
    rows = compared_rows(cells, np.random.default_rng(0), lambda cell: {"L": 1.0, "new": 0.8}[cell.objective])
    assert [row.compute for row in rows] == [1.0, 0.8]


def test_compute_is_that_of_both_trainings_over_the_papers(make) -> None:
    recipe = COMPARISONS["small"]
    texture, tuning = recipe.encoders[0].texture, recipe.base.experiment.finetune

    def told(passes: int) -> Pretrained:
        return Pretrained(
            patches=10, patch_passes=passes, err_dist_mm=1.0, err_dist_median_mm=26.0, probe_f1=0.4, seconds=5.0
        )

    papers, short = make("L", 54, 0, 10, pretrained=told(100_000)), make("L-short", 54, 0, 10, pretrained=told(50_000))
    none, odd = make("none", 54, 0, 10), make("of another recipe", 54, 0, 10)
    compute = compute_over_papers(recipe, [none, short, papers, odd])
    classes, first_area = len(none.result.classes), none.result.first_area
    tuned, learned = finetune_flop(tuning, texture, classes, classes - first_area), patches_flop(100_000, texture)
    assert compute(papers) == 1
    assert compute(none) == pytest.approx(tuned / (tuned + learned))
    assert compute(short) == pytest.approx((3 * tuned + learned / 2) / (tuned + learned), rel=1e-6)
    assert np.isnan(compute(odd))
    assert np.isnan(compute_over_papers(recipe, [none])(none))


def test_a_fine_tuning_that_is_longer_keeps_its_phases_and_rates() -> None:
    settings = COMPARISONS["small"].base.experiment.finetune
    longer = lengthened(settings, 3.0)
    assert [phase.steps for phase in longer.phases] == [2700, 1050]
    assert [phase.rate for phase in longer.phases] == [phase.rate for phase in settings.phases]
    stepped = settings.model_copy(update={"phases": (settings.phases[0].model_copy(update={"halve_at": (100, 501)}),)})
    assert lengthened(stepped, 0.5).phases[0].halve_at == (50, 250)


def test_what_is_left_frozen_is_taught_as_another_objective_is_and_its_cost_is_not_told(make) -> None:
    recipe = COMPARISONS["small"]
    frozen = [one.taught_as for one in recipe.beside if one.frozen]
    assert frozen == ["random-encoder", "L", "soft-contrast-short"]
    long = {one.taught_as: one.steps_factor for one in recipe.beside if one.taught_as and not one.frozen}
    assert long == {name: recipe.objective("none-long").steps_factor for name in ("L", "soft-contrast-short")}
    for one in recipe.beside:
        if one.taught_as is None:
            continue
        other = recipe.objective(one.taught_as)
        same = {"name": other.name, "frozen": False, "taught_as": None, "steps_factor": other.steps_factor}
        assert one.model_copy(update=same) == other
        assert pretraining_of(recipe, Plan(one.name, "paper", 11, 1)) == (other.name, "paper", 1)
    assert pretraining_of(recipe, Plan("L", "paper", 11, 1)) == ("L", "paper", 1)
    assert pretraining_of(recipe, Plan("none-long", "paper", 11, 1)) is None
    compute = compute_over_papers(recipe, [make("L", 111, 0, 10)])
    assert np.isnan(compute(make("L-frozen", 111, 0, 10)))
    assert compute(make("L", 111, 0, 10)) == 1


def test_what_came_later_leaves_the_hashes_of_objectives_as_they_were() -> None:
    recipe = COMPARISONS["small"]
    assert "steps_factor" not in recipe.objective("L").words
    assert '"steps_factor":3.0' in recipe.objective("L-short").words
    half, whole = recipe.objective("L-short").settings, recipe.objective("L").settings
    assert half is not None
    assert whole is not None
    assert half == whole.model_copy(update={"epochs": 1})
    assert recipe.objective("none-long").steps_factor == 5
    assert "frozen" not in recipe.objective("L").words
    assert '"frozen":true,"taught_as":"L"' in recipe.objective("L-frozen").words


def test_the_page_names_the_winner_and_the_one_that_was_confirmed_once_there_is_one(make) -> None:
    parts = {"held-out": compared_rows([make("L", 54, 0, 10)], np.random.default_rng(0), UNKNOWN)}
    open_still = page(parts, {}, None, None, [])
    assert "Winner by validation: not known before all stages are finished." in open_still
    assert "Confirmed on a sealed individual: nothing yet." in open_still
    chosen = {"objective": "new", "encoder": "residual"}
    told = page(parts, {}, chosen, {**chosen, "encoder": "paper", "individual": "E", "fingerprint": "f"}, [])
    assert "Winner by validation: new, residual. Confirmed on the sealed individual E: new." in told
