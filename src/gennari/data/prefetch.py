"""Batches made ahead by other processes, in the order of the steps, and the time that was spent waiting for them."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from gennari.errors import InputError

Batch = TypeVar("Batch")
AHEAD = 2
"""Steps that each loader is ahead."""


class Prefetched(Generic[Batch]):
    """Called with a step, gives what `make` gives for it: the same batches for any number of loaders.

    A context: leaving it stops the loaders, however it is left. Steps should be asked for in their order; the first one
    and one out of order start the loaders anew. Loaders are spawned, since tensorstore and torch do not survive a fork,
    so a script needs its `if __name__ == "__main__"`. Batches come through shared memory (/dev/shm), which must hold
    AHEAD steps a loader.

    Args:
        make: step -> its micro-batches, and a function of nothing else; picklable if there are loaders.
        steps: how many there are.
        loaders: processes; 0 makes each batch here when it is asked for.

    Raises:
        InputError: `loaders` is negative.
    """

    def __init__(self, make: Callable[[int], Sequence[Batch]], steps: int, loaders: int = 0) -> None:
        if loaders < 0:
            raise InputError(f"batches are made by 0 (the training itself) or more loaders, got {loaders}")
        self._make, self._steps, self._loaders = make, steps, loaders
        self._coming: Iterator[Sequence[Batch] | _Refused] | None = None
        self._next = 0
        self._waited_s, self._since = 0.0, None

    def __call__(self, step: int) -> Sequence[Batch]:
        """The micro-batches of a step.

        Raises:
            InputError: `make` raised it, here or in a loader; with its own sentence.
        """
        began = time.perf_counter()
        self._since = began if self._since is None else self._since
        try:
            return self._from_loaders(step) if self._loaders else self._make(step)
        finally:
            self._waited_s += time.perf_counter() - began

    def wait_share(self) -> float:
        """Time spent in calls over the time since the first of them, both since `wait_share` was asked last."""
        total = 0.0 if self._since is None else time.perf_counter() - self._since
        share = self._waited_s / total if total else 0.0
        self._waited_s, self._since = 0.0, None
        return share

    def __enter__(self) -> "Prefetched[Batch]":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self._stop()

    def _from_loaders(self, step: int) -> Sequence[Batch]:
        if self._coming is None or step != self._next:
            self._stop()
            self._coming = iter(self._loader(step))
        self._next = step + 1
        found = next(self._coming)
        if isinstance(found, _Refused):
            raise InputError(found.sentence)
        return found

    def _stop(self) -> None:
        # Private, but an iterator that is only let go of keeps its processes while a traceback holds it.
        stop = getattr(self._coming, "_shutdown_workers", None)
        self._coming = None
        if stop:
            stop()

    def _loader(self, first: int) -> DataLoader[Sequence[Batch]]:
        return DataLoader(
            _Steps(self._make),
            sampler=range(first, self._steps),
            batch_size=None,
            collate_fn=_as_it_is,
            num_workers=self._loaders,
            prefetch_factor=AHEAD,
            multiprocessing_context="spawn",
            worker_init_fn=_begin,
            generator=torch.Generator(),  # seeds for the loaders, which use none; not from the global generator
        )


class _Refused:
    """An InputError on its way: a DataLoader would wrap its sentence into a traceback."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence


class _Steps(Dataset):
    def __init__(self, make: Callable[[int], object]) -> None:
        self._make = make

    def __getitem__(self, index: int) -> object:
        try:
            return self._make(index)
        except InputError as error:
            return _Refused(str(error))


def _as_it_is(value: object) -> object:
    return value


def _begin(number: int) -> None:
    """In a loader: an interrupt is the business of the process that trains; it ends its loaders."""
    del number
    signal.signal(signal.SIGINT, signal.SIG_IGN)
