"""What --executor names: this process, local processes, Dask, SLURM; each a concurrent.futures Executor."""

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Literal, NamedTuple

from gennari.errors import InputError
from gennari.pipeline.slurm import submitted
from gennari.workers import Workers

CONNECT_S = 30
"""How long a Dask scheduler may take to answer."""
WORKERS_HERE: Mapping[str, object] = {
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    "distributed.worker.memory.monitor-interval": "1s",
    "distributed.scheduler.worker-saturation": 1.0,
}
"""What we ask of Dask's workers that we start ourselves: not to hand freed memory back at once, since torch would have
it zeroed anew for each section, nor to look at each worker's stack every 10 ms (a section took 5 to 9 % longer); to
feel their pulse less often than every 20 ms and their memory less than every 100 (two workers at rest and their
scheduler took 4 % of two cores, now 1 %); and to hold one section at a time, since all that a worker holds are blamed
when it dies."""
ARRAY = 64
"""Jobs of a SLURM array where nothing else is said; each does its share of the sections one after the other."""
Kind = Literal["here", "local", "dask", "slurm"]


@dataclass(frozen=True, kw_only=True)
class ExecutorChoice:
    """Where tasks are run.

    Attributes:
        count: workers, or jobs of an array; None is for the machine to say.
        address: of a Dask scheduler; empty starts workers here.
        sbatch: further parameters of SLURM's jobs, as submitit calls them.
    """

    kind: Kind = "here"
    count: int | None = None
    address: str = ""
    sbatch: tuple[tuple[str, int | str], ...] = ()

    @classmethod
    def parse(cls, text: str, sbatch: tuple[str, ...] = ()) -> "ExecutorChoice":
        """What --executor and --sbatch say.

        Args:
            text: "local", "dask" or "slurm", with ":N"; or "dask:tcp://host:port".
            sbatch: "name=value" each.

        Raises:
            InputError: it is none of these.
        """
        kind, _, rest = text.partition(":")
        if kind not in ("local", "dask", "slurm") or (":" in text and not rest):
            raise InputError(
                f"an executor is local[:N], dask[:N], dask:tcp://HOST:PORT or slurm[:N], got '{text}'; correct "
                "--executor"
            )
        if sbatch and kind != "slurm":
            raise InputError(f"--sbatch is for --executor slurm, got it with '{text}'; leave it out")
        named = tuple(_parameter(one) for one in sbatch)
        if kind == "dask" and "://" in rest:
            return cls(kind=kind, address=rest)
        if rest and (not rest.isdecimal() or int(rest) < 1):
            raise InputError(f"--executor {kind} needs at least one worker, got '{rest}'; give a number above 0")
        return cls(kind=kind, count=int(rest) if rest else None, sbatch=named)


HERE = ExecutorChoice()


class Place(NamedTuple):
    """An open executor (None is this process), and how many of its tasks share one machine."""

    executor: Executor | None
    side_by_side: int


@contextmanager
def open_executor(choice: ExecutorChoice, tasks: int, side_by_side: int, folder: Path) -> Iterator[Place]:
    """The executor that was chosen, closed at the end; left by an exception, local workers are ended.

    Args:
        choice: which.
        tasks: how many will be submitted.
        side_by_side: workers on this machine where the choice does not say.
        folder: where SLURM's scripts and logs go.

    Raises:
        InputError: its package is not installed, its scheduler does not answer, or SLURM is not there.
    """
    if choice.kind == "here":
        yield Place(None, 1)
    elif choice.kind == "local":
        with _local(min(choice.count or side_by_side, tasks)) as place:
            yield place
    elif choice.kind == "dask":
        with _dask(choice, side_by_side) as place:
            yield place
    else:
        submitit = _installed("submitit", "slurm")
        with submitted(submitit, folder / "slurm", choice.count or ARRAY, tasks, dict(choice.sbatch)) as executor:
            yield Place(executor, 1)  # a job's cores are its own


@contextmanager
def _local(count: int) -> Iterator[Place]:
    workers = Workers(count)
    try:
        yield Place(workers, count)
    except BaseException:
        workers.terminate()
        raise
    workers.shutdown()


@contextmanager
def _dask(choice: ExecutorChoice, side_by_side: int) -> Iterator[Place]:
    distributed = _installed("distributed", "dask")
    if choice.address:
        arguments, config = {"address": choice.address, "timeout": CONNECT_S}, {}
    else:
        count = choice.count or side_by_side
        # any free port of this machine alone: without an address Dask takes 8787, which another run may hold
        free = "127.0.0.1:0"
        arguments = {"n_workers": count, "threads_per_worker": 1, "processes": True, "dashboard_address": free}
        config = WORKERS_HERE
    try:
        with import_module("dask").config.set(config):
            client = distributed.Client(**arguments)
    except (OSError, ValueError) as error:
        raise InputError(
            f"Dask's scheduler must answer at {choice.address}, but: {str(error).splitlines()[0]}; check the address "
            "and that `dask scheduler` runs there"
        ) from error
    with client:
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        threads = Counter[str]()
        for worker in workers:
            threads[worker["host"]] += worker["nthreads"]
        yield Place(client.get_executor(pure=False), max(threads.values(), default=1))


def _installed(package: str, extra: str) -> ModuleType:
    if find_spec(package) is None:
        raise InputError(
            f"--executor {extra} needs the package {package}, which is not installed; "
            f"install it with `pip install 'gennari[{extra}]'`"
        )
    return import_module(package)


def _parameter(text: str) -> tuple[str, int | str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise InputError(f"--sbatch takes name=value, such as time=240, got '{text}'; correct it")
    return name, int(value) if value.isdecimal() else value
