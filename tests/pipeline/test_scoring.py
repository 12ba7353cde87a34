"""One section measured: each figure against its kernel, and what annotated pixels change."""

import numpy as np
import pytest

from gennari.metrics.borders import border_distances_px
from gennari.metrics.segmentation import segmentation_error
from gennari.pipeline.scoring import BORDER_STEP_MM, area_dice, counts_of, score_section
from gennari.records import IGNORE, LabelSet

LABELS = LabelSet(names=("glass", "other", "one", "two", "three"), colours=("#000000",) * 5, first_area=2)


@pytest.fixture
def maps(rng):
    truth = rng.integers(0, 4, (5, 6)).repeat(4, 0).repeat(4, 1).astype(np.uint8)
    return truth, np.where(rng.random(truth.shape) < 0.2, rng.integers(0, 5, truth.shape), truth).astype(np.uint8)


def test_a_section_holds_what_the_kernels_say(maps):
    truth, predicted = maps
    result = score_section(truth, predicted, LABELS, 100.0, brain="A", section=7, seconds=2.5)
    counts = np.zeros((5, 5), int)
    np.add.at(counts, (truth.ravel(), predicted.ravel()), 1)
    assert (result.brain, result.section, result.seconds) == ("A", 7, 2.5)
    np.testing.assert_array_equal(counts_of([result])[0], counts)
    assert result.error == segmentation_error(truth, predicted, 100.0)
    assert result.annotated_confusion is None
    assert result.annotated_error is None


def test_annotated_pixels_are_measured_once_more(maps):
    truth, predicted = maps
    annotated = np.zeros(truth.shape, bool)
    annotated[:, :9] = True
    result = score_section(truth, predicted, LABELS, 100.0, brain="A", section=7, annotated=annotated)
    counts = np.zeros((5, 5), int)
    np.add.at(counts, (truth[:, :9].ravel(), predicted[:, :9].ravel()), 1)
    np.testing.assert_array_equal(np.array(result.annotated_confusion), counts)
    assert result.annotated_error == segmentation_error(truth, predicted, 100.0, evaluated=annotated)
    assert result.confusion == score_section(truth, predicted, LABELS, 100.0, brain="A", section=7).confusion


def test_a_section_nobody_annotated_has_no_annotated_figures(maps):
    truth, predicted = maps
    nothing = np.zeros(truth.shape, bool)
    assert score_section(truth, predicted, LABELS, 1.0, brain="A", section=7, annotated=nothing).annotated_error is None
    blank = truth.copy()
    blank[0] = IGNORE
    nothing[0] = True
    assert score_section(blank, predicted, LABELS, 1.0, brain="A", section=7, annotated=nothing).annotated_error is None


def test_borders_are_kept_in_steps_of_mm_and_missing_ones_counted(maps):
    truth, predicted = maps
    predicted = np.where(predicted == 3, 1, predicted).astype(np.uint8)  # area two is never predicted
    result = score_section(truth, predicted, LABELS, 100.0, brain="A", section=7)
    expected = border_distances_px(truth, predicted, 2)
    assert {(b.first, b.second) for b in result.borders} == set(expected) == {(2, 3)}
    (border,) = result.borders
    assert (border.found, border.missing) == ((), len(expected[2, 3]))


def test_a_border_two_pixels_off_is_so_in_mm():
    truth = np.full((6, 10), 2, np.uint8)
    truth[:, 5:] = 3
    predicted = np.full_like(truth, 2)
    predicted[:, 7:] = 3
    (border,) = score_section(truth, predicted, LABELS, 64.0, brain="A", section=7).borders
    ((distance_mm, sides),) = border.found
    assert sides == 6
    assert distance_mm == pytest.approx(2 * 0.064, abs=BORDER_STEP_MM / 2)


def test_dice_over_areas_leaves_tissue_out():
    counts = np.diag([10, 10, 4, 0, 0])
    counts[2, 0] = 4
    assert area_dice(counts, LABELS) == pytest.approx(8 / 12)
