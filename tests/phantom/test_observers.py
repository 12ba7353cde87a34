"""Two simulated observers: as far off as they are told, never on tissue edges, and each in its own way."""

import numpy as np
import pytest

from gennari.metrics.overlap import dice_per_class, macro_dice
from gennari.phantom.layers import LABEL_SET
from gennari.phantom.observers import agreement, observed, two_drawings
from gennari.phantom.settings import Annotators

AREAS = range(LABEL_SET.first_area, len(LABEL_SET.names))
UM = 64.0


def _sheet(rows: int = 240, cols: int = 1200) -> np.ndarray:
    """A block of cortex between glass (above) and white matter (below): other cortex and stripes of four areas."""
    labels = np.zeros((rows, cols), np.uint8)
    labels[20:-20] = 2
    labels[-20:] = 1
    for k, start in enumerate(range(100, cols - 100, 200)):
        labels[20:-20, start : start + 150] = 3 + k % 4
    return labels


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    counts = np.zeros((16, 16), int)
    np.add.at(counts, (one.ravel(), other.ravel()), 1)
    return macro_dice(dice_per_class(counts), AREAS)


@pytest.mark.parametrize("jitter_mm", [0.2, 0.5])
def test_a_straight_border_is_off_by_the_observers_jitter(jitter_mm, rng):
    labels = np.full((6000, 200), 2, np.uint8)  # 384 mm of border: some 150 correlation lengths
    labels[:, 100:] = 3
    border = (observed(labels, UM, LABEL_SET, jitter_mm, rng) == 2).sum(axis=1)
    assert np.sqrt(np.mean((border - 100.0) ** 2)) * UM * 1e-3 == pytest.approx(jitter_mm, rel=0.1)


def test_errors_are_smooth_and_forget_themselves_after_some_millimetres(rng):
    labels = np.full((6000, 200), 2, np.uint8)
    labels[:, 100:] = 3
    off = (observed(labels, UM, LABEL_SET, 0.5, rng) == 2).sum(axis=1) - 100.0
    for lag_mm, expected in ((0.5, np.exp(-0.02)), (2.5, np.exp(-0.5)), (8.0, 0.0)):
        lag = round(lag_mm * 1e3 / UM)
        assert np.corrcoef(off[lag:], off[:-lag])[0, 1] == pytest.approx(expected, abs=0.15)


def test_edges_of_tissue_stay_where_they_are(rng):
    labels = _sheet()
    drawn = observed(labels, UM, LABEL_SET, 0.5, rng)
    for tissue in (0, 1):
        np.testing.assert_array_equal(drawn == tissue, labels == tissue)
    assert (drawn != labels).any()


def test_without_jitter_the_truth_comes_back(rng):
    labels = _sheet()
    np.testing.assert_array_equal(observed(labels, UM, LABEL_SET, 0.0, rng), labels)


def test_a_section_without_cortex_comes_back(rng):
    labels = np.eye(20, dtype=np.uint8)
    np.testing.assert_array_equal(observed(labels, UM, LABEL_SET, 0.5, rng), labels)


def test_a_place_off_cortex_takes_the_nearest_cortex(rng):
    # ribbons one pixel wide: nearly every displaced place lies off cortex, and beyond the image
    labels = np.zeros((60, 40), np.uint8)
    labels[0, :], labels[-1, :] = 3, 4
    np.testing.assert_array_equal(observed(labels, UM, LABEL_SET, 0.5, rng), labels)


def test_dice_falls_as_jitter_grows():
    labels = _sheet()
    dice = [_dice(labels, observed(labels, UM, LABEL_SET, j, np.random.default_rng(3))) for j in (0.0, 0.1, 0.3, 0.6)]
    assert dice[0] == 1
    assert dice[0] > dice[1] > dice[2] > dice[3] > 0.7


def test_two_observers_differ_and_the_same_seed_draws_the_same():
    labels = _sheet()
    one, again, section, brain = (
        two_drawings(labels, UM, LABEL_SET, Annotators(), *seed) for seed in ((5, 7), (5, 7), (5, 8), (6, 7))
    )
    np.testing.assert_array_equal(one.first, again.first)
    np.testing.assert_array_equal(one.second, again.second)
    assert (one.first != one.second).any()
    assert (one.first != section.first).any()
    assert one.jitter_mm == section.jitter_mm
    assert one.jitter_mm != brain.jitter_mm


def test_jitter_is_drawn_evenly_between_the_lowest_and_the_highest():
    labels = np.zeros((2, 2), np.uint8)
    drawn = [two_drawings(labels, UM, LABEL_SET, Annotators(), seed, 1).jitter_mm for seed in range(400)]
    assert 0.2 <= np.min(drawn) < 0.21
    assert 0.49 < np.max(drawn) <= 0.5
    assert np.mean(drawn) == pytest.approx(0.35, abs=0.01)
    fixed = two_drawings(labels, UM, LABEL_SET, Annotators(jitter_mm=(0.3, 0.3)), 1, 1)
    assert fixed.jitter_mm == pytest.approx((0.3, 0.3))


def test_agreement_counts_pixels_of_cortex():
    truth = _sheet()
    drawings = two_drawings(truth, UM, LABEL_SET, Annotators(), 5, 7)
    found = agreement(truth, UM, drawings, LABEL_SET)
    pairs = {
        "mutual": (drawings.first, drawings.second),
        "first": (truth, drawings.first),
        "second": (truth, drawings.second),
    }
    for name, (one, other) in pairs.items():
        counts = np.array(getattr(found, name))
        assert counts.sum() == (truth >= 2).sum()
        assert counts[3, 4] == ((one == 3) & (other == 4)).sum()
        assert macro_dice(dice_per_class(counts), AREAS) == pytest.approx(_dice(one, other))
    assert found.jitter_mm == drawings.jitter_mm
    assert found.spacing_um == UM
