"""The paper's table end to end on a phantom of coarse sections: every cell once, from nothing that was tested."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.execute import Tick
from gennari.nets.weights import load_siamese
from gennari.pipeline import reproduce as module
from gennari.pipeline.cell_work import steps_factor
from gennari.pipeline.cells import CellResult, read_cell
from gennari.pipeline.compute import finetune_flop, pretext_flop
from gennari.pipeline.pretext_sets import set_of_run
from gennari.pipeline.reproduce import Request, reproduce
from gennari.pipeline.reproduction import Work
from gennari.pipeline.results import Results
from gennari.pipeline.row_plans import CONTROLS, PAPER_ROWS, chosen_rows
from gennari.recipes import tables

KEYS = {
    "name", "err_dist_mm", "dice", "dice_low", "dice_high", "err_seg", "err_seg_low", "err_seg_high",
    "pixel_distance_um", "paired_dice_low", "paired_dice_high",
}  # fmt: skip
Make = Callable[..., Results]


@pytest.fixture(scope="module")
def known(table_recipe) -> "pytest.MonkeyPatch":
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "REPRODUCTIONS", {"mini": table_recipe})
        patch.setattr(module, "usable_cores", lambda: 1)  # spawning processes takes longer than their work
        yield patch


@pytest.fixture(scope="module")
def made(table_dataset: Path, known, tmp_path_factory) -> Path:
    """A folder with the work and the results of two rows and two seeds."""
    root = tmp_path_factory.mktemp("made")
    _make(table_dataset, root, rows=("baseline", "many-L"))
    return root


def _make(table_dataset: Path, root: Path, ticks: list[Tick] | None = None, **request: object) -> Results:
    wanted = Request(preset="mini", **request)  # pyright: ignore[reportArgumentType]
    return reproduce(
        table_dataset, root / "work", root / "results" / "table", wanted, [].append if ticks is None else ticks.append
    )


def _cells(root: Path) -> dict[str, CellResult]:
    return {path.stem: read_cell(path) for path in (root / "results" / "table").glob("*.json")}


@pytest.mark.slow
def test_every_cell_and_every_rate_stands_in_a_file_of_its_own(made: Path) -> None:
    assert set(_cells(made)) == {
        "baseline-0", "baseline-1", "many-L-0", "many-L-1", "atlas-alone", "annotators",
    }  # fmt: skip
    rates = {path.stem for path in (made / "results" / "table" / "rates").glob("*.json")}
    assert rates == {f"{row}-0-rate-{rate}" for row in ("baseline", "many-L") for rate in ("0.01", "0.03")}


@pytest.mark.slow
def test_the_table_has_the_keys_that_were_promised(made: Path) -> None:
    document = json.loads((made / "results" / "table.json").read_text())
    assert {"rows", "controls", "seeds", "split", "geometry"} <= set(document)
    assert all(set(row) >= KEYS for row in document["rows"])
    assert document["split"] == "blocks"
    assert document["geometry"] == "fsaverage5"
    assert document["seeds"] == [0, 1]
    assert (made / "results" / "table.md").is_file()
    assert (made / "results" / "table.csv").is_file()


@pytest.mark.slow
def test_both_rows_differ_in_their_first_weights_alone(made: Path) -> None:
    cells = _cells(made)
    for seed in (0, 1):
        baseline, full = cells[f"baseline-{seed}"], cells[f"many-L-{seed}"]
        places = [(section.brain, section.section) for section in baseline.sections]
        assert places == [(section.brain, section.section) for section in full.sections]
        assert baseline.iterations == full.iterations == 6
        assert baseline.distance is None
        assert baseline.patches == 0
        assert full.distance is not None
        assert full.patches > 20
        assert len(full.convergence) == 2


@pytest.mark.slow
def test_rates_are_those_with_the_best_dice_on_validation_sections(made: Path) -> None:
    for row in ("baseline", "many-L"):
        tried = [
            json.loads(path.read_text()) for path in (made / "results" / "table" / "rates").glob(f"{row}-0-*.json")
        ]
        best = max(tried, key=lambda one: one["dice"])["rate"]
        assert {cell.rate for name, cell in _cells(made).items() if name.startswith(row)} == {best}


@pytest.mark.slow
def test_the_training_that_won_on_validation_sections_is_the_one_that_is_tested(made: Path) -> None:
    folders = {path.name for path in (made / "work" / "finetune").iterdir()}
    for row in ("baseline", "many-L"):
        rate = _cells(made)[f"{row}-1"].rate
        assert {name for name in folders if name.startswith(row)} == {
            f"{row}-0-rate-0.01", f"{row}-0-rate-0.03", f"{row}-1-rate-{rate:g}",
        }  # fmt: skip


@pytest.mark.slow
def test_no_part_of_a_fold_is_in_another(made: Path, table_recipe) -> None:
    split = json.loads((made / "work" / "sources" / "pretext" / "split.json").read_text())
    tested = {(s.brain, s.section) for s in _cells(made)["baseline-0"].sections}
    of_split = {(brain, int(number)) for brain, parts in split.items() for number, part in parts.items()
                if part == "test" and brain != "P"}  # fmt: skip
    assert tested == of_split


@pytest.mark.slow
def test_what_is_finished_is_not_made_again_and_a_lost_cell_comes_back_the_same(
    table_dataset: Path, made: Path
) -> None:
    results = made / "results" / "table"
    lost = results / "many-L-1.json"
    before, times = read_cell(lost), {p: p.stat().st_mtime_ns for p in results.glob("*.json")}
    lost.unlink()
    ticks: list[Tick] = []
    _make(table_dataset, made, ticks, rows=("baseline", "many-L"))
    beginning, made_again = [tick.note for tick in ticks if tick.stage == "cells"]
    assert beginning == ""
    assert made_again.startswith("many-L-1-rate-")
    assert not [tick for tick in ticks if tick.stage == "rates"]
    after = read_cell(lost)
    assert after.sections[0].confusion == before.sections[0].confusion
    assert after.distance == before.distance
    assert {p: p.stat().st_mtime_ns for p in results.glob("*.json") if p != lost} == {
        p: t for p, t in times.items() if p != lost
    }


@pytest.mark.slow
def test_cells_of_another_recipe_are_refused(table_dataset: Path, made: Path, table_recipe, known) -> None:
    other = table_recipe.model_copy(update={"few": 30})
    known.setattr(tables, "REPRODUCTIONS", {"mini": other})
    try:
        with pytest.raises(InputError, match=r"baseline-0\.json was made with another; give another folder"):
            _make(table_dataset, made, rows=("baseline",))
    finally:
        known.setattr(tables, "REPRODUCTIONS", {"mini": table_recipe})


@pytest.mark.slow
def test_controls_start_from_what_their_names_say(table_dataset: Path, made: Path) -> None:
    names = ("baseline-3x", "baseline-total", "many-L-no-atlas", "permuted-targets", "random-weights", "transductive",
             "one-cytoarchitecture")  # fmt: skip
    _make(table_dataset, made, rows=names, seeds=(0,))
    cells, work = _cells(made), made / "work"
    assert {f"{name}-0" for name in names} <= set(cells)
    assert cells["baseline-3x-0"].iterations == 18
    assert cells["baseline-3x-0"].rate == cells["baseline-0"].rate
    assert cells["permuted-targets-0"].rate == cells["many-L-0"].rate
    assert not cells["random-weights-0"].convergence
    untrained = load_siamese(work / "pretext" / "random-weights-0" / "weights.safetensors")
    trained = load_siamese(work / "pretext" / "many-L-0" / "weights.safetensors")
    norm = untrained.texture.blocks[0][1]
    assert not np.allclose(norm.running_mean.numpy(), 0)
    np.testing.assert_array_equal(norm.weight.detach().numpy(), 1)
    assert not np.allclose(trained.texture.blocks[0][1].weight.detach().numpy(), 1)
    settings = json.loads((work / "sources" / "one-cytoarchitecture-dataset" / "phantom.json").read_text())["settings"]
    assert settings["one_cytoarchitecture"]
    assert settings["gradient"] == 0
    assert [plan["name"] for plan in settings["brains"]] == ["P"]


@pytest.mark.slow
def test_the_total_is_the_arithmetic_of_pre_training_and_fine_tuning_together(made: Path, table_recipe) -> None:
    work = Work(root=made / "work", recipe=table_recipe, threads=1)
    experiment = table_recipe.experiment
    train = set_of_run(work.run()).train
    once = finetune_flop(experiment.finetune, experiment.texture, 16, 13)
    both = once + pretext_flop(experiment.pretrain, experiment.texture, train)
    factors = {row.name: steps_factor(work, row) for row in (*PAPER_ROWS, *CONTROLS)}
    for row in ("baseline", "many-L"):
        assert factors.pop(f"{row}-total") == pytest.approx(both / once)
        assert factors.pop(f"{row}-3x") == 3
    assert set(factors.values()) == {1}


@pytest.mark.slow
def test_another_geometry_needs_other_surfaces(table_dataset: Path, made: Path) -> None:
    with pytest.raises(InputError, match=r"'other-geometry' pre-trains on a brain of other surfaces.*--surfaces"):
        _make(table_dataset, made, rows=("other-geometry",), seeds=(0,))


@pytest.mark.slow
def test_lobo_leaves_out_each_brain_and_chooses_rates_on_the_others(
    table_dataset: Path, made: Path, tmp_path: Path
) -> None:
    wanted = Request(preset="mini", rows=("baseline",), split="lobo", seeds=(0,))
    reproduce(table_dataset, made / "work", tmp_path / "lobo", wanted, [].append)
    for brain in "ABCD":
        cell = read_cell(tmp_path / "lobo" / f"baseline-{brain}-0.json")
        assert cell.split == "lobo"
        assert {section.brain for section in cell.sections} == {brain}
        assert len(cell.sections) == 3
        split = json.loads((made / "work" / "folds" / brain / "split.json").read_text())
        assert set(split[brain].values()) == {"test"}
        others = {part for name, parts in split.items() if name not in (brain, "P") for part in parts.values()}
        assert others <= {"train", "val", "guard"}


def test_rows_are_found_by_name_and_by_default_all() -> None:
    assert chosen_rows((), controls=False) == PAPER_ROWS
    assert chosen_rows((), controls=True) == CONTROLS
    assert [row.name for row in chosen_rows(("few-L", "baseline-3x"), controls=False)] == ["few-L", "baseline-3x"]
    with pytest.raises(InputError, match=r"--rows names rows of the table .*baseline.*, got nonsense"):
        chosen_rows(("nonsense",), controls=False)
