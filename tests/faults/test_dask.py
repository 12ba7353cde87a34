"""Dask as executor: workers of its own here or on a cluster, and one that dies."""

import os
import sys
from pathlib import Path

import pytest
from toys import calls, leftovers, order, spread, toy, whole

from gennari.errors import InputError
from gennari.execute import TasksFailed, silent
from gennari.pipeline import executors
from gennari.pipeline.executors import ExecutorChoice, open_executor
from gennari.pipeline.section_tasks import run_sections
from gennari.pipeline.task_records import FAILURE, TaskFailure, read_record

distributed = pytest.importorskip("distributed")
dask = pytest.importorskip("dask")


@pytest.fixture(autouse=True)
def _workers_find_the_toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


@pytest.mark.slow
def test_dask_does_each_section_once_and_survives_a_worker_that_dies(tmp_path):
    work, tasks = toy(tmp_path)
    order(tmp_path, 3, "die once")
    assert run_sections(work, tasks, spread("dask:2"), silent)
    assert sorted(calls(tmp_path)) == sorted([*range(10), 3])
    assert whole(tmp_path) == list(range(10))
    assert not leftovers(tmp_path)


@pytest.mark.slow
def test_a_section_that_kills_every_dask_worker_is_named_and_the_rest_goes_on(tmp_path):
    work, tasks = toy(tmp_path, count=4)
    order(tmp_path, 2, "die")
    with (
        dask.config.set({"distributed.scheduler.worker-saturation": 1.0}),  # else what waits on a worker is blamed too
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        pytest.raises(TasksFailed, match=r"1 of 4 sections of toy failed.*: A 2: KilledWorker"),
    ):
        run_sections(work, tasks, spread(f"dask:{cluster.scheduler_address}"), silent)
    assert set(whole(tmp_path)) == {0, 1, 3}
    record = read_record(work.path(tasks[2], FAILURE), TaskFailure)
    assert record is not None
    assert "KilledWorker" in record.reason


@pytest.mark.slow
def test_workers_started_here_keep_freed_memory_and_are_not_profiled(tmp_path, monkeypatch):
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)  # clusters of other tests leave it in this process
    with open_executor(ExecutorChoice(kind="dask", count=1), 1, 1, tmp_path) as place:
        assert place.executor.submit(os.getenv, "MALLOC_TRIM_THRESHOLD_").result() is None
        assert place.executor.submit(dask.config.get, "distributed.worker.profile.enabled").result() is False
    assert dask.config.get("distributed.worker.profile.enabled") is True, "only while they are started"


def test_threads_of_a_cluster_share_a_machine(tmp_path):
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=3, processes=False, dashboard_address="127.0.0.1:0"
        ) as cluster,
        open_executor(ExecutorChoice(kind="dask", address=cluster.scheduler_address), 1, 1, tmp_path) as place,
    ):
        assert place.side_by_side == 3
        assert place.executor.submit(abs, -2).result() == 2


def test_a_scheduler_that_does_not_answer_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(executors, "CONNECT_S", 0.5)
    with (
        pytest.raises(InputError, match=r"Dask's scheduler must answer at tcp://127\.0\.0\.1:9, but"),
        open_executor(ExecutorChoice.parse("dask:tcp://127.0.0.1:9"), 1, 1, tmp_path),
    ):
        pass


def test_dask_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setattr(executors, "find_spec", lambda name: None)
    with (
        pytest.raises(InputError, match=r"needs the package distributed, .*pip install 'gennari\[dask\]'"),
        open_executor(ExecutorChoice.parse("dask"), 1, 1, tmp_path),
    ):
        pass
