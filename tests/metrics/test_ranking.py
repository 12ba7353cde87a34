import numpy as np
import pytest

from gennari.metrics.ranking import auroc


def test_auroc_equals_counting_all_couples(rng):
    score, positive = rng.integers(0, 5, 30).astype(float), rng.random(30) < 0.4
    a, b = score[positive][:, None], score[~positive][None]
    assert auroc(score, positive) == pytest.approx(((a > b) + 0.5 * (a == b)).mean())
    assert np.isnan(auroc(score, np.zeros(30, bool)))
