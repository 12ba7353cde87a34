"""A worker that is killed costs the section that it held; the rest goes on, and a rerun does what is missing."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from toys import calls, leftovers, order, spread, toy, whole

from gennari.errors import InputError, Interrupted
from gennari.execute import Failure, TasksFailed, silent
from gennari.pipeline.section_tasks import run_sections
from gennari.pipeline.task_records import CLAIM, FAILURE, RECEIPT, TaskFailure, TaskReceipt, is_finished, read_record
from gennari.workers import WorkerDied, Workers


def _reason(root: Path, section: int) -> str:
    work, tasks = toy(root)
    record = read_record(work.path(tasks[section], FAILURE), TaskFailure)
    assert record is not None
    return record.reason


def test_a_killed_worker_costs_its_section_and_the_rest_goes_on(tmp_path):
    work, tasks = toy(tmp_path)
    order(tmp_path, 3, "die")
    with pytest.raises(TasksFailed, match=r"1 of 10 sections of toy failed.*: A 3: WorkerDied: .* ended by SIGKILL"):
        run_sections(work, tasks, spread("local:2"), silent)
    assert whole(tmp_path) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert "was ended by SIGKILL (the system does that when memory runs out)" in _reason(tmp_path, 3)
    assert len(leftovers(tmp_path)) == 1
    order(tmp_path, 3, "nothing")
    assert run_sections(work, tasks, spread(), silent)
    assert sorted(calls(tmp_path)) == sorted([*range(10), 3]), "a finished section was done again"
    assert whole(tmp_path) == list(range(10))
    assert not leftovers(tmp_path)
    assert not work.path(tasks[3], FAILURE).exists()
    assert not work.path(tasks[3], CLAIM).exists()


def test_the_whole_run_killed_goes_on_where_it_was(tmp_path):
    program = (
        "import sys; from pathlib import Path; from toys import toy, spread\n"
        "from gennari.execute import silent; from gennari.pipeline.section_tasks import run_sections\n"
        "work, tasks = toy(Path(sys.argv[1])); run_sections(work, tasks, spread(), silent)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", program, str(tmp_path)]
    for section in (2, 5):
        order(tmp_path, section, "die once")
        done = subprocess.run(command, env=environment, timeout=120)
        assert done.returncode == -signal.SIGKILL
        assert whole(tmp_path) == list(range(section))
    work, tasks = toy(tmp_path)
    assert work.path(tasks[5], CLAIM).exists(), "what was being worked on is to be seen"
    assert run_sections(work, tasks, spread(), silent)
    assert calls(tmp_path) == [0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 9]
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("executor", ["", "local:2"])
def test_a_failed_section_is_named_with_its_reason_and_the_rest_goes_on(tmp_path, executor):
    work, tasks = toy(tmp_path)
    order(tmp_path, 1, "refuse")
    with pytest.raises(InputError, match="1 of 10 sections of toy failed, the others are done: A 1: section 1 must be"):
        run_sections(work, tasks, spread(executor), silent)
    assert _reason(tmp_path, 1) == "section 1 must be an image, but it is a poem; scan it again"
    order(tmp_path, 1, "break")
    with pytest.raises(TasksFailed, match="A 1: ZeroDivisionError: a bug"):
        run_sections(work, tasks, spread(executor), silent)
    assert sorted(calls(tmp_path)) == sorted([*range(10), 1])


def test_a_worker_that_dies_after_its_receipt_has_lost_nothing(tmp_path, monkeypatch):
    work, tasks = toy(tmp_path, count=2)
    assert run_sections(work, tasks, spread(), silent)
    work.path(tasks[1], RECEIPT).rename(tmp_path / "kept.json")

    def die_late(*_: object, **__: object) -> None:
        (tmp_path / "kept.json").rename(work.path(tasks[1], RECEIPT))
        raise TasksFailed("died", [_failure()], [None])

    monkeypatch.setattr("gennari.pipeline.section_tasks.run_tasks", die_late)
    assert run_sections(work, tasks, spread(), silent)


def _failure() -> Failure:
    return Failure(index=0, task="A 1", reason="WorkerDied: gone", trace="", bad_input=False, interrupted=False)


def test_a_section_that_another_process_works_on_is_left_to_it(tmp_path):
    work, tasks = toy(tmp_path, count=3)
    order(tmp_path, 1, "sleep")
    other = threading.Thread(target=run_sections, args=(work, tasks, spread(), silent))
    other.start()
    while not (tmp_path / "1.asleep").exists():
        time.sleep(0.01)
    with pytest.raises(Interrupted, match=r"another process .* still works on 1 of the sections: A 1"):
        run_sections(work, tasks, spread(), silent)
    assert whole(tmp_path) == [0, 2]
    (tmp_path / "1.slip").unlink()
    other.join()
    assert run_sections(work, tasks, spread(), silent)
    assert sorted(calls(tmp_path)) == [0, 1, 2]


def test_a_clock_that_is_set_back_changes_nothing(tmp_path):
    times = [datetime(2030, 1, 1, tzinfo=UTC) - timedelta(days=day) for day in range(100)]
    work, tasks = toy(tmp_path, count=4)
    order(tmp_path, 2, "break once")
    with pytest.raises(TasksFailed):
        run_sections(work, tasks, spread(), silent, now=lambda: times.pop(0))
    os.utime(tmp_path / "out/0.txt", (0, 0))
    assert run_sections(work, tasks, spread(), silent, now=lambda: times.pop(0))
    assert calls(tmp_path) == [0, 1, 2, 3, 2]
    made = [read_record(work.path(task, RECEIPT), TaskReceipt) for task in tasks]
    assert [receipt.finished[:10] for receipt in made] == ["2030-01-01", "2029-12-31", "2029-12-28", "2029-12-29"]
    assert all(0 <= receipt.seconds < 60 for receipt in made)
    assert all(is_finished(work, task) for task in tasks)


def test_workers_are_a_concurrent_futures_executor(tmp_path):
    with Workers(2) as workers:
        assert list(workers.map(abs, [-1, 2, -3])) == [1, 2, 3]
        with pytest.raises(ZeroDivisionError):
            workers.submit(divmod, 1, 0).result()
        with pytest.raises(RuntimeError, match="pickle"):
            workers.submit(threading.Lock).result()
        with pytest.raises(WorkerDied, match="left with exit code 3"):
            workers.submit(os._exit, 3).result()
        pids = {workers.submit(os.getpid).result() for _ in range(4)}
        assert os.getpid() not in pids
    assert 1 <= len(pids) <= 2


def test_terminated_workers_do_not_finish_what_they_hold():
    workers, began = Workers(1), time.monotonic()
    held, waiting = workers.submit(time.sleep, 600), workers.submit(abs, -1)
    while not held.running():
        time.sleep(0.01)
    time.sleep(0.2)
    workers.terminate()
    with pytest.raises(WorkerDied):
        held.result()
    assert waiting.cancelled()
    assert time.monotonic() - began < 300


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_the_process_that_asks(tmp_path, number):
    program = (
        "import os, sys, time\nfrom gennari.workers import Workers\n"
        "if __name__ == '__main__':\n"
        "    workers = Workers(1)\n"
        "    print(workers.submit(os.getpid).result(), flush=True)\n"
        "    workers.submit(time.sleep, 600).result()\n"
    )
    (tmp_path / "parent.py").write_text(program)
    with subprocess.Popen([sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(number)
    for _ in range(1200):
        if not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text():
            return
        time.sleep(0.05)
    raise AssertionError("the worker goes on without its parent")
