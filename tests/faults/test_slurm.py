"""SLURM through submitit, with programs of SLURM's names that run the jobs here."""

import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest
from slurm_stand_in import install
from toys import calls, leftovers, order, spread, toy, whole

from gennari.errors import InputError
from gennari.execute import TasksFailed, silent
from gennari.pipeline import slurm
from gennari.pipeline.executors import ExecutorChoice
from gennari.pipeline.section_tasks import Spread, run_sections
from gennari.pipeline.task_records import FAILURE, TaskFailure, read_record

submitit = pytest.importorskip("submitit")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the stand-in's programs, which are found before any others."""
    for name, value in install(tmp_path / "cluster").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(slurm, "POLL_S", 0.05)
    monkeypatch.setattr(submitit.SlurmJob.watcher, "_delay_s", 0.2)
    submitit.SlurmJob.watcher.clear()
    return tmp_path / "cluster"


def _until(condition) -> None:
    for _ in range(2400):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("two minutes are over")


@pytest.mark.slow
def test_an_array_of_jobs_does_all_sections_and_its_script_says_how(tmp_path, cluster):
    work, tasks = toy(tmp_path / "run")
    (tmp_path / "run").mkdir()
    choice = ExecutorChoice.parse("slurm:3", ("time=90", "partition=gpu", "gpus_per_node=1"))
    assert run_sections(work, tasks, Spread(executor=choice), silent)
    assert sorted(calls(work.root)) == list(range(10))
    assert whole(work.root) == list(range(10))
    (script,) = (path for path in (work.folder / "slurm").glob("*.sh") if not path.is_symlink())
    text = script.read_text()
    wanted = ("--array=0-2%3", "--time=90", "--partition=gpu", "--gpus-per-node=1", "--signal=USR1@120", "--mem=8GB")
    assert [flag for flag in wanted if f"#SBATCH {flag}" not in text] == []
    assert re.search(r"export SUBMITIT_PREEMPT_SIGNAL=USR1.*\nsrun ", text, re.S)


@pytest.mark.slow
def test_a_job_whose_time_is_up_is_queued_again_and_goes_on_with_what_is_missing(tmp_path, cluster):
    work, tasks = toy(tmp_path / "run", count=4)
    (tmp_path / "run").mkdir()
    order(work.root, 2, "sleep")
    waiting = threading.Thread(target=run_sections, args=(work, tasks, spread("slurm:2"), silent))
    waiting.start()
    _until((work.root / "2.asleep").exists)
    job = int((cluster / "0.pid").read_text())  # the first of two jobs has sections 0 and 2
    os.kill(job, signal.SIGUSR1)
    _until(lambda: (cluster / "scontrol.log").exists() and calls(work.root).count(2) == 2)
    assert (cluster / "scontrol.log").read_text() == "requeue 77_0\n"
    (work.root / "2.slip").unlink()
    waiting.join()
    assert sorted(calls(work.root)) == [0, 1, 2, 2, 3], "a finished section was done again"
    assert whole(work.root) == [0, 1, 2, 3]
    assert not leftovers(work.root)


@pytest.mark.slow
def test_sections_of_a_job_that_is_lost_are_named_and_those_it_finished_are_kept(tmp_path, cluster):
    work, tasks = toy(tmp_path / "run", count=6)
    (tmp_path / "run").mkdir()
    order(work.root, 2, "die")
    with pytest.raises(TasksFailed, match=r"A 2: RuntimeError: job 77_0 left no result .*its log is .*77_0_0_log.err"):
        run_sections(work, tasks, spread("slurm:2"), silent)
    assert whole(work.root) == [0, 1, 3, 5]
    records = [read_record(work.path(task, FAILURE), TaskFailure) for task in tasks]
    assert [record.section for record in records if record is not None] == [2, 4]
    order(work.root, 2, "nothing")
    assert run_sections(work, tasks, spread(), silent)
    assert sorted(calls(work.root)) == [0, 1, 2, 2, 3, 4, 5]


def test_jobs_that_slurm_refuses_are_told_with_its_reason(tmp_path, cluster):
    work, tasks = toy(tmp_path / "run", count=2)
    (tmp_path / "run").mkdir()
    choice = ExecutorChoice.parse("slurm:2", ("partition=none",))
    with pytest.raises(InputError, match=r"SLURM must take the jobs, but: .*invalid partition specified: none"):
        run_sections(work, tasks, Spread(executor=choice), silent)
    assert calls(work.root) == []


def test_a_parameter_that_submitit_does_not_know_is_refused(tmp_path, cluster):
    work, tasks = toy(tmp_path / "run", count=2)
    choice = ExecutorChoice.parse("slurm", ("wall=90",))
    with pytest.raises(InputError, match=r"--sbatch names parameters of submitit's jobs, but: .*wall"):
        run_sections(work, tasks, Spread(executor=choice), silent)


def test_a_machine_without_slurm_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    work, tasks = toy(tmp_path / "run", count=2)
    with pytest.raises(InputError, match="--executor slurm calls sbatch and srun, but this machine has none"):
        run_sections(work, tasks, spread("slurm"), silent)
