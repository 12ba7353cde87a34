"""A comparison end to end on a phantom of coarse sections: stages, resuming, and a winner that is confirmed once."""

import json
import shutil
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from gennari.data.pixels import Normalisation
from gennari.errors import InputError
from gennari.execute import Report, Tick
from gennari.nets.siamese import SiameseNet
from gennari.nets.weights import load_area_unet, load_siamese
from gennari.pipeline import compare as module
from gennari.pipeline import compare_atlas, compare_pretraining
from gennari.pipeline.compare import Ask, compare
from gennari.pipeline.compare_cells import BorderSignal, ComparedCell, all_compared, read_compared, write_compared
from gennari.pipeline.compare_confirm import confirmed
from gennari.pipeline.compare_results import ComparedResults
from gennari.pipeline.making import make_phantom_of
from gennari.pipeline.scoring import counts_of
from gennari.pipeline.stages import Run
from gennari.recipes import comparisons
from gennari.recipes.comparisons import ALL_SECTIONS, Comparison, Encoder, Objective
from gennari.recipes.tables import Reproduction

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recipe(table_recipe: Reproduction) -> Comparison:
    settings = table_recipe.experiment.pretrain
    return Comparison(
        name="mini",
        base=table_recipe,
        objectives=(
            Objective(name="none"),
            Objective(name="L", settings=settings),
            Objective(name="coord", settings=settings.model_copy(update={"use_distance": False})),
        ),
        beside=(
            Objective(name="random-encoder", settings=settings, trained=False),
            Objective(name="L-frozen", settings=settings, taught_as="L", frozen=True),
        ),
        encoders=(Encoder(name="paper", texture=table_recipe.experiment.texture),),
        budgets=(ALL_SECTIONS, 2),
        first_budgets=(ALL_SECTIONS,),
        best=1,
    )


@pytest.fixture(scope="module")
def known(recipe: Comparison):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparisons, "COMPARISONS", {"mini": recipe})
        patch.setattr(module, "usable_cores", lambda: 1)  # spawning processes takes longer than their work
        yield patch


@pytest.fixture(scope="module")
def made(table_dataset: Path, known, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("compared")
    _compare(table_dataset, root)
    return root


def _compare(dataset: Path, root: Path, ticks: list[Tick] | None = None, **ask: object) -> ComparedResults:
    wanted = Ask(preset="mini", **ask)  # pyright: ignore[reportArgumentType]
    return compare(dataset, root / "work", root / "compare", wanted, [].append if ticks is None else ticks.append)


def _cells(root: Path) -> dict[tuple[str, int, int], ComparedCell]:
    return {(cell.objective, cell.budget, cell.result.seed): cell for cell in all_compared(root / "compare")}


def test_stages_make_their_cells(made: Path) -> None:
    cells = _cells(made)
    second = set(product(("none", "L", "coord"), (ALL_SECTIONS, 2), (0, 1)))
    assert set(cells) == second | {(name, ALL_SECTIONS, 0) for name in ("random-encoder", "L-frozen", "atlas-alone")}
    assert {cell.labels_sections for cell in cells.values() if cell.budget == ALL_SECTIONS} == {4}
    assert {cell.labels_sections for cell in cells.values() if cell.budget == 2} == {2}


def test_what_is_known_of_a_pre_training_stands_in_its_cells(made: Path) -> None:
    cells = _cells(made)
    assert cells["none", 2, 0].pretrained is None
    learned, random = cells["L", 2, 0].pretrained, cells["random-encoder", ALL_SECTIONS, 0].pretrained
    assert learned is not None
    assert random is not None
    assert learned.patch_passes > learned.patches > 0 == random.patch_passes
    assert 0 <= learned.probe_f1 <= 1
    assert np.isfinite(learned.err_dist_mm)
    assert cells["L", 2, 0].pretrained == cells["L", ALL_SECTIONS, 0].pretrained
    assert cells["coord", 2, 0].pretrained != learned


def test_a_frozen_network_keeps_what_it_was_taught_and_is_taught_once(made: Path) -> None:
    work, cells = made / "work" / "compare", _cells(made)
    assert not (work / "pretext" / "L-frozen-paper-0").exists()
    frozen = cells["L-frozen", ALL_SECTIONS, 0]
    assert frozen.pretrained == cells["L", ALL_SECTIONS, 0].pretrained
    taught = load_siamese(work / "pretext" / "L-paper-0" / "weights.safetensors", "paper").texture.state_dict()

    def changed(name: str) -> bool:
        (path,) = (work / "finetune").glob(f"{name}-paper-111-0-rate-{frozen.result.rate}/weights.safetensors")
        tuned = load_area_unet(path, "paper")
        assert tuned.decoder == ("light" if name == "L-frozen" else "unet")
        return any((tuned.texture.state_dict()[key] != value).any() for key, value in taught.items())

    assert not changed("L-frozen")
    assert changed("L")


def test_all_cells_are_measured_on_the_same_sections(made: Path) -> None:
    places = {tuple((s.brain, s.section) for s in cell.result.sections) for cell in _cells(made).values()}
    assert len(places) == 1


def test_the_rate_is_the_best_on_validation_sections_for_the_paper_or_for_none(made: Path) -> None:
    for name, users in (("none", {"none"}), ("L", {"L", "coord", "random-encoder", "L-frozen"})):
        tried = [json.loads(path.read_text()) for path in (made / "compare" / "rates").glob(f"{name}-*.json")]
        assert len(tried) == 2
        best = max(tried, key=lambda one: one["val_dice"])["rate"]
        assert {cell.result.rate for cell in _cells(made).values() if cell.objective in users} == {best}
    assert len(list((made / "compare" / "rates").glob("*.json"))) == 4


def test_the_atlas_alone_stands_beside_all_seeds_and_is_measured_once(
    made: Path, table_dataset: Path, monkeypatch
) -> None:
    document = json.loads((made / "compare.json").read_text())
    (row,) = [row for row in document["cells"] if row["objective"] == "atlas-alone"]
    (papers,) = [row for row in document["cells"] if (row["objective"], row["budget"]) == ("L", ALL_SECTIONS)]
    assert row["paired"] == pytest.approx(row["dice"] - papers["dice"]), "both seeds of the paper's"
    assert row["val_dice"] is row["compute"] is None
    assert "| atlas-alone | – | 4 | 1 |" in (made / "compare.md").read_text()
    monkeypatch.setattr(compare_atlas, "atlas_results", None)
    _compare(table_dataset, made, stages=(4,))
    path = made / "compare" / "atlas-alone.json"
    kept = path.read_text()
    cell = ComparedCell.model_validate_json(kept)
    write_compared(path, cell.model_copy(update={"result": cell.result.model_copy(update={"key": "other"})}))
    try:
        with pytest.raises(InputError, match="was on another"):
            _compare(table_dataset, made, stages=(4,))
    finally:
        path.write_text(kept)


def test_table_and_figure_stand_beside_the_cells(made: Path) -> None:
    document = json.loads((made / "compare.json").read_text())
    assert document["winner"]["objective"] in ("L", "coord")
    assert document["confirmed"] is None
    assert len(document["cells"]) == 9
    assert (made / "compare.png").read_bytes().startswith(b"\x89PNG")
    assert (made / "compare.csv").read_text().count("\n") == 10
    assert "phantom" in (made / "compare.md").read_text()


def test_what_is_finished_is_not_made_again(made: Path, table_dataset: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (made / "compare").rglob("*.json")}
    lost = made / "compare" / "L-paper-2-1.json"
    kept = lost.read_text()
    lost.unlink()
    _compare(table_dataset, made)
    assert _timeless(lost.read_text()) == _timeless(kept)
    after = {path: path.stat().st_mtime_ns for path in (made / "compare").rglob("*.json")}
    assert {path for path in before if before[path] != after[path]} == {lost}


def test_border_signals_are_added_to_what_was_finished_without_them(
    made: Path, table_dataset: Path, tmp_path_factory, monkeypatch
) -> None:
    # beside the original: runs know the way to their data set from where they are
    root = shutil.copytree(made, tmp_path_factory.mktemp("copied"), symlinks=True, dirs_exist_ok=True)
    measured, prepared = [], []
    before = _cells(root)

    def signal(run: Run, net: SiameseNet, grey: Normalisation, tick: Report) -> BorderSignal:
        measured.append(net.state_dict())
        return BorderSignal(auroc=0.7, auroc_partial=0.6 + len(measured) / 100)

    monkeypatch.setattr(compare_pretraining, "border_signal", signal)
    monkeypatch.setattr(module, "prepare_borders", lambda run, tick: prepared.append(run.root))
    for _ in range(2):
        _compare(table_dataset, root, objectives=("none", "L"), borders=True)
    assert len(measured) == 2, "of L, each seed once"
    assert len(prepared) == 2
    for key, cell in _cells(root).items():
        known = cell.pretrained
        if key[0] == "atlas-alone":
            continue
        if key[0] != "L":
            assert cell == before[key]
            continue
        assert known is not None
        assert known.borders is not None
        assert known.borders.auroc_partial in (0.61, 0.62)
        assert cell.model_copy(update={"pretrained": before[key].pretrained}) == before[key]
        assert known.model_copy(update={"borders": None}) == before[key].pretrained
        named = root / "work" / "compare" / "pretext" / f"L-paper-{key[2]}" / "weights.safetensors"
        saved = load_siamese(named, "paper").state_dict()
        assert any(all((saved[name] == one[name]).all() for name in saved) for one in measured)


def test_a_border_signal_of_another_pretraining_is_refused_and_the_cell_kept(
    made: Path, table_dataset: Path, tmp_path_factory, monkeypatch
) -> None:
    root = shutil.copytree(made, tmp_path_factory.mktemp("other"), symlinks=True, dirs_exist_ok=True)
    path = root / "compare" / f"L-paper-{ALL_SECTIONS}-0.json"
    cell = read_compared(path)
    assert cell.pretrained is not None
    write_compared(path, cell.model_copy(update={"pretrained": cell.pretrained.model_copy(update={"probe_f1": 0.9})}))
    before = path.read_bytes()
    monkeypatch.setattr(compare_pretraining, "border_signal", lambda *given: BorderSignal(auroc=0.7, auroc_partial=0.6))
    monkeypatch.setattr(module, "prepare_borders", lambda run, tick: None)
    with pytest.raises(InputError, match=r"knows one .*0\.9\).* and the work folder holds one"):
        _compare(table_dataset, root, objectives=("L",), borders=True)
    assert path.read_bytes() == before


def _timeless(text: str) -> ComparedCell:
    cell = ComparedCell.model_validate_json(text)
    sections = tuple(section.model_copy(update={"seconds": 0.0}) for section in cell.result.sections)
    return cell.model_copy(update={"result": cell.result.model_copy(update={"sections": sections})})


def test_objectives_by_name_are_made_on_all_budgets_and_seeds(made: Path, table_dataset: Path, tmp_path: Path) -> None:
    ask = Ask(preset="mini", objectives=("none",))
    compare(table_dataset, made / "work", tmp_path / "named", ask, [].append)
    assert {cell.objective for cell in all_compared(tmp_path / "named")} == {"none"}
    assert len(all_compared(tmp_path / "named")) == 4
    with pytest.raises(InputError, match="objective"):
        compare(table_dataset, made / "work", tmp_path / "named", Ask(preset="mini", objectives=("x",)), [].append)


def test_cells_of_another_recipe_are_refused(made: Path, table_dataset: Path, recipe: Comparison, known) -> None:
    changed = tuple(
        one.model_copy(update={"settings": one.settings and one.settings.model_copy(update={"alpha": 3.0})})
        for one in recipe.objectives
    )
    known.setattr(comparisons, "COMPARISONS", {"mini": recipe.model_copy(update={"objectives": changed})})
    try:
        with pytest.raises(InputError, match="made with another"):
            _compare(table_dataset, made)
    finally:
        known.setattr(comparisons, "COMPARISONS", {"mini": recipe})


def test_a_winner_is_confirmed_once_on_a_sealed_individual(
    made: Path, table_dataset: Path, mini_recipes, recipe: Comparison, tmp_path: Path
) -> None:
    settings = mini_recipes[0]
    (plan,) = [plan for plan in settings.brains if plan.role == "labelled"][:1]
    sealed = settings.model_copy(update={"brains": (plan.model_copy(update={"name": "E"}),)})
    make_phantom_of(tmp_path / "sealed", None, sealed, 1, lambda tick: None)
    with pytest.raises(InputError, match="sealed individual"):
        _compare(table_dataset, made, sealed=table_dataset)
    document = _compare(table_dataset, made, sealed=tmp_path / "sealed").document
    found = confirmed(made / "compare")
    assert found is not None
    winner, cells = found
    assert winner.individual == "E"
    assert {cell.individual for cell in cells} == {"E"}
    assert {cell.objective for cell in cells} == {"none", "L", winner.objective}
    rows = [row for row in document["cells"] if row["individual"] == "E"]  # pyright: ignore
    assert {(row["objective"], row["context"]) for row in rows} == set(
        product(("none", "L", winner.objective), (False, True))
    )
    page = (made / "compare.md").read_text()
    assert "L + context" in page
    for name in ("compare.png", "compare-differences.png", "compare-differences-E.png"):
        assert (made / name).read_bytes().startswith(b"\x89PNG")
        assert f"![{name}]({name})" in page
    _check_context(cells, recipe)
    (other,) = {"L", "coord"} - {winner.objective}
    with pytest.raises(InputError, match=f"now it would be '{other}'"):
        _compare(table_dataset, made, sealed=tmp_path / "sealed", objectives=("none", other))
    path = made / "compare" / "confirmed" / "winner.json"
    path.write_text(winner.model_copy(update={"objective": "other"}).model_dump_json())
    with pytest.raises(InputError, match="opened once"):
        _compare(table_dataset, made, sealed=tmp_path / "sealed")


def _check_context(cells: Sequence[ComparedCell], recipe: Comparison) -> None:
    """Each network once by itself and once with surface context, which changes maps and nothing that went before."""
    twins: dict[tuple[str, int, int], dict[bool, ComparedCell]] = {}
    for cell in cells:
        assert cell.context in (None, recipe.context)
        key = (cell.objective, cell.budget, cell.result.seed)
        twins.setdefault(key, {})[cell.context is not None] = cell
    assert {tuple(sorted(pair)) for pair in twins.values()} == {(False, True)}
    counts = [[counts_of(cell.result.sections)[0] for cell in pair.values()] for pair in twins.values()]
    assert any((one != other).any() for one, other in counts)
    assert all((one.sum(axis=1) == other.sum(axis=1)).all() for one, other in counts)
    assert all(pair[True].val_dice == pair[False].val_dice for pair in twins.values())
