"""`gennari borders` on the mini phantom: tables that fit each other, figures against the truth, refusals."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gennari.apply.borders import border_scores
from gennari.apply.confounds import confounds_of
from gennari.apply.features import branch_features
from gennari.errors import InputError
from gennari.metrics.border_places import UNKNOWN
from gennari.nets.weights import load_siamese
from gennari.pipeline import border_controls, border_places, border_profiles
from gennari.pipeline.border_controls import (
    ATLAS_CHANGE,
    CLASSICAL,
    COMPONENTS,
    INTENSITY,
    SHIFTED,
    UNTRAINED,
    plain_scores,
)
from gennari.pipeline.border_detection import accepted_peaks, place_gaps, weights_of, without_confounds
from gennari.pipeline.border_evaluation import labels_at, read_evaluation
from gennari.pipeline.border_features import GREY, features_stage, read_features
from gennari.pipeline.border_places import (
    PLACES_STAGE,
    Ask,
    borders_path,
    place_images,
    read_asked_places,
    sections_asked,
)
from gennari.pipeline.border_tables import (
    ACCEPTED,
    CHECKPOINTS,
    GAPS,
    OURS,
    SCORES,
    TRUTH,
    AcceptedTable,
    GapTable,
    TruthTable,
    read_table,
)
from gennari.pipeline.borders import find_borders
from gennari.pipeline.compare_borders import border_signal
from gennari.pipeline.executors import ExecutorChoice
from gennari.pipeline.learning import normalisation, read_distance_error
from gennari.pipeline.section_tasks import Spread
from gennari.pipeline.stages import Run, open_run
from gennari.sources.tables import read_arrays, read_rows

pytestmark = pytest.mark.slow
KEYS = ("hoc1_hoc2_recall_1mm", "hoc1_hoc2_median_error_mm", "false_per_20mm", "f1_1mm", "auroc", "auroc_partial")


@pytest.fixture(scope="module", autouse=True)
def coarse() -> Iterator[None]:
    """Fewer places, profiles and sections: features, profiles and surrogates take nearly all of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(border_places, "STEP_UM", 600.0)
        patch.setattr(border_places, "TRAIN_SECTIONS", 1)
        patch.setattr(border_profiles, "TRAVERSE_UM", 256.0)
        yield


@pytest.fixture(scope="module")
def evaluated(coarse, finished_demo, tmp_path_factory) -> Run:
    """A run whose borders were measured with the controls that need no training; read only."""
    root = tmp_path_factory.mktemp("borders") / "demo"
    shutil.copytree(finished_demo, root)
    run = open_run(root / "run")
    # as if the pre-training had kept its weights after two steps, and they had been the last ones
    kept = run.path("pretrain", "kept", "00000002.safetensors")
    kept.parent.mkdir()
    shutil.copy(run.path("pretrain", "weights.safetensors"), kept)
    find_borders(run, Ask(), "cheap", lambda tick: None)
    return run


def places_of(run: Run):
    return read_asked_places(run, Ask())


def test_tables_stand_row_by_row_beside_the_places(evaluated):
    places, gaps = places_of(evaluated), read_table(borders_path(evaluated, GAPS), GapTable)
    truth = read_table(borders_path(evaluated, TRUTH), TruthTable)
    assert len(gaps) == len(places) == len(truth.label)
    np.testing.assert_array_equal(gaps.piece, places.piece)
    np.testing.assert_array_equal(gaps.score, border_scores(read_features(evaluated), places))
    assert np.isfinite(gaps.score).any()
    assert np.isfinite(gaps.profiles_d2).any()
    assert np.isfinite(gaps.components_d2).any()
    accepted = read_table(borders_path(evaluated, ACCEPTED), AcceptedTable)
    np.testing.assert_array_equal(gaps.section[accepted.gap], accepted.section)
    np.testing.assert_array_equal(gaps.arc_mm[accepted.gap], accepted.arc_mm)
    assert (gaps.split[accepted.gap] == "test").all()


def test_all_keys_are_there_for_the_learned_score_and_for_each_control(evaluated):
    figures = json.loads(borders_path(evaluated, "evaluation.json").read_text(encoding="utf-8"))
    assert set(figures["controls"]) == {UNTRAINED, ATLAS_CHANGE, INTENSITY, CLASSICAL, COMPONENTS, SHIFTED}
    for part in (figures, *figures["controls"].values()):
        assert set(KEYS) <= set(part)
    assert 0 <= figures["auroc"] <= 1
    assert figures["borders"] > 0
    assert figures["measure"] == "staining intensity"
    assert all(verdict.gain is not None for verdict in read_evaluation(evaluated).controls.values())


def test_a_finished_evaluation_says_so_and_gives_the_same_figures(evaluated):
    before, said = read_evaluation(evaluated), []
    again = find_borders(evaluated, Ask(), "cheap", lambda tick: said.append(tick.note))
    assert set(said) == {"already finished, nothing to do"}
    assert again.figures == before.model_dump(mode="json")
    assert f"{before.auroc:.3f}" in again.table


def test_weights_kept_on_the_way_are_measured_as_the_last_ones_are(evaluated):
    first, last = read_rows(borders_path(evaluated, CHECKPOINTS))
    assert (first["step"], last["step"]) == (2, 6)
    assert {**first, "step": 6} == last
    assert last["auroc"] == pytest.approx(read_evaluation(evaluated).auroc)
    assert last["auroc_partial"] == pytest.approx(read_evaluation(evaluated).auroc_partial)
    assert last["err_dist_mm"] == pytest.approx(read_distance_error(evaluated).mean_mm, rel=1e-5)


def test_a_comparison_measures_them_alike(evaluated):
    net = load_siamese(evaluated.path("pretrain", "weights.safetensors"), evaluated.experiment.texture.encoder)
    found = border_signal(evaluated, net, normalisation(evaluated), lambda tick: None)
    assert found.auroc == pytest.approx(read_evaluation(evaluated).auroc, abs=1e-4)
    assert found.auroc_partial == pytest.approx(read_evaluation(evaluated).auroc_partial, abs=1e-4)


def test_scores_of_controls_are_saved_raw_and_with_confounds_out(evaluated):
    names = (UNTRAINED, INTENSITY, ATLAS_CHANGE, CLASSICAL, COMPONENTS)
    scores = read_arrays(borders_path(evaluated, SCORES), [*names, *(f"partial {name}" for name in names)])
    places = places_of(evaluated)
    np.testing.assert_array_equal(scores[INTENSITY], border_scores(read_features(evaluated, GREY), places))
    train = places.patches.split == "train"
    np.testing.assert_array_equal(
        scores[f"partial {UNTRAINED}"], without_confounds(scores[UNTRAINED], confounds_of(places), train)
    )


def test_labels_of_places_are_those_of_the_pixels_under_them(evaluated):
    places, brain, label_set = places_of(evaluated), Ask().chosen(evaluated), evaluated.dataset.label_set
    found = labels_at(brain, places, label_set)
    rng = np.random.default_rng(0)
    for row in rng.choice(len(places), 50, replace=False):
        truth = brain.truth(int(places.patches.section[row]))
        r, c = (int(at // truth.spacing_um) for at in places.patches.centre_um[row])
        true = int(truth.labels[r, c])
        assert found[row] == (true if true >= label_set.first_area - 1 else UNKNOWN)
    assert (found >= label_set.first_area).any()


def test_the_mean_grey_of_a_place_is_that_of_its_patch(evaluated):
    images = place_images(evaluated, places_of(evaluated)).read(np.arange(5))
    np.testing.assert_allclose(read_features(evaluated, GREY)[:5, 0], images.mean(axis=(1, 2)), rtol=1e-6)


def test_features_are_read_section_by_section_and_are_those_of_the_patches(evaluated, tmp_path):
    shutil.copytree(evaluated.root.parent, tmp_path / "demo")
    run, ask = open_run(tmp_path / "demo" / "run"), Ask()
    expected, places, weights = read_features(run), places_of(run), {OURS: weights_of(run)}
    images, net = place_images(run, places), load_siamese(weights_of(run), run.experiment.texture.encoder)
    at_once = branch_features(net, images.read(np.arange(len(places))), normalisation(run))
    np.testing.assert_allclose(expected, at_once, rtol=1e-4, atol=1e-4)
    # one section has no image for a while: it is named, the others are done, and are not done again
    broken = Path(ask.chosen(run).image_location(int(places.patches.section[0])))
    broken.rename(tmp_path / "away")
    after = (PLACES_STAGE, "pretrain")
    with pytest.raises(InputError, match=f"1 of .* sections of again failed.*{places.patches.section[0]}"):
        features_stage(run, ask, "again", after, weights, lambda tick: None)
    (tmp_path / "away").rename(broken)
    said, sections = [], len(np.unique(places.patches.section))
    spread = Spread(executor=ExecutorChoice(kind="local", count=1))
    assert features_stage(run, ask, "again", after, weights, said.append, spread)
    assert [(tick.done, tick.total) for tick in said] == [(sections - 1, sections), (sections, sections)]
    np.testing.assert_allclose(read_features(run), expected, rtol=1e-4, atol=1e-4)


def test_the_change_of_the_atlas_is_that_of_its_probabilities(evaluated):
    places, brain = places_of(evaluated), Ask().chosen(evaluated)
    hemispheres, atlas, patches = brain.hemispheres(), brain.atlas(), places.patches
    rows = []
    for side, face, weights in zip(patches.side, patches.face, patches.weights, strict=True):
        corners = hemispheres[side].pial.faces[face]
        probability = weights @ atlas[side][corners]
        rows.append([*probability, 1 - probability.sum()])
    expected = border_scores(np.array(rows), places)
    np.testing.assert_allclose(plain_scores(evaluated, brain, places)[ATLAS_CHANGE], expected, rtol=1e-5, atol=1e-9)


def test_accepted_peaks_lie_in_the_top_decile_of_training_gaps(evaluated):
    places, gaps = places_of(evaluated), read_table(borders_path(evaluated, GAPS), GapTable)
    train, test = gaps.split == "train", gaps.split == "test"
    rows = accepted_peaks(gaps.score, places, train, test)
    limit = np.nanquantile(gaps.score[train], 0.9)
    assert (gaps.score[rows] >= limit).all()
    assert test[rows].all()
    assert (place_gaps(places).piece == places.piece).all()


def test_accepted_borders_are_exported_by_method(evaluated):
    accepted = read_table(borders_path(evaluated, ACCEPTED), AcceptedTable)
    for method in dict.fromkeys(accepted.method.tolist()):
        folder, own = borders_path(evaluated, "export", method), accepted.method == method
        lines = (folder / "borders.csv").read_text(encoding="utf-8").splitlines()
        assert len(lines) == 1 + own.sum()
        drawn = [json.loads(path.read_text(encoding="utf-8")) for path in (folder / "sections").glob("*.geojson")]
        assert sum(len(each["features"]) for each in drawn) == own.sum()
        assert (folder / "hemi-L_borders.func.gii").exists()


def test_an_export_that_is_there_is_not_written_over(evaluated, tmp_path):
    shutil.copytree(evaluated.root.parent, tmp_path / "demo")
    run = open_run(tmp_path / "demo" / "run")
    run.path("receipts", "borders-export.json").unlink()
    with pytest.raises(InputError, match="is there already; move it away"):
        find_borders(run, Ask(), None, lambda tick: None)


def test_places_of_another_brain_or_split_are_refused(evaluated):
    with pytest.raises(InputError, match="keeps the borders of one brain and one part of its split"):
        read_asked_places(evaluated, Ask(brain="A"))


def test_a_split_without_sections_is_refused(evaluated):
    with pytest.raises(InputError, match="need sections to look at"):
        sections_asked(evaluated, Ask(split="val"))


def test_a_brain_without_truth_is_refused_before_any_work(copied):
    run = open_run(copied / "run")
    shutil.rmtree(copied / "dataset/brains/P/truth")
    with pytest.raises(InputError, match="brain P has none; leave it out"):
        find_borders(run, Ask(), "none", lambda tick: None)
    assert not borders_path(run).exists()


def test_a_run_without_a_network_is_refused_before_any_work(copied):
    run = open_run(copied / "run")
    run.path("pretrain", "weights.safetensors").unlink()
    with pytest.raises(InputError, match="run `gennari pretrain`"):
        find_borders(run, Ask(), None, lambda tick: None)
    assert not borders_path(run).exists()


def test_without_the_truth_borders_are_found_all_the_same(copied):
    run = open_run(copied / "run")
    shutil.rmtree(copied / "dataset/brains/P/truth")
    found = find_borders(run, Ask(), None, lambda tick: None)
    accepted = read_table(borders_path(run, ACCEPTED), AcceptedTable)
    counts = {name: int((accepted.method == name).sum()) for name in dict.fromkeys(accepted.method.tolist())}
    assert {name: of["borders"] for name, of in found.figures["methods"].items()} == counts
    assert not borders_path(run, TRUTH).exists()


def test_trained_controls_learn_from_exchanged_images_and_from_a_brain_of_one_cytoarchitecture(evaluated, tmp_path):
    root = tmp_path / "demo"
    shutil.copytree(evaluated.root.parent, root)
    run = open_run(root / "run")
    find_borders(run, Ask(), "all", lambda tick: None)
    evaluation = read_evaluation(run)
    assert {border_controls.PERMUTED, border_controls.ONE} < set(evaluation.controls)
    assert (borders_path(run, "controls", border_controls.ONE, "dataset") / "phantom.json").exists()
    features = [read_features(run, name) for name in border_controls.NETWORKS["all"]]
    assert not np.allclose(features[0], features[1])
    assert not np.allclose(features[1], features[2])
