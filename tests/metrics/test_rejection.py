"""Pixels that are set aside, counted one by one."""

import numpy as np
import pytest

from gennari.metrics.overlap import dice_per_class
from gennari.metrics.rejection import (
    CONFIDENCES,
    PLANE_ANGLES_DEG,
    RATINGS,
    Thresholds,
    graded_confusions,
    kept,
    steps,
)


def _made(section_rating: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    n = 400
    true, predicted = rng.integers(0, 3, n), rng.integers(0, 3, n)
    confidence = rng.integers(0, 256, n) / 255  # as bytes hold it
    return true, predicted, confidence, rng.uniform(0, 90, n), np.full(n, section_rating)


def test_what_is_kept_is_what_one_counts_pixel_by_pixel(rng):
    sections = [_made(rating, rng) for rating in (0, 2, 3)]
    graded = sum(graded_confusions(*columns[:4], int(columns[4][0]), 3) for columns in sections)
    pixels = list(zip(*(np.concatenate(columns) for columns in zip(*sections, strict=True)), strict=True))
    for asked in (
        Thresholds(),
        Thresholds(confidence=0.6),
        Thresholds(plane_angle_deg=45.0),
        Thresholds(rating=3),
        Thresholds(confidence=0.8, plane_angle_deg=30.0, rating=1),
    ):
        expected = np.zeros((3, 3), int)
        for true, predicted, confidence, angle, rating in pixels:
            if confidence >= asked.confidence and angle >= asked.plane_angle_deg and rating >= asked.rating:
                expected[true, predicted] += 1
        found = kept(graded, asked)
        np.testing.assert_array_equal(found.confusion, expected)
        assert found.coverage == expected.sum() / len(pixels)


def test_dice_rises_where_only_doubtful_pixels_are_wrong():
    # by hand: of six pixels of two classes the two that are wrong are the least confident, and cut obliquely
    true, predicted = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 0])
    confidence = np.array([0.99, 0.85, 0.45, 0.97, 0.6, 0.35])
    angle = np.array([80.0, 50.0, 20.0, 90.0, 45.0, 10.0])
    graded = graded_confusions(true, predicted, confidence, angle, 2, 2)
    curve = [kept(graded, step) for step in steps("confidence")]
    assert [round(6 * point.coverage) for point in curve] == [6, 6, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    dice = [np.nanmean(dice_per_class(point.confusion)) for point in curve]
    assert dice[0] == pytest.approx(2 / 3)
    assert dice[2] == pytest.approx((4 / 5 + 4 / 5) / 2)
    assert dice[3:] == [1.0] * 8
    by_angle = [kept(graded, step).coverage for step in steps("plane_angle_deg")]
    assert by_angle == pytest.approx([1, 5 / 6, 4 / 6, 4 / 6, 2 / 6, 2 / 6])
    assert [kept(graded, step).coverage for step in steps("rating")] == [1, 1, 1, 0]


def test_a_pixel_on_a_threshold_is_kept():
    for k, confidence in enumerate(CONFIDENCES):
        graded = graded_confusions(
            np.array([0]), np.array([0]), np.array([confidence]), np.array([PLANE_ANGLES_DEG[k % 6]]), k % RATINGS, 1
        )
        asked = Thresholds(confidence=confidence, plane_angle_deg=PLANE_ANGLES_DEG[k % 6], rating=k % RATINGS)
        assert kept(graded, asked).coverage == 1


def test_no_pixels_have_no_coverage():
    nothing = graded_confusions(np.zeros(0, int), np.zeros(0, int), np.zeros(0), np.zeros(0), 0, 2)
    assert np.isnan(kept(nothing, Thresholds()).coverage)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"confidence": 0.85}, r"a threshold on the confidence is one of 0.0, 0.3, .*, got 0.85"),
        ({"plane_angle_deg": 50.0}, r"a threshold on the plane angle is one of 0.0, 15.0, .*, got 50.0"),
        ({"rating": 4}, r"a threshold on the rating is one of 0, 1, 2, 3, got 4"),
    ],
)
def test_thresholds_between_the_steps_are_refused(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        Thresholds(**wrong)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({0: np.array([2])}, r"each class must lie in 0\.\.1, got 0\.\.2"),
        ({2: np.array([1.5])}, r"each confidence must lie in 0\.\.1"),
        ({3: np.array([-1.0])}, r"each plane angle must lie in 0\.\.90"),
        ({4: 4}, r"each rating must lie in 0\.\.3, got 4"),
    ],
)
def test_what_lies_outside_its_range_is_refused(change, sentence):
    given = [np.array([0]), np.array([0]), np.array([0.5]), np.array([45.0]), 1]
    for place, value in change.items():
        given[place] = value
    with pytest.raises(ValueError, match=sentence):
        graded_confusions(*given, 2)
