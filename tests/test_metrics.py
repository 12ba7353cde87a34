import time

import numpy as np
import pytest

from gennari import metrics

C = 5


def brute_err_seg(true, pred, spacing_um, counted):
    h, w = true.shape
    total = squares = absent = 0.0
    for i in range(h):
        for j in range(w):
            if counted[i, j] and true[i, j] != pred[i, j]:
                best, found = np.hypot(h, w), False
                for r in range(h):
                    for c in range(w):
                        if true[r, c] == pred[i, j]:
                            d = np.hypot(r - i, c - j)
                            best, found = (min(best, d), True) if found else (d, True)
                total += best
                squares += best**2
                absent += 0.0 if found else best**2
    n = counted.sum()
    return 100 * np.sqrt(squares) / n, 100 * np.sqrt(squares - absent) / n, absent / squares, total * spacing_um / n


@pytest.fixture
def maps(rng):
    true = rng.integers(0, C - 1, (4, 5)).repeat(3, 0).repeat(3, 1).astype(np.uint8)  # class 4 is absent
    pred = np.where(rng.random(true.shape) < 0.3, rng.integers(0, C, true.shape), true).astype(np.uint8)
    true[:2, :4] = 255
    return true, pred


def test_confusion_counts_every_evaluated_pixel_once(maps):
    true, pred = maps
    expected = np.zeros((C, C), int)
    for t, p in zip(true.ravel(), pred.ravel(), strict=True):
        if t != 255:
            expected[t, p] += 1
    assert np.array_equal(metrics.confusion(true, pred, C), expected)


def test_confusion_refuses_classes_of_another_label_set(maps):
    with pytest.raises(ValueError, match=r"predicted classes must lie in 0\.\.3"):
        metrics.confusion(*maps, classes=C - 1)


def test_dice_is_twice_the_overlap_over_the_sizes(maps):
    true, pred = maps
    dice = metrics.dice_per_class(metrics.confusion(true, pred, C + 1))
    known = true != 255
    for k in range(C):
        t, p = (true == k) & known, (pred == k) & known
        assert dice[k] == pytest.approx(2 * (t & p).sum() / (t.sum() + p.sum()))
    assert dice[C - 1] == 0  # predicted, never true
    assert np.isnan(dice[C])  # nowhere
    assert metrics.macro_dice(dice, [0, 1, C]) == pytest.approx(dice[:2].mean())
    assert np.isnan(metrics.macro_dice(dice, [C]))


def test_rows_of_the_normalised_confusion_sum_to_one():
    rows = metrics.row_normalised(np.array([[3, 1], [0, 0]]))
    assert rows[0].tolist() == [0.75, 0.25]
    assert np.isnan(rows[1]).all()


def test_err_seg_equals_the_double_loop(maps):
    true, pred = maps
    got = metrics.segmentation_error(true, pred, 64.0)
    known = true != 255
    expected = brute_err_seg(true, pred, 64.0, known)
    assert (got.err_seg, got.err_seg_present, got.absent_share, got.mean_um) == pytest.approx(expected)
    assert 0 < got.absent_share < 1
    assert got.mean_present_um < got.mean_um
    assert got.wrong_share == pytest.approx((true != pred)[known].mean())
    assert got.area_mm2 == pytest.approx(known.sum() * 0.064**2)
    assert got.rms_um == pytest.approx(got.err_seg / 100 * np.sqrt(known.sum()) * 64)


def test_err_seg_of_a_part_still_looks_for_classes_in_the_whole(maps):
    true, pred = maps
    part = np.zeros(true.shape, bool)
    part[:, 8:] = True
    got = metrics.segmentation_error(true, pred, 64.0, evaluated=part)
    assert got.err_seg == pytest.approx(brute_err_seg(true, pred, 64.0, part & (true != 255))[0])


def test_err_seg_does_not_depend_on_the_spacing():
    true = np.zeros((40, 40), np.uint8)
    true[:, 20:] = 1
    pred = np.zeros_like(true)
    pred[:, 36:] = 1
    coarse = metrics.segmentation_error(true, pred, 64.0)
    fine = metrics.segmentation_error(true.repeat(4, 0).repeat(4, 1), pred.repeat(4, 0).repeat(4, 1), 16.0)
    # distances run between pixel centres, so half a pixel of the coarse grid remains
    assert fine.err_seg == pytest.approx(coarse.err_seg, rel=0.15)
    assert fine.mean_um == pytest.approx(coarse.mean_um, rel=0.15)


def test_a_class_absent_from_the_truth_costs_the_diagonal_and_no_more():
    true = np.zeros((30, 40), np.uint8)
    pred = true.copy()
    pred[3, 3] = 2
    got = metrics.segmentation_error(true, pred, 10.0)
    assert got.mean_um == pytest.approx(50 * 10 / 1200)
    assert (got.absent_share, got.err_seg_present, got.mean_present_um) == (1.0, 0.0, 0.0)


def test_a_perfect_map_has_no_error():
    true = np.array([[0, 1], [1, 0]], np.uint8)
    got = metrics.segmentation_error(true, true, 10.0)
    assert (got.err_seg, got.absent_share, got.mean_um, got.rms_um) == (0, 0, 0, 0)


def test_err_seg_refuses_a_section_without_labels():
    blank = np.full((3, 3), 255, np.uint8)
    with pytest.raises(ValueError, match="at least one evaluated pixel"):
        metrics.segmentation_error(blank, blank, 10.0)


def test_err_seg_of_a_full_section_is_fast_enough(rng):
    true = rng.integers(0, 16, (11, 8)).repeat(100, 0).repeat(100, 1).astype(np.uint8)
    pred = np.where(rng.random(true.shape) < 0.3, rng.integers(0, 16, true.shape), true).astype(np.uint8)
    begin = time.process_time()
    metrics.segmentation_error(true, pred, 64.0)
    assert time.process_time() - begin < 5  # the aim is 1 s; the bench prints it


def test_distance_error_is_the_mean_absolute_difference(rng):
    true = rng.uniform(0, 100, 50)
    pred = true + rng.normal(0, 5, 50)
    got = metrics.distance_error(pred, true, constant_mm=40.0)
    error = np.abs(pred - true)
    assert got.mean_mm == pytest.approx(error.mean())
    assert got.median_predictor_mm == pytest.approx(np.abs(40 - true).mean())
    assert got.near_mm == pytest.approx(error[true < 20].mean())
    assert got.far_mm == pytest.approx(error[true >= 20].mean())
    ranks = [np.argsort(np.argsort(x)) for x in (pred, true)]
    assert got.spearman == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert metrics.distance_error(pred, true).constant_mm == np.median(true)


def test_a_constant_prediction_has_no_rank_correlation():
    got = metrics.distance_error(np.full(3, 9.0), np.array([30.0, 40.0, 50.0]))
    assert np.isnan(got.spearman)
    assert np.isnan(got.near_mm)


def test_distance_error_refuses_no_pairs():
    with pytest.raises(ValueError, match="at least one pair"):
        metrics.distance_error(np.zeros(0), np.zeros(0))


def test_the_section_predictor_says_the_median_of_its_bin():
    gap = np.repeat([0.0, 10.0], 10)
    mm = np.concatenate([np.full(10, 5.0), np.full(10, 50.0)])
    assert metrics.section_predictor_mm(gap, mm, np.array([1.0, 12.0]), bins=2).tolist() == [5.0, 50.0]


def test_border_f1_forgives_the_tolerance_and_no_more():
    true = np.ones((20, 20), np.uint8)
    true[:, 10:] = 2
    pred = np.ones_like(true)
    pred[:, 13:] = 2
    assert metrics.border_f1(true, true, 0) == 1
    assert metrics.border_f1(true, pred, 3) == 1
    assert metrics.border_f1(true, pred, 2) == 0
    assert metrics.border_f1(true, np.ones_like(true), 2) == 0
    assert np.isnan(metrics.border_f1(true, true, 2, first_area=2))


def test_auroc_equals_counting_all_couples(rng):
    score, positive = rng.integers(0, 5, 30).astype(float), rng.random(30) < 0.4
    a, b = score[positive][:, None], score[~positive][None]
    assert metrics.auroc(score, positive) == pytest.approx(((a > b) + 0.5 * (a == b)).mean())
    assert np.isnan(metrics.auroc(score, np.zeros(30, bool)))
