"""SLURM as an executor: one array of jobs through submitit, each of which does its share of the calls in order."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

from gennari.errors import InputError

if TYPE_CHECKING:
    import submitit

P = ParamSpec("P")
T = TypeVar("T")
SIGNAL, DELAY_S = "USR1", 120
"""What SLURM sends before a job's time is up, and how long before: the job then asks to be queued again."""
REQUEUES = 20
POLL_S = 5.0
_DEFAULTS: Mapping[str, int | str] = {"job_name": "gennari", "time": 240, "cpus_per_task": 4, "mem": "8GB"}


class Batch:
    """Calls that one job makes; queued again it makes them again, so each must know whether it is done."""

    def __call__(self, calls: Sequence[Callable[[], object]]) -> list[object]:
        """Their results."""
        return [call() for call in calls]

    def checkpoint(self, calls: Sequence[Callable[[], object]]) -> "submitit.helpers.DelayedSubmission":
        """What submitit queues again when the signal comes: the same."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, calls)


class _Call(NamedTuple):
    future: Future
    function: Callable[[], object]


class ArrayExecutor(Executor):
    """Calls gathered until as many have come as were announced, then submitted as one array.

    Args:
        submitter: submitit's executor, with its parameters set.
        jobs: of the array, at most; SLURM refuses long arrays (1001 jobs by default).
        expected: calls that will come.
        poll_s: time between two looks at the jobs.
    """

    def __init__(self, submitter: "submitit.Executor", jobs: int, expected: int, poll_s: float = POLL_S) -> None:
        self._submitter, self._jobs, self._expected, self._poll_s = submitter, jobs, expected, poll_s
        self._calls: list[_Call] = []
        self._closed = threading.Event()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """As Executor.submit; the last call that is expected sends them all."""
        future: Future[T] = Future()
        self._calls.append(_Call(future, partial(fn, *args, **kwargs)))
        if len(self._calls) == self._expected:
            self._send()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Look at the jobs no more; they go on by themselves (`scancel` ends them)."""
        del wait, cancel_futures
        self._closed.set()

    def _send(self) -> None:
        shares = [self._calls[start :: self._jobs] for start in range(min(self._jobs, len(self._calls)))]
        try:
            jobs = self._submitter.map_array(Batch(), [[call.function for call in share] for share in shares])
        except RuntimeError as error:  # what sbatch said is in the cause's last line
            raise InputError(
                f"SLURM must take the jobs, but: {str(error).strip().splitlines()[-1]}; correct --sbatch, or see the "
                f"script in {self._submitter.folder}"
            ) from error
        for call in self._calls:
            call.future.set_running_or_notify_cancel()
        threading.Thread(target=self._watch, args=(list(zip(jobs, shares, strict=True)),), daemon=True).start()

    def _watch(self, pending: "list[tuple[submitit.Job[Any], list[_Call]]]") -> None:
        while pending and not self._closed.wait(self._poll_s):
            for job, calls in [entry for entry in pending if entry[0].done()]:
                pending = [entry for entry in pending if entry[0] is not job]
                _settle(job, calls)


def _settle(job: "submitit.Job[Any]", calls: Sequence[_Call]) -> None:
    try:
        results = job.result()
    except Exception as error:  # submitit's words hold the whole log of the job
        lost = RuntimeError(f"job {job.job_id} left no result ({type(error).__name__}); its log is {job.paths.stderr}")
        for call in calls:
            call.future.set_exception(lost)
        return
    for call, result in zip(calls, results, strict=True):
        call.future.set_result(result)


@contextmanager
def submitted(
    submitit: ModuleType, folder: Path, jobs: int, calls: int, sbatch: Mapping[str, int | str]
) -> Iterator[ArrayExecutor]:
    """An executor that submits `calls` calls as one array; script, pickled calls and logs stand in `folder`.

    Args:
        submitit: the package.
        folder: on a disk that all nodes see.
        jobs: of the array, at most.
        calls: that will be submitted.
        sbatch: parameters by submitit's names, such as time (minutes), mem, cpus_per_task, gpus_per_node, partition.

    Raises:
        InputError: SLURM is not on this machine, or there is no such parameter.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        submitter = submitit.SlurmExecutor(folder, max_num_timeout=REQUEUES)
    except RuntimeError as error:
        raise InputError(
            "--executor slurm calls sbatch and srun, but this machine has none; call it where jobs are submitted"
        ) from error
    submitit.slurm.slurm.SlurmJobEnvironment.USR_SIG = SIGNAL  # submitit's own word for it is read when it is imported
    setup = [f"export SUBMITIT_PREEMPT_SIGNAL={SIGNAL}"]
    try:
        submitter.update_parameters(**{**_DEFAULTS, **sbatch}, setup=setup, signal_delay_s=DELAY_S)
    except ValueError as error:
        raise InputError(f"--sbatch names parameters of submitit's jobs, but: {str(error).splitlines()[0]}") from error
    executor = ArrayExecutor(submitter, jobs, calls)
    try:
        yield executor
    finally:
        executor.shutdown()
