"""What a page says of the pretext task follows what the recipe teaches."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from gennari.pipeline import page_pretext
from gennari.pipeline.demo import outcome
from gennari.pipeline.learning import pretrain_stage, read_distance_error
from gennari.pipeline.page import report_stage
from gennari.pipeline.page_pretext import (
    CALIBRATED,
    chapter_words,
    curves_words,
    note_words,
    predicted_figure,
    pretext_panels,
    task_words,
)
from gennari.pipeline.stages import Run, open_run
from gennari.sources.tables import read_rows
from gennari.train.contrast import Contrast
from gennari.train.settings import PretrainSettings

PAPERS = PretrainSettings()
PLACES = PretrainSettings(use_distance=False)
ALONE = PretrainSettings(use_distance=False, use_coordinates=False, contrast=Contrast(kind="soft"))
ALL = PretrainSettings(contrast=Contrast(), curvature_weight=1.0, plane_weight=0.5)


@pytest.fixture
def contrasted(copied: Path, ticks: list) -> Run:
    """The finished run, pre-trained once more by a contrast alone."""
    run = open_run(copied / "run")
    shutil.rmtree(run.path("pretrain"))
    for stage in ("pretrain", "report"):
        run.path("receipts", f"{stage}.json").unlink()
    settings = run.experiment.pretrain.model_copy(
        update={"use_distance": False, "use_coordinates": False, "contrast": Contrast(kind="soft"), "epochs": 2}
    )
    run = dataclasses.replace(run, experiment=run.experiment.model_copy(update={"pretrain": settings}))
    pretrain_stage(run, ticks.append)
    return run


@pytest.mark.parametrize(
    ("settings", "task", "chapter", "note"),
    [
        (PAPERS, "predict distances along the cortex", "their distance along the cortex out", ""),
        (PLACES, "predict places on the inflated cortex", "its place on the inflated cortex out", CALIBRATED),
        (ALONE, "tell near patches from far ones along the cortex", "like each other", CALIBRATED),
        (
            ALL,
            "predict distances along the cortex and to tell near patches from far ones along the cortex",
            "their distance along the cortex out",
            "",
        ),
    ],
)
def test_words_by_what_is_taught(settings, task, chapter, note):
    assert task_words(settings) == task
    assert chapter in chapter_words(settings)
    assert note_words(settings) == note


def test_the_curves_are_those_of_the_terms_that_are_taught(finished):
    error = read_distance_error(finished)

    def labels(settings: PretrainSettings) -> list[str]:
        run = dataclasses.replace(finished, experiment=finished.experiment.model_copy(update={"pretrain": settings}))
        loss, pairs = pretext_panels(run, error)
        assert pairs.levels == {"median predictor": error.median_predictor_mm}
        return [loss.value_label, *(curve.label for curve in loss.curves)]

    both = ["distance, eq. (1)", "coordinates, eq. (2)"]
    assert labels(PAPERS) == ["loss (units of 1 mm)", *both]
    assert labels(PLACES) == ["loss (units of 1 mm)", both[1]]
    assert labels(ALONE) == ["loss", "contrast"]
    assert labels(ALL) == ["loss (units of 1 mm)", *both, "contrast", "mean curvature", "orientation of the plane"]
    assert "two terms" in curves_words(PAPERS)
    assert "a line fitted" not in curves_words(PLACES)
    assert "a line fitted" in curves_words(ALONE)


def test_the_page_of_a_contrast_tells_calibrated_distances(contrasted: Run, ticks: list, monkeypatch) -> None:
    drawn = []
    figure = page_pretext.distance_figure
    monkeypatch.setattr(page_pretext, "distance_figure", lambda *given: drawn.append(given) or figure(*given))
    error = read_distance_error(contrasted)
    predicted_figure(contrasted, error)
    report_stage(contrasted, ticks.append)
    rows = read_rows(contrasted.path("pretrain", "predicted.parquet"))
    for true, told, mean_mm, trivial_mm in drawn:
        np.testing.assert_array_equal(told, [row["calibrated_mm"] for row in rows])
        assert (mean_mm, trivial_mm) == (error.mean_mm, error.median_predictor_mm)
        assert np.abs(told - true).mean() == pytest.approx(mean_mm, rel=1e-5)
    assert len(drawn) == 2
    page = contrasted.path("report.html").read_text(encoding="utf-8")
    assert CALIBRATED in page
    assert f"pre-trained to {task_words(ALONE)} of" in page
    assert "eq. (1)" not in page
    assert CALIBRATED in outcome(contrasted).table


def test_the_page_of_the_papers_task_says_nothing_of_it(finished: Run) -> None:
    assert CALIBRATED not in finished.path("report.html").read_text(encoding="utf-8")
    assert CALIBRATED not in outcome(finished).table
