"""Figures of a score at borders: what a perfect one and a useless one are given, by value."""

import numpy as np
import pytest

from gennari.metrics.border_places import gaps_of
from gennari.metrics.border_scores import border_truth
from gennari.pipeline.border_verdicts import Question, judge

NAMES = ("background", "white matter", "other cortex", "hOc1", "hOc2", "hOc3d")
PER_SECTION = 300  # 60 mm
BORDERS = (99, 199)


def question_with(sections: int = 6, draws: int = 200) -> Question:
    """Half of the sections train; each has hOc1 | hOc2 at 20 mm and hOc2 | hOc3d at 40 mm."""
    section = np.repeat(np.arange(sections), PER_SECTION)
    label = np.tile(np.repeat([3, 4, 5], 100), sections)
    arc = np.tile(0.2 * np.arange(PER_SECTION), sections)
    gaps = gaps_of(section, arc, np.full(len(arc), 59.8), np.zeros(len(arc), bool))
    drawn = np.zeros((draws + 1, sections), int)
    drawn[0, sections // 2 :] = 1
    tested = sections - sections // 2
    drawn[1:, sections // 2 :] = np.random.default_rng(0).multinomial(tested, np.full(tested, 1 / tested), draws)
    truth = border_truth(label, gaps, section, 3)
    return Question(truth=truth, train=section < sections // 2, test=section >= sections // 2, drawn=drawn, names=NAMES)


def rows(section: int, *gaps: int) -> list[int]:
    return [section * PER_SECTION + gap for gap in gaps]


@pytest.fixture
def question():
    return question_with()


def test_a_score_that_is_high_at_borders_alone_finds_all_of_them(question):
    score = np.exp(-(np.minimum(question.truth.border_mm, 9) ** 2)) + 1e-6 * np.random.default_rng(0).random(1800)
    verdict, drawn = judge(question, score, score)
    assert verdict.hoc1_hoc2_recall_1mm == verdict.hoc1_hoc2_sections_1mm == verdict.recall_1mm == 1
    assert verdict.hoc1_hoc2_median_error_mm == pytest.approx(0)
    assert verdict.auroc == verdict.auroc_partial == 1
    assert verdict.false_per_20mm <= 1
    assert verdict.intervals["auroc"] == (1, 1)
    assert (drawn == 1).all()
    assert [(pair.areas, pair.borders) for pair in verdict.pairs] == [(("hOc1", "hOc2"), 3), (("hOc2", "hOc3d"), 3)]


def test_precision_recall_and_f1_are_counted_by_hand(question):
    score = np.zeros(1800)
    # training sections: no false peak; so every peak counts
    score[rows(3, *BORDERS)] = 1  # both borders, and one peak deep inside
    score[rows(3, 50)] = 1
    score[rows(4, 99 + 4)] = 1  # hOc1|hOc2, 0.8 mm off
    verdict, _ = judge(question, score, score)
    assert verdict.threshold is None
    assert verdict.recall_1mm == pytest.approx(3 / 6)
    assert verdict.precision_1mm == pytest.approx(3 / 4)
    assert verdict.f1_1mm == pytest.approx(2 * 3 / (6 + 4))
    assert verdict.f1_05mm == pytest.approx(2 * 2 / (6 + 4))
    assert verdict.hoc1_hoc2_recall_1mm == pytest.approx(2 / 3)
    assert verdict.hoc1_hoc2_sections_1mm == verdict.hoc1_hoc2_sections_any_1mm == pytest.approx(2 / 3)
    assert verdict.hoc1_hoc2_median_error_mm == pytest.approx(0.4)
    assert verdict.median_error_mm == pytest.approx(0)
    interior_mm = 0.2 * (question.truth.interior & question.test & np.isfinite(score)).sum()
    assert verdict.false_per_20mm == pytest.approx(20 / interior_mm)
    sharp = verdict.pairs[0]
    assert sharp.recall == pytest.approx((1 / 3, 2 / 3, 2 / 3))
    assert sharp.precision == pytest.approx((1 / 3, 2 / 3, 2 / 3))


def test_the_threshold_is_fixed_on_training_sections(question):
    score = np.zeros(1800)
    score[rows(0, *range(10, 60, 10))] = 2.0  # false ones: five of them, where some 8 may stand
    score[rows(1, *range(10, 60, 10))] = 3.0
    score[rows(3, 99)] = 1.0
    score[rows(4, 99)] = 2.5
    verdict, _ = judge(question, score, score)
    assert verdict.threshold == 2.0
    assert verdict.hoc1_hoc2_recall_1mm == pytest.approx(1 / 3)


def test_a_score_that_knows_nothing_has_an_auroc_of_a_half(question):
    score = np.random.default_rng(1).random(1800)
    verdict, ours = judge(question, score, score)
    low, high = verdict.intervals["auroc"]
    assert low < 0.5 < high
    again, _ = judge(question, score, score, ours=ours)
    assert again.gain == 0
    assert again.intervals["gain"] == (0, 0)


def test_a_pair_that_the_truth_lacks_has_no_figures(question):
    verdict, _ = judge(question, np.zeros(1800), np.zeros(1800), sharp=("hOc1", "hOc3d"))
    assert verdict.hoc1_hoc2_recall_1mm is None
    assert verdict.hoc1_hoc2_median_error_mm is None
    assert verdict.intervals["hoc1_hoc2_recall_1mm"] == (None, None)
