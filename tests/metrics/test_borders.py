import numpy as np

from gennari.metrics.borders import border_distances_px, border_f1


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


def sides_by_loop(labels: np.ndarray, pair: tuple[int, int]) -> list[tuple[float, float]]:
    found = []
    for r in range(labels.shape[0]):
        for c in range(labels.shape[1]):
            for dr, dc in ((1, 0), (0, 1)):
                if r + dr < labels.shape[0] and c + dc < labels.shape[1]:
                    both = sorted((int(labels[r, c]), int(labels[r + dr, c + dc])))
                    if both == list(pair):
                        found.append((r + dr / 2, c + dc / 2))
    return found


def test_border_distances_equal_the_double_loop(maps):
    true, pred = maps
    got = border_distances_px(true, pred, first_area=1)
    assert set(got) == {(1, 2), (1, 3), (2, 3)}  # class 0 is tissue, 4 is absent, 255 has no border
    for pair, distance in got.items():
        given = sides_by_loop(pred, pair)
        expected = [min(np.hypot(r - y, c - x) for y, x in given) for r, c in sides_by_loop(true, pair)]
        np.testing.assert_allclose(np.sort(distance), np.sort(expected))


def test_a_border_moved_by_three_pixels_is_three_pixels_off():
    true = np.ones((20, 20), np.uint8)
    true[:, 10:] = 2
    pred = np.ones_like(true)
    pred[:, 13:] = 2
    assert border_distances_px(true, pred, 0)[1, 2].tolist() == [3.0] * 20


def test_a_border_predicted_between_other_areas_only_is_nowhere():
    true = np.ones((4, 6), np.uint8)
    true[:, 3:] = 2
    pred = np.where(true == 2, 3, true).astype(np.uint8)
    assert border_distances_px(true, pred, 0)[1, 2].tolist() == [np.inf] * 4
    assert border_distances_px(true, pred, first_area=2) == {}
