import time

import numpy as np
import pytest

from gennari.metrics.segmentation import segmentation_error


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


def test_err_seg_equals_the_double_loop(maps):
    true, pred = maps
    got = segmentation_error(true, pred, 64.0)
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
    got = segmentation_error(true, pred, 64.0, evaluated=part)
    assert got.err_seg == pytest.approx(brute_err_seg(true, pred, 64.0, part & (true != 255))[0])


def test_err_seg_does_not_depend_on_the_spacing():
    true = np.zeros((40, 40), np.uint8)
    true[:, 20:] = 1
    pred = np.zeros_like(true)
    pred[:, 36:] = 1
    coarse = segmentation_error(true, pred, 64.0)
    fine = segmentation_error(true.repeat(4, 0).repeat(4, 1), pred.repeat(4, 0).repeat(4, 1), 16.0)
    # distances run between pixel centres, so half a pixel of the coarse grid remains
    assert fine.err_seg == pytest.approx(coarse.err_seg, rel=0.15)
    assert fine.mean_um == pytest.approx(coarse.mean_um, rel=0.15)


def test_a_class_absent_from_the_truth_costs_the_diagonal_and_no_more():
    true = np.zeros((30, 40), np.uint8)
    pred = true.copy()
    pred[3, 3] = 2
    got = segmentation_error(true, pred, 10.0)
    assert got.mean_um == pytest.approx(50 * 10 / 1200)
    assert (got.absent_share, got.err_seg_present, got.mean_present_um) == (1.0, 0.0, 0.0)


def test_a_perfect_map_has_no_error():
    true = np.array([[0, 1], [1, 0]], np.uint8)
    got = segmentation_error(true, true, 10.0)
    assert (got.err_seg, got.absent_share, got.mean_um, got.rms_um) == (0, 0, 0, 0)


def test_err_seg_refuses_a_section_without_labels():
    blank = np.full((3, 3), 255, np.uint8)
    with pytest.raises(ValueError, match="at least one evaluated pixel"):
        segmentation_error(blank, blank, 10.0)


def test_err_seg_of_a_full_section_is_fast_enough(rng):
    true = rng.integers(0, 16, (11, 8)).repeat(100, 0).repeat(100, 1).astype(np.uint8)
    pred = np.where(rng.random(true.shape) < 0.3, rng.integers(0, 16, true.shape), true).astype(np.uint8)
    begin = time.process_time()
    segmentation_error(true, pred, 64.0)
    assert time.process_time() - begin < 5  # the aim is 1 s; the bench prints it
