"""`gennari evaluate`: measure the maps against the truth, or against annotations where there is none."""

import sys
from pathlib import Path

from gennari.cli.progress import progress
from gennari.errors import InputError
from gennari.metrics.rejection import Thresholds
from gennari.pipeline.confidence import confidence_stage
from gennari.pipeline.confidence_words import RULE, confidence_lines
from gennari.pipeline.demo import outcome
from gennari.pipeline.evaluation import evaluate_stage
from gennari.pipeline.stages import locked, open_run
from gennari.records import QUALITIES, Quality


def evaluate(
    run: Path,
    *,
    min_confidence: float = RULE.confidence,
    min_plane_angle_deg: float = RULE.plane_angle_deg,
    min_quality: Quality = "fair",
) -> None:
    """Measure maps and distances of a run and print the table.

    Maps of held-out sections are compared with the truth where the data set knows it, else with what experts annotated
    on them; the table says which.

    Where probabilities were kept (`gennari segment --probabilities`) it is also asked of the cortical ribbon whether
    they mean what they say, and what Dice becomes when doubtful pixels are set aside. The three thresholds choose what
    is told here; the report has all steps.

    Args:
        run: folder of the run.
        min_confidence: least probability of the likeliest class of pixels that are kept.
        min_plane_angle_deg: least angle between the normals of surface and section; below, cortex is cut obliquely.
        min_quality: least rating of sections that are kept.
    """
    rating = len(QUALITIES) - 1 - QUALITIES.index(min_quality)
    try:
        rule = Thresholds(confidence=min_confidence, plane_angle_deg=min_plane_angle_deg, rating=rating)
    except ValueError as error:
        raise InputError(f"{error}; confusions are counted between these steps alone, so choose one") from error
    with locked(run), progress() as tick:
        opened = open_run(run)
        evaluate_stage(opened, tick)
        confidence_stage(opened, tick)
    sys.stdout.write(f"{outcome(opened).table}\n{confidence_lines(opened, rule)}\n")
