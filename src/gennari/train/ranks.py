"""Processes that train one network together: who this one is, and its part of a step. No torch here."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """This process among those that torchrun started; by default it is alone.

    Attributes:
        rank: 0 for the one that writes files and shows progress.
        size: processes in all.
        local_size: processes on this machine, each with a device of its own.
    """

    rank: int = 0
    size: int = 1
    local_size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0


def share(parts: int, rank: int, size: int) -> range:
    """The micro-batches of a step that a rank runs: neighbours, as even as can be, the first ranks one more."""
    each, more = divmod(parts, size)
    start = rank * each + min(rank, more)
    return range(start, start + each + (rank < more))
