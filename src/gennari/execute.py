"""Many independent tasks on local processes: callables in, results out; knows nothing of brains."""

import os
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, as_completed
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, cast

from gennari.errors import InputError, Interrupted
from gennari.workers import Workers

Task = TypeVar("Task")
Result = TypeVar("Result")


class Tick(NamedTuple):
    """How far a stage has come; `note` is a short remark for a person, `unit` "B" where bytes are counted."""

    stage: str
    done: int
    total: int
    note: str = ""
    unit: str = ""

    @property
    def amount(self) -> str:
        """'3/10', or '1.2 GB/3.4 GB'."""
        done, total = (bytes_words(count) if self.unit == "B" else str(count) for count in (self.done, self.total))
        return f"{done}/{total}"


def bytes_words(count: int) -> str:
    """A number of bytes in the unit that suits it (1 kB is 1000 bytes)."""
    if count < 1000:
        return f"{count} B"
    power = min((len(str(count)) - 1) // 3, 4)
    return f"{count / 1000**power:.1f} {' kMGT'[power]}B"


Report = Callable[[Tick], None]
"""What long work calls to say how far it is; the command line turns it into bars or lines."""


def silent(tick: Tick) -> None:
    """A Report that nobody hears: in worker processes, and on ranks beside the first."""
    del tick


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A task that raised.

    Attributes:
        index: its place among the tasks.
        task: its name.
        reason: 'ErrorType: message'.
        trace: the traceback as text, for a log.
        bad_input: it raised an InputError.
        interrupted: it was asked to stop, and can be resumed.
    """

    index: int
    task: str
    reason: str
    trace: str
    bad_input: bool
    interrupted: bool


class TasksFailed(RuntimeError):
    """Some tasks failed; the others were finished and their results are kept here.

    Attributes:
        failures: one for each failed task, in the order of the tasks.
        results: in the order of the tasks, None where a task failed.
    """

    def __init__(self, message: str, failures: Sequence[Failure], results: Sequence[object]) -> None:
        super().__init__(message)
        self.failures = tuple(failures)
        self.results = tuple(results)


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    workers: int = 1,
    executor: Executor | None = None,
    tick: Report | None = None,
    stage: str = "tasks",
    name: Callable[[Task], str] = str,
    keep: Callable[[Task, Result], None] | None = None,
    announced: bool = False,
) -> list[Result]:
    """Apply `function` to each task and return the results in the order of the tasks.

    A task that raises, or whose worker is killed, does not stop the others: all are run, then those that failed are
    named. With more than one worker (or an executor) function, tasks and results must be picklable and a script needs
    its `if __name__ == "__main__"`.
    Where this call is left by an exception, or this process dies, its workers are sent SIGTERM: a training among them
    saves its step, all else ends.

    Args:
        function: a function of a module, or a partial of one.
        tasks: what it is called with, one at a time.
        workers: local processes, freshly spawned; 1 runs everything in this process. Ignored when an executor is given.
        executor: any concurrent.futures executor (Dask gives one); it stays open.
        tick: told after each finished task.
        stage: how the ticks call the work.
        name: how a task is called in ticks and errors.
        keep: given each task and its result as soon as it is there, in this thread, before the tick: for work that
            must not be lost when the rest is interrupted.
        announced: tick once before the first task, too. Time left is counted from the first tick, which where a task
            takes minutes must not be the end of one.

    Raises:
        InputError: every failed task raised an InputError.
        Interrupted: a task was, in its own process.
        TasksFailed: tasks failed for another reason; holds the results of the others.
        ValueError: `workers` is less than 1.
    """
    if workers < 1:
        raise ValueError(f"run_tasks needs at least one worker, got {workers}")
    values: list[Result | None] = [None] * len(tasks)
    failures: list[Failure] = []
    finished = _in_pool(function, tasks, workers, executor) if executor or workers > 1 else _here(function, tasks)
    if tick and announced and tasks:
        tick(Tick(stage, 0, len(tasks)))
    with closing(finished):  # at once, not when the error that leaves this is forgotten
        for done, (index, (value, error)) in enumerate(finished, start=1):
            values[index] = value
            if error:
                failures.append(Failure(index=index, task=name(tasks[index]), **error._asdict()))
            elif keep:
                keep(tasks[index], cast(Result, value))
            if tick:
                tick(Tick(stage, done, len(tasks), name(tasks[index]) + (f" failed ({error.reason})" if error else "")))
    if failures:
        raise _summary(sorted(failures, key=lambda failure: failure.index), values, stage)
    return cast(list[Result], values)


def usable_cores() -> int:
    """Processor cores this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class ErrorWords(NamedTuple):
    """An error as text, with what decides how the whole ends; see `Failure`."""

    reason: str
    trace: str
    bad_input: bool
    interrupted: bool


_Outcome = tuple[Result | None, ErrorWords | None]


def _attempt(function: Callable[[Task], Result], task: Task) -> _Outcome[Result]:
    """Runs in the worker; errors travel back as text, since not every exception survives pickling."""
    try:
        return function(task), None
    except Exception as error:
        return None, described(error)


def described(error: BaseException) -> ErrorWords:
    """What is said of an error: the sentence of our own kinds, 'ErrorType: message' of others."""
    bad_input, interrupted = isinstance(error, InputError), isinstance(error, Interrupted)
    reason = str(error) if bad_input or interrupted else f"{type(error).__name__}: {error}"
    return ErrorWords(reason, "".join(traceback.format_exception(error)), bad_input, interrupted)


_Finished = Generator[tuple[int, _Outcome[Result]], None, None]


def _here(function: Callable[[Task], Result], tasks: Sequence[Task]) -> _Finished[Result]:
    for index, task in enumerate(tasks):
        yield index, _attempt(function, task)


def _in_pool(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int, executor: Executor | None
) -> _Finished[Result]:
    with _opened(executor, min(workers, len(tasks) or 1)) as pool:
        futures: dict[Future[_Outcome[Result]], int] = {
            pool.submit(_attempt, function, task): index for index, task in enumerate(tasks)
        }
        try:
            for future in as_completed(futures):
                error = future.exception()  # the worker died, or something could not be pickled
                yield futures[future], (None, described(error)) if error else future.result()
        finally:
            for future in futures:
                future.cancel()  # nothing to cancel unless we were interrupted


@contextmanager
def _opened(executor: Executor | None, workers: int) -> Iterator[Executor]:
    if executor is not None:
        yield executor
        return
    pool = Workers(workers)
    try:
        yield pool
    except BaseException:  # else we would wait for what runs, which may be a training of an hour
        pool.terminate()
        raise
    pool.shutdown()


def _summary(
    failures: Sequence[Failure], values: Sequence[object], stage: str
) -> InputError | Interrupted | TasksFailed:
    listed = "; ".join(f"{failure.task}: {failure.reason}" for failure in failures[:3])
    more = f"; and {len(failures) - 3} more" if len(failures) > 3 else ""
    message = f"{len(failures)} of {len(values)} {stage} failed, the others are done: {listed}{more}"
    if any(failure.interrupted for failure in failures):
        return Interrupted(message)
    if all(failure.bad_input for failure in failures):
        return InputError(message)
    return TasksFailed(message, failures, values)
