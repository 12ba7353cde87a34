"""What torchrun tells a process; of several, only the first locks the run and shows progress."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gennari.cli.progress import progress
from gennari.execute import Report, silent
from gennari.pipeline.stages import locked
from gennari.train.ranks import Ranks


def launched(environment: Mapping[str, str]) -> Ranks:
    """This process among those that torchrun started; alone if it did not."""
    if "TORCHELASTIC_RUN_ID" not in environment:
        return Ranks()
    rank, size, local_size = (int(environment[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    return Ranks(rank=rank, size=size, local_size=local_size)


@contextmanager
def training(run: Path) -> Iterator[tuple[Report, Ranks]]:
    """Progress and ranks for a training in a run folder, which the first rank locks for all.

    Raises:
        InputError: another process holds the folder (torchrun then ends the other ranks), or it is not there.
    """
    ranks = launched(os.environ)
    if not ranks.first:
        yield silent, ranks
        return
    with locked(run), progress() as tick:
        yield tick, ranks
