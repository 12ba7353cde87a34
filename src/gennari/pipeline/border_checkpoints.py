"""Does a better distance predictor show more borders or fewer? AUROC beside err_dist for weights kept on the way."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gennari.apply.borders import border_scores
from gennari.apply.confounds import confounds_of
from gennari.execute import Report, Tick
from gennari.metrics.border_scores import auroc_parts, drawn_auroc
from gennari.metrics.resampling import interval_95
from gennari.nets.weights import load_siamese
from gennari.pipeline.border_controls import KEPT_FEATURES_STAGE, kept_name
from gennari.pipeline.border_detection import DETECT_STAGE, weights_of, without_confounds
from gennari.pipeline.border_evaluation import labels_at, question_of
from gennari.pipeline.border_features import read_features
from gennari.pipeline.border_places import Ask, borders_path, read_asked_places
from gennari.pipeline.border_tables import CHECKPOINTS, GAPS, OURS, GapTable, read_table
from gennari.pipeline.learning import normalisation
from gennari.pipeline.pretext_sets import set_of_run
from gennari.pipeline.stages import Run, run_stage
from gennari.sources.tables import read_rows, write_rows
from gennari.train.devices import fastest_device
from gennari.train.distances import predict_distances, read_by
from gennari.train.pretrain import kept_weights


class CheckpointScore(NamedTuple):
    """A row of checkpoints.parquet: weights after so many steps; `low` and `high` bound the middle 95 %."""

    step: int
    err_dist_mm: float
    auroc: float
    auroc_low: float
    auroc_high: float
    auroc_partial: float
    auroc_partial_low: float
    auroc_partial_high: float


def checkpoints_stage(run: Run, ask: Ask, tick: Report) -> bool:
    """Measure all weights that the pre-training kept, and the last ones; nothing where it kept none.

    Their features must stand in the run (`border_controls.control_features_stage`).
    """
    kept = kept_weights(run.path("pretrain"))
    if not kept:
        return False
    after = ("pretrain", DETECT_STAGE, KEPT_FEATURES_STAGE)
    return run_stage(run, "borders-checkpoints", after, partial(_measure, run, ask, kept, tick), tick)


def last_step(run: Run) -> int:
    """How many steps the pre-training took."""
    steps = [row["step"] for row in read_rows(run.path("pretrain", "history.parquet"))]
    return int(steps[-1] or 0)


def _measure(run: Run, ask: Ask, kept: dict[int, Path], tick: Report) -> list[Path]:
    places, gaps = read_asked_places(run, ask), read_table(borders_path(run, GAPS), GapTable)
    label = labels_at(ask.chosen(run), places, run.dataset.label_set)
    question = question_of(run, places, label, gaps.split, ask.split)
    chosen = set_of_run(run)
    assert chosen.held_out is not None, "a run's own brain has held-out sections"
    rows = []
    networks = [(step, path, kept_name(step)) for step, path in kept.items()]
    last = last_step(run)
    if last not in kept:
        networks.append((last, weights_of(run), OURS))
    for done, (step, path, name) in enumerate(networks, start=1):
        net = load_siamese(path, run.experiment.texture.encoder).to(fastest_device())
        by = read_by(run.experiment.pretrain)
        predicted = predict_distances(net, chosen.images, normalisation(run), chosen.held_out, by)
        score = border_scores(read_features(run, name), places)
        found = {}
        for what, values in (
            ("auroc", score),
            ("auroc_partial", without_confounds(score, confounds_of(places), gaps.split == "train")),
        ):
            drawn = drawn_auroc(auroc_parts(values, question.truth, question.test, question.sections), question.drawn)
            low, high = interval_95(drawn[1:])
            found |= {what: float(drawn[0]), f"{what}_low": low, f"{what}_high": high}
        error = float(np.abs(predicted - chosen.held_out.distance_mm).mean())
        rows.append(CheckpointScore(step=step, err_dist_mm=error, **found))
        tick(Tick("checkpoints", done, len(networks), name))
    path = borders_path(run, CHECKPOINTS)
    write_rows(path, rows)
    return [path]
