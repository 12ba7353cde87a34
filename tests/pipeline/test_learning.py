"""What the pretext stage says of a network that was never taught distances."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from gennari.pipeline.learning import pairs_of, pretrain_stage, read_distance_error
from gennari.pipeline.stages import open_run
from gennari.sources.tables import read_pairs, read_patches, read_rows
from gennari.train import distances
from gennari.train.distances import Calibration, calibrate


def test_a_network_without_l_dist_is_judged_raw_and_after_a_calibration_on_training_pairs(
    copied: Path, ticks: list, monkeypatch: pytest.MonkeyPatch
):
    run = open_run(copied / "run")
    shutil.rmtree(run.path("pretrain"))
    run.path("receipts", "pretrain.json").unlink()
    settings = run.experiment.pretrain.model_copy(update={"use_distance": False, "epochs": 1})
    run = dataclasses.replace(run, experiment=run.experiment.model_copy(update={"pretrain": settings}))
    lines: list[Calibration] = []

    def watched(predicted: np.ndarray, true: np.ndarray) -> Calibration:
        np.testing.assert_allclose(np.sort(true), np.sort(train.distance_mm))
        lines.append(calibrate(predicted, true))
        return lines[-1]

    train = pairs_of(read_patches(run.path("patches.parquet")), read_pairs(run.path("pairs.parquet")), "train")
    monkeypatch.setattr(distances, "calibrate", watched)
    pretrain_stage(run, ticks.append)
    (line,) = lines
    rows = read_rows(run.path("pretrain", "predicted.parquet"))
    predicted, true = (np.array([row[key] for row in rows], float) for key in ("predicted_mm", "true_mm"))
    (fitted,) = read_rows(run.path("pretrain", "err_dist_calibrated.parquet"))
    (raw,) = read_rows(run.path("pretrain", "err_dist.parquet"))
    assert raw["mean_mm"] == pytest.approx(np.abs(predicted - true).mean(), rel=1e-5)
    assert fitted["mean_mm"] == pytest.approx(np.abs(line.apply(predicted) - true).mean(), rel=1e-5)
    assert fitted["mean_mm"] != pytest.approx(raw["mean_mm"])
    assert read_distance_error(run).mean_mm == fitted["mean_mm"], "reports tell what can be compared with distances"
    np.testing.assert_allclose([row["calibrated_mm"] for row in rows], line.apply(predicted), rtol=1e-5)


def test_a_network_with_l_dist_is_not_calibrated(finished):
    assert not finished.path("pretrain", "err_dist_calibrated.parquet").exists()
