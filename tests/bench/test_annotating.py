"""What bench/annotating.py compares is alike in all but the choice of sections."""

from types import SimpleNamespace

import numpy as np
import pytest

import annotating
from annotating import equally_spaced, figures


@pytest.mark.parametrize(("count", "wanted"), [(1, [10]), (2, [5, 14]), (4, [2, 7, 12, 17])])
def test_equal_spacing_takes_the_middles_of_equal_shares(count, wanted):
    place = SimpleNamespace(candidates=SimpleNamespace(open=np.arange(20) % 4 != 3))
    free = np.flatnonzero(place.candidates.open)
    middles = [free[int((n + 0.5) / count * len(free))] for n in range(count)]
    assert equally_spaced(place, count) == middles
    assert np.abs(np.array(middles) - wanted).max() <= 1


def test_ways_that_do_the_same_gain_nothing_and_better_ones_do(rng, monkeypatch):
    monkeypatch.setattr(annotating, "DRAWS", 200)
    counts = rng.integers(1, 50, (2, 6, 4, 4))
    better = counts + 500 * np.eye(4, dtype=int)
    groups = np.repeat([0, 1], 3)
    found = figures({"suggest": {2: counts, 4: better}, "equal": {2: counts, 4: counts}}, groups, (2, 3), 2)
    assert found["gain_2"] == [0, 0, 0]
    gain, low, high = found["gain_4"]
    assert 0 < low <= gain <= high
    assert found["gain_mean"][0] == pytest.approx(gain)
    assert found["dice_suggest_4"] - found["dice_equal_4"] == pytest.approx(gain, abs=2e-4)
