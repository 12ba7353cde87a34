from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d


@pytest.fixture
def correlated(rng) -> Callable[..., np.ndarray]:
    """correlated(n, p, closed): rows of homogeneous cortex, as alike as neighbours are, features as related."""

    def make(n: int = 120, p: int = 3, closed: bool = False) -> np.ndarray:
        length = n if closed else n + 60
        smooth = gaussian_filter1d(rng.normal(size=(length, p)), 4.0, axis=0, mode="wrap")
        rows = (smooth / smooth.std() + 0.7 * rng.normal(size=(length, p))) @ rng.normal(size=(p, p))
        return rows if closed else rows[30 : 30 + n]

    return make
