"""When a training is stopped because its loss is no longer one: not finite, or exploded."""

import math
from dataclasses import dataclass
from statistics import median

from gennari.train.settings import Guard


@dataclass(frozen=True, kw_only=True)
class Level:
    """What is known of the losses of a phase; a level is the median over `guard.window` steps.

    Attributes:
        recent: the last losses, at most a window of them.
        first: the first level; infinity before the window was full for the first time.
        lowest: the lowest level so far.
    """

    recent: tuple[float, ...] = ()
    first: float = math.inf
    lowest: float = math.inf

    def with_loss(self, loss: float, guard: Guard) -> "Level":
        """After one more step."""
        recent = (*self.recent, loss)[-guard.window :]
        if len(recent) < guard.window:
            return Level(recent=recent)
        level = median(recent)
        first = level if self.first == math.inf else self.first
        return Level(recent=recent, first=first, lowest=min(self.lowest, level))

    def limit(self, guard: Guard) -> float:
        """Above this, the next step's loss has exploded; infinity until a window of steps is done.

        It is `factor` times the lowest level, so that slow growth is noticed too; but a loss that is not above the
        first level has not exploded: noise on a loss of nearly zero is many times that loss.
        """
        return math.inf if guard.factor is None else max(guard.factor * self.lowest, self.first)


def is_bad(loss: float, limit: float) -> bool:
    """Whether a loss is not finite, or above the limit."""
    return not (math.isfinite(loss) and loss <= limit)


def broken_law(guard: Guard, loss: float, limit: float) -> str:
    """What a bad loss breaks, for the message."""
    if not math.isfinite(loss):
        return "the loss must stay finite"
    return (
        f"the loss must not explode, that is stay below {limit:.4g} (guard.factor = {guard.factor:g} times its lowest "
        f"median over {guard.window} steps of this phase, or the first such median)"
    )
