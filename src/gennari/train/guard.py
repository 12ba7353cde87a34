"""When a training is stopped because its loss is no longer one: not finite, or exploded."""

import math
from collections.abc import Sequence
from statistics import median

from gennari.train.settings import Guard


def loss_limit(guard: Guard, recent: Sequence[float]) -> float:
    """Above this, a step's loss has exploded.

    Args:
        guard: factor and window.
        recent: losses of the last steps of the phase, at most `guard.window`.

    Returns:
        `factor` times their median; infinity as long as fewer than `window` steps have been done in the phase.
    """
    if guard.factor is None or len(recent) < guard.window:
        return math.inf
    return guard.factor * median(recent)


def is_bad(loss: float, limit: float) -> bool:
    """Whether a loss is not finite, or above the limit."""
    return not (math.isfinite(loss) and loss <= limit)


def broken_law(guard: Guard, loss: float, limit: float) -> str:
    """What a bad loss breaks, for the message."""
    if not math.isfinite(loss):
        return "the loss must stay finite"
    return f"the loss must stay below {limit:.4g}, {guard.factor:g} times the median of the last {guard.window} steps"
