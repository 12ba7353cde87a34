"""Near pairs of a run, and a pre-training that takes them."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from gennari.pipeline import near, reproduction
from gennari.pipeline.learning import pretrain_stage
from gennari.pipeline.near import NEAR, near_pairs
from gennari.pipeline.pretext_sets import set_of_run
from gennari.pipeline.reproduction import Work, prepare_normalisation, train_pretext
from gennari.pipeline.row_plans import Pretext
from gennari.pipeline.stages import Run, open_run
from gennari.recipes.tables import TINY_TABLE
from gennari.records import PairTable
from gennari.sources.tables import read_patches, read_rows
from gennari.surface.geodesic import GeodesicSolver
from gennari.train.contrast import Contrast

RADIUS_MM = 6.0


def _near(run: Run, ticks: list) -> PairTable:
    return near_pairs(run, read_patches(run.path("patches.parquet")), RADIUS_MM, ticks.append)


def test_partners_are_training_patches_as_far_apart_as_one_front_after_the_other_says(copied: Path, ticks: list):
    run = open_run(copied / "run")
    patches, found = read_patches(run.path("patches.parquet")), _near(run, ticks)
    assert len(found) > 10
    assert (found.distance_mm <= RADIUS_MM).all()
    assert (patches.split[found.first] == "train").all()
    assert (patches.split[found.second] == "train").all()
    hemispheres = run.dataset.brain(str(patches.brain[0])).hemispheres()
    solvers = [GeodesicSolver(hemisphere.mid) for hemisphere in hemispheres]
    for one, two, distance_mm in zip(found.first[:40], found.second[:40], found.distance_mm, strict=False):
        assert patches.side[one] == patches.side[two]
        places = [(patches.face[row], patches.weights[row].astype(float)) for row in sorted((one, two))]
        (face, weights), (to_face, to_weights) = places
        solver = solvers[patches.side[one]]
        (want,) = solver.distances(int(face), weights, np.array([to_face]), to_weights[None])
        assert distance_mm == pytest.approx(want, abs=1e-6)


def test_they_are_drawn_once_and_kept_by_radius_and_patches(copied: Path, ticks: list, monkeypatch):
    run = open_run(copied / "run")
    patches, found = read_patches(run.path("patches.parquet")), _near(run, ticks)
    assert len(list(run.path(NEAR).iterdir())) == 1
    monkeypatch.setattr(near, "draw_near", None)
    assert np.array_equal(_near(run, ticks).second, found.second)
    for other, radius_mm in ((patches, 5.0), (patches.take(np.arange(len(patches) - 1)), RADIUS_MM)):
        with pytest.raises(TypeError):
            near_pairs(run, other, radius_mm, ticks.append)


def test_a_run_with_a_contrast_alone_learns_from_them_and_is_calibrated(copied: Path, ticks: list):
    run = open_run(copied / "run")
    shutil.rmtree(run.path("pretrain"))
    run.path("receipts", "pretrain.json").unlink()
    contrast = Contrast(radius_mm=RADIUS_MM)
    update = {"use_distance": False, "use_coordinates": False, "contrast": contrast, "epochs": 1}
    settings = run.experiment.pretrain.model_copy(update=update)
    run = dataclasses.replace(run, experiment=run.experiment.model_copy(update={"pretrain": settings}))
    pretrain_stage(run, ticks.append)
    (fitted,) = read_rows(run.path("pretrain", "err_dist_calibrated.parquet"))
    assert np.isfinite(fitted["mean_mm"])
    (row, *_) = read_rows(run.path("pretrain", "history.parquet"))
    assert row["contrast_share"] == pytest.approx(1)
    assert row["distance_share"] == 0


@pytest.mark.parametrize("few", [False, True])
def test_a_row_of_the_table_learns_from_near_pairs_among_its_own_patches(few, copied: Path, ticks: list, monkeypatch):
    root = copied / "work"
    (root / "sources").mkdir(parents=True)
    (root / "sources" / "pretext").symlink_to(copied / "run")
    experiment = open_run(copied / "run").experiment
    settings = experiment.pretrain.model_copy(update={"contrast": Contrast(radius_mm=RADIUS_MM), "epochs": 1})
    experiment = experiment.model_copy(update={"pretrain": settings})
    recipe = TINY_TABLE.model_copy(update={"experiment": experiment, "few": 60, "few_epochs": 1})
    work = Work(root=root, recipe=recipe, threads=1)
    prepare_normalisation(work, ticks.append)
    asked = {}
    inner = reproduction.pretrain
    monkeypatch.setattr(reproduction, "pretrain", lambda *given, **named: asked.update(named) or inner(*given, **named))
    monkeypatch.setattr(reproduction, "few", lambda pairs, *_: pairs.take(np.arange(len(pairs)) % 4 > 0))
    result = train_pretext(work, Pretext(name="L", few=few), 0, ticks.append)
    assert np.isfinite(result.distance.mean_mm)
    found, chosen = _near(work.run(), ticks), set_of_run(work.run()).train
    if few:
        chosen = chosen.take(np.arange(len(chosen)) % 4 > 0)
    known = set(chosen.first.tolist()) | set(chosen.second.tolist())
    pairs = [pair for pair in zip(found.first.tolist(), found.second.tolist(), strict=True) if set(pair) <= known]
    assert list(zip(asked["near"].first.tolist(), asked["near"].second.tolist(), strict=True)) == pairs
    assert (len(pairs) < len(found)) == few
