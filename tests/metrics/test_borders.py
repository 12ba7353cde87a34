import numpy as np

from gennari.metrics.borders import border_f1


def test_border_f1_forgives_the_tolerance_and_no_more():
    true = np.ones((20, 20), np.uint8)
    true[:, 10:] = 2
    pred = np.ones_like(true)
    pred[:, 13:] = 2
    assert border_f1(true, true, 0) == 1
    assert border_f1(true, pred, 3) == 1
    assert border_f1(true, pred, 2) == 0
    assert border_f1(true, np.ones_like(true), 2) == 0
    assert np.isnan(border_f1(true, true, 2, first_area=2))
