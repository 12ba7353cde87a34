"""What --executor and --sbatch say, and how each place is opened."""

import os
import time

import pytest

from gennari.errors import InputError
from gennari.pipeline.executors import HERE, ExecutorChoice, open_executor
from gennari.workers import WorkerDied


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("local", ExecutorChoice(kind="local")),
        ("local:3", ExecutorChoice(kind="local", count=3)),
        ("dask", ExecutorChoice(kind="dask")),
        ("dask:2", ExecutorChoice(kind="dask", count=2)),
        ("dask:tcp://node1:8786", ExecutorChoice(kind="dask", address="tcp://node1:8786")),
        ("slurm", ExecutorChoice(kind="slurm")),
        ("slurm:16", ExecutorChoice(kind="slurm", count=16)),
    ],
)
def test_an_executor_is_named_by_a_word_and_a_number(text, choice):
    assert ExecutorChoice.parse(text) == choice


@pytest.mark.parametrize("text", ["", "ray", "local:", "lokal:2", "slurm://x"])
def test_another_word_is_refused(text):
    with pytest.raises(InputError, match="--executor"):
        ExecutorChoice.parse(text)


@pytest.mark.parametrize("text", ["local:0", "dask:0", "slurm:0", "local:-1", "local:two"])
def test_less_than_one_worker_is_refused(text):
    with pytest.raises(InputError, match="needs at least one worker, got"):
        ExecutorChoice.parse(text)


def test_parameters_of_jobs_are_names_with_values():
    choice = ExecutorChoice.parse("slurm:2", ("time=90", "mem=16GB", "comment=a=b"))
    assert choice.sbatch == (("time", 90), ("mem", "16GB"), ("comment", "a=b"))
    for wrong in ("time", "=3", "time="):
        with pytest.raises(InputError, match="--sbatch takes name=value, such as time=240, got"):
            ExecutorChoice.parse("slurm", (wrong,))
    with pytest.raises(InputError, match="--sbatch is for --executor slurm"):
        ExecutorChoice.parse("local:2", ("time=90",))


def test_this_process_is_no_executor(tmp_path):
    with open_executor(HERE, 5, 4, tmp_path) as place:
        assert place == (None, 1)


@pytest.mark.parametrize(("text", "tasks", "expected"), [("local:2", 9, 2), ("local", 9, 3), ("local:8", 1, 1)])
def test_local_workers_are_as_many_as_asked_for_and_no_more_than_tasks(text, tasks, expected, tmp_path):
    with open_executor(ExecutorChoice.parse(text), tasks, 3, tmp_path) as place:
        assert place.side_by_side == expected
        assert place.executor.submit(os.getpid).result() != os.getpid()


def test_local_workers_end_when_the_work_is_left(tmp_path):
    began, running = time.monotonic(), []

    def leave() -> None:
        with open_executor(ExecutorChoice.parse("local:1"), 1, 1, tmp_path) as place:
            running.append(place.executor.submit(time.sleep, 600))
            while not running[0].running():
                time.sleep(0.01)
            raise KeyError

    with pytest.raises(KeyError):
        leave()
    assert isinstance(running[0].exception(), WorkerDied)
    assert time.monotonic() - began < 300
