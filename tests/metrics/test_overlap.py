import numpy as np
import pytest

from gennari.metrics.overlap import confusion, dice_per_class, macro_dice, row_normalised


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
