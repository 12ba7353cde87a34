"""Local worker processes of which one may die: only the call that it held is lost, and the rest goes on."""

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import NamedTuple, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")
_SPAWN = multiprocessing.get_context("spawn")  # a forked child would inherit locks of torch's and numba's threads
_Call = Callable[[], object]


class WorkerDied(RuntimeError):
    """A worker process ended in the middle of a task."""


class Workers(Executor):
    """So many processes, each with a thread here that hands it one call at a time.

    concurrent.futures' own pool gives up all that is pending when one of its processes is killed, and cannot say which
    task that one held. Here a dead worker costs its own task, is named with the signal that ended it, and is replaced.

    Args:
        count: of processes; each is started when it is first needed.
    """

    def __init__(self, count: int) -> None:
        self._calls: queue.SimpleQueue[tuple[Future, _Call] | None] = queue.SimpleQueue()
        self._lanes = [_Lane() for _ in range(count)]
        self._threads = [threading.Thread(target=lane.serve, args=(self._calls,), daemon=True) for lane in self._lanes]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """As Executor.submit; function, arguments and result must be picklable."""
        future: Future[T] = Future()
        self._calls.put((future, _Bound(fn, args, kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As Executor.shutdown."""
        while cancel_futures:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                break
            if call is not None:
                call[0].cancel()
        for _ in self._lanes:
            self._calls.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def terminate(self) -> None:
        """End what runs now (SIGTERM) and begin nothing more."""
        for lane in self._lanes:
            lane.stop()
        self.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Bound:
    """functools.partial, but one that says plainly what it holds when it is pickled."""

    function: Callable[..., object]
    args: tuple[object, ...]
    kwargs: dict[str, object]

    def __call__(self) -> object:
        return self.function(*self.args, **self.kwargs)


class _Worker(NamedTuple):
    process: BaseProcess
    pipe: connection.Connection


class _Lane:
    """One process after the other, never two at once."""

    def __init__(self) -> None:
        self._worker: _Worker | None = None
        self._guard, self._stopped = threading.Lock(), False

    def serve(self, calls: "queue.SimpleQueue[tuple[Future, _Call] | None]") -> None:
        while (call := calls.get()) is not None:
            future, work = call
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(self._ask(work))
            except BaseException as error:
                future.set_exception(error)
        self._end()

    def stop(self) -> None:
        with self._guard:
            self._stopped = True
            if self._worker is not None:
                self._worker.process.terminate()

    def _ask(self, work: _Call) -> object:
        process, pipe = self._started()
        pipe.send(work)
        connection.wait([pipe, process.sentinel])
        try:
            worked, value = pipe.recv()  # an answer that came before the death is an answer
        except (EOFError, OSError):
            process.join()
            with self._guard:
                self._worker = None
            raise WorkerDied(f"its worker process {_ending(process.exitcode)}") from None
        if not worked:
            raise value
        return value

    def _started(self) -> "_Worker":
        with self._guard:
            if self._stopped:
                raise WorkerDied("its worker process was ended")
            if self._worker is None or not self._worker.process.is_alive():
                ours, theirs = connection.Pipe()
                process = _SPAWN.Process(target=_serve, args=(theirs,))
                process.start()
                theirs.close()  # so that our end says so when theirs is gone
                self._worker = _Worker(process, cast(connection.Connection, ours))
            return self._worker

    def _end(self) -> None:
        with self._guard:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.pipe.close()  # a worker without anybody who asks ends
            worker.process.join()


def _ending(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"left with exit code {exit_code}"
    hint = " (the system does that when memory runs out)" if -exit_code == signal.SIGKILL else ""
    return f"was ended by {signal.Signals(-exit_code).name}{hint}"


def _serve(pipe: connection.Connection) -> None:
    """A worker's life: calls in, answers out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; our parent ends us if it wants to
    _end_with_parent()
    while True:
        try:
            work = pipe.recv()
        except EOFError:
            return
        except Exception as error:  # what was sent cannot be unpickled here
            pipe.send((False, RuntimeError(f"{type(error).__name__}: {error}")))
            continue
        try:
            answer = (True, work())
        except Exception as error:
            answer = (False, error)
        try:
            pipe.send(answer)
        except Exception as error:  # neither does every value survive pickling
            pipe.send((False, RuntimeError(f"{type(error).__name__}: {error}")))


def _end_with_parent() -> None:
    """Have this worker sent SIGTERM when its parent is gone: it would end its call, of an hour perhaps, for nobody."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "runs in workers only"

    def watch() -> None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="end with parent").start()
