import numpy as np
import pytest

from gennari.metrics.overlap import confused_by_distance, confusion, dice_per_class, macro_dice, row_normalised


def test_confusion_counts_every_evaluated_pixel_once(maps, classes):
    true, pred = maps
    expected = np.zeros((classes, classes), int)
    for t, p in zip(true.ravel(), pred.ravel(), strict=True):
        if t != 255:
            expected[t, p] += 1
    assert np.array_equal(confusion(true, pred, classes), expected)


def test_confusion_refuses_classes_of_another_label_set(maps, classes):
    with pytest.raises(ValueError, match=r"predicted classes must lie in 0\.\.3"):
        confusion(*maps, classes=classes - 1)


def test_dice_is_twice_the_overlap_over_the_sizes(maps, classes):
    true, pred = maps
    dice = dice_per_class(confusion(true, pred, classes + 1))
    known = true != 255
    for k in range(classes):
        t, p = (true == k) & known, (pred == k) & known
        assert dice[k] == pytest.approx(2 * (t & p).sum() / (t.sum() + p.sum()))
    assert dice[classes - 1] == 0  # predicted, never true
    assert np.isnan(dice[classes])  # nowhere
    assert macro_dice(dice, [0, 1, classes]) == pytest.approx(dice[:2].mean())
    assert np.isnan(macro_dice(dice, [classes]))


def test_rows_of_the_normalised_confusion_sum_to_one():
    rows = row_normalised(np.array([[3, 1], [0, 0]]))
    assert rows[0].tolist() == [0.75, 0.25]
    assert np.isnan(rows[1]).all()


def test_confused_pixels_fall_into_the_bin_of_their_areas_distance():
    counts = np.array([[9, 9, 9, 9], [3, 50, 10, 5], [0, 4, 20, 0], [2, 0, 1, 5]])  # class 0 is tissue
    distance_mm = np.array([[0, 0, 10.0], [0, 0, 30.0], [10.0, 30.0, 0]])
    shares = confused_by_distance(counts, distance_mm, 1, (0.0, 10.0, 20.0))
    # touching: 1 <-> 2, 10 + 4; up to 10: 1 <-> 3, 5 + 0; up to 20: none; farther: 3 -> 2, 1; of 100 pixels of areas
    np.testing.assert_allclose(shares, [0.14, 0.05, 0.0, 0.01])


def test_without_pixels_of_areas_there_is_no_share():
    assert np.isnan(confused_by_distance(np.diag([5, 0, 0]), np.zeros((2, 2)), 1, (0.0,))).all()


@pytest.mark.parametrize("distance_mm", [np.zeros((3, 3)), np.array([[0, np.nan], [np.nan, 0]])])
def test_every_pair_of_areas_needs_a_distance(distance_mm):
    with pytest.raises(ValueError, match="one distance for each pair of 2 areas and no NaN"):
        confused_by_distance(np.ones((3, 3), int), distance_mm, 1, (0.0,))
