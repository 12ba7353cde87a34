import math

import numpy as np
import pytest
from pydantic import ValidationError

from gennari.train.guard import Level, broken_law, is_bad
from gennari.train.settings import Guard


def _after(losses, guard: Guard) -> Level:
    level = Level()
    for loss in losses:
        level = level.with_loss(loss, guard)
    return level


def _steps_to_alarm(losses, guard: Guard) -> int | None:
    level = Level()
    for step, loss in enumerate(losses):
        if is_bad(loss, level.limit(guard)):
            return step
        level = level.with_loss(loss, guard)
    return None


def test_the_limit_is_the_factor_times_the_lowest_median_and_no_less_than_the_first():
    guard = Guard(factor=3, window=4)
    assert _after([8.0, 2.0, 50.0], guard).limit(guard) == math.inf
    assert _after([8.0, 2.0, 4.0, 50.0], guard).limit(guard) == 3 * 6
    # medians 6, 3, 2.5, 4: the lowest stays
    assert _after([8.0, 2.0, 4.0, 50.0, 1.0, 1.0, 7.0], guard).limit(guard) == 3 * 2.5
    # medians 6, 3, 2.5, 1: three times the lowest is less than the first
    assert _after([8.0, 2.0, 4.0, 50.0, 1.0, 1.0, 1.0], guard).limit(guard) == 6
    off = Guard(factor=None, window=1)
    assert _after([1.0], off).limit(off) == math.inf


@pytest.mark.parametrize(
    ("loss", "bad"), [(8.9, False), (9.0, False), (9.1, True), (math.nan, True), (math.inf, True), (-math.inf, True)]
)
def test_a_loss_is_bad_above_the_limit_or_if_it_is_not_finite(loss, bad):
    assert is_bad(loss, 9.0) is bad
    assert is_bad(loss, math.inf) is (not math.isfinite(loss))


def test_the_broken_law_says_which():
    guard = Guard(factor=3, window=4)
    assert broken_law(guard, math.nan, 9.0) == "the loss must stay finite"
    assert "below 9 (guard.factor = 3 times its lowest median over 4 steps" in broken_law(guard, 10.0, 9.0)


@pytest.mark.parametrize("floor", [0.02, 0.0])
def test_a_noisy_run_that_learns_raises_no_alarm(floor: float, rng: np.random.Generator):
    steps = np.arange(20000)
    # falls fifty-fold, or to nothing; single steps scatter by a factor of 1.8 (log-normal), of 10 at worst
    losses = (floor + np.exp(-steps / 2000)) * np.exp(rng.normal(0, 0.6, len(steps)))
    assert _steps_to_alarm(losses.tolist(), Guard()) is None


def test_noise_on_a_loss_of_nearly_zero_raises_no_alarm():
    losses = [1.0] * 50 + [1e-6] * 100 + [0.5] + [1e-6] * 100
    assert _steps_to_alarm(losses, Guard()) is None


@pytest.mark.parametrize("growth", [1.02, 1.1, 2.0, 30.0])
def test_steady_growth_is_noticed_when_it_reaches_the_factor(growth: float):
    losses = [1.0] * 50 + [growth**step for step in range(1, 200)]
    steps = math.ceil(math.log(20) / math.log(growth))
    assert _steps_to_alarm(losses, Guard()) == 49 + steps


def test_a_guard_that_would_stop_every_run_is_refused():
    with pytest.raises(ValidationError, match="greater than 1"):
        Guard(factor=0.5)
