import numpy as np
import pytest


@pytest.fixture
def classes() -> int:
    """How many classes the maps have; the last is absent from the true one."""
    return 5


@pytest.fixture
def maps(rng, classes: int):
    true = rng.integers(0, classes - 1, (4, 5)).repeat(3, 0).repeat(3, 1).astype(np.uint8)
    pred = np.where(rng.random(true.shape) < 0.3, rng.integers(0, classes, true.shape), true).astype(np.uint8)
    true[:2, :4] = 255
    return true, pred
