import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gennari.errors import InputError, Interrupted
from gennari.execute import TasksFailed, Tick, bytes_words, run_tasks


@pytest.fixture(autouse=True)
def _children_find_this_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[1])  # a spawned child is handed sys.path


def square(value: int) -> int:
    return value * value


def square_unless_three(value: int) -> int:
    if value == 3:
        raise ZeroDivisionError("three is one too many")
    return value * value


class NeedsTwo(Exception):
    """Pickles, but cannot be unpickled."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)


def raise_what_does_not_unpickle(value: int) -> int:
    raise NeedsTwo(str(value), "b")


def refuse(value: int) -> int:
    raise InputError(f"sections must be even, got {value}; give another")


def die_at_two(value: int) -> int:
    if value == 2:
        os._exit(1)
    return value


def stop_at_two(value: int) -> int:
    if value == 2:
        raise Interrupted("stopped after step 7")
    return value


def sleep_long(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    time.sleep(600)


def lambda_of(value: int) -> object:
    return lambda: value


def test_results_come_in_the_order_of_the_tasks_in_this_process_and_in_others():
    expected = [square(value) for value in range(6)]
    assert run_tasks(square, range(6)) == expected
    assert run_tasks(square, range(6), workers=2) == expected


def test_no_tasks_give_no_results():
    assert run_tasks(square, []) == []
    assert run_tasks(square, [], workers=2) == []


def test_one_worker_runs_in_this_process():
    assert run_tasks(lambda _: os.getpid(), [0, 1]) == [os.getpid()] * 2


def test_a_given_executor_is_used_and_left_open():
    with ThreadPoolExecutor(1) as executor:
        assert run_tasks(lambda _: os.getpid(), [0], executor=executor) == [os.getpid()]
        assert executor.submit(square, 3).result() == 9


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_task_is_named_with_its_reason_and_the_others_are_done(workers: int):
    with pytest.raises(
        TasksFailed, match=r"1 of 5 sections failed, .*: section 3: ZeroDivisionError: three is one"
    ) as caught:
        run_tasks(square_unless_three, range(5), workers=workers, stage="sections", name=lambda task: f"section {task}")
    assert caught.value.results == (0, 1, 4, None, 16)
    (failure,) = caught.value.failures
    assert (failure.index, failure.task) == (3, "section 3")
    assert "square_unless_three" in failure.trace


def test_only_the_first_three_failures_are_spelled_out():
    with pytest.raises(TasksFailed, match=r"4 of 4 tasks failed.*; and 1 more$"):
        run_tasks(square_unless_three, [3] * 4)


def test_an_exception_that_does_not_survive_pickling_is_reported_all_the_same():
    with pytest.raises(TypeError):
        pickle.loads(pickle.dumps(NeedsTwo("a", "b")))
    with pytest.raises(TasksFailed, match="NeedsTwo: 7"):
        run_tasks(raise_what_does_not_unpickle, [7], workers=2)


def test_a_result_that_cannot_be_pickled_is_a_failure_of_its_task():
    with pytest.raises(TasksFailed, match=r"1 of 1 tasks failed.*pickle"):
        run_tasks(lambda_of, [1], workers=2)


def test_a_worker_that_dies_costs_its_task_and_the_rest_goes_on():
    with pytest.raises(
        TasksFailed, match=r"1 of 9 tasks failed, .*: 2: WorkerDied: .* left with exit code 1"
    ) as caught:
        run_tasks(die_at_two, range(9), workers=2)
    assert caught.value.results == (0, 1, None, 3, 4, 5, 6, 7, 8)


def test_bad_input_alone_stays_bad_input():
    with pytest.raises(InputError, match="1 of 1 tasks failed, the others are done: 5: sections must be even, got 5"):
        run_tasks(refuse, [5])


def test_ticks_count_every_task_and_name_failures():
    ticks: list[Tick] = []
    with pytest.raises(TasksFailed):
        run_tasks(square_unless_three, [2, 3], tick=ticks.append, stage="squares")
    assert ticks == [
        Tick("squares", 1, 2, "2"),
        Tick("squares", 2, 2, "3 failed (ZeroDivisionError: three is one too many)"),
    ]


def test_long_tasks_are_announced_before_the_first():
    ticks: list[Tick] = []
    run_tasks(square_unless_three, [2, 4], tick=ticks.append, stage="squares", announced=True)
    assert [(tick.stage, tick.done, tick.total) for tick in ticks] == [("squares", n, 2) for n in range(3)]
    run_tasks(square_unless_three, [], tick=ticks.append, announced=True)
    assert len(ticks) == 3


def test_an_interruption_cancels_what_has_not_begun():
    begun: list[int] = []
    first_is_told = threading.Event()

    def work(value: int) -> None:
        begun.append(value)
        if value:
            first_is_told.wait(timeout=10)

    def stop(tick: Tick) -> None:
        raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(KeyboardInterrupt):
            run_tasks(work, range(50), executor=executor, tick=stop)
        first_is_told.set()
    assert len(begun) <= 2


def test_less_than_one_worker_is_refused():
    with pytest.raises(ValueError, match="at least one worker, got 0"):
        run_tasks(square, [1], workers=0)


def test_results_are_kept_as_they_come_and_those_of_failed_tasks_are_not():
    kept = []
    with pytest.raises(TasksFailed):
        run_tasks(square_unless_three, range(5), keep=lambda task, result: kept.append((task, result)))
    assert kept == [(0, 0), (1, 1), (2, 4), (4, 16)]


def test_what_was_kept_stands_when_the_rest_is_interrupted():
    kept, turns = [], threading.Semaphore(1)  # a task begins when the one before was told, so that they end in order

    def work(number: int) -> int:
        turns.acquire()
        return square(number)

    def stop(tick: Tick) -> None:
        if tick.done == 2:
            raise KeyboardInterrupt
        if tick.done == 1:
            turns.release()

    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(KeyboardInterrupt):
            run_tasks(work, range(50), executor=executor, tick=stop, keep=lambda task, result: kept.append(task))
        turns.release(50)
    assert kept == [0, 1]


def test_a_task_that_was_interrupted_interrupts_the_whole_and_can_be_resumed():
    with pytest.raises(Interrupted, match="1 of 3 tasks failed, the others are done: 2: stopped after step 7"):
        run_tasks(stop_at_two, [1, 2, 3])


def test_workers_are_ended_when_their_tasks_are_left_by_an_exception(tmp_path):
    def stop(tick: Tick) -> None:
        raise KeyboardInterrupt

    before = time.monotonic()
    tasks = [tmp_path / "no folder", tmp_path]  # the first fails at once and is told
    with pytest.raises(KeyboardInterrupt):
        run_tasks(sleep_long, tasks, workers=2, tick=stop)
    assert time.monotonic() - before < 300, "the sleeper was waited for"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_parent(tmp_path, number):
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from pathlib import Path
from gennari.execute import run_tasks
from tests.test_execute import sleep_long
if __name__ == "__main__":
    run_tasks(sleep_long, [Path({str(tmp_path)!r})] * 2, workers=2)
"""
    (tmp_path / "parent.py").write_text(script)
    parent = subprocess.Popen([sys.executable, tmp_path / "parent.py"])
    workers = _until(lambda: [int(path.name) for path in tmp_path.iterdir() if path.name.isdigit()], 2)
    parent.send_signal(number)
    parent.wait(timeout=60)
    _until(lambda: [pid for pid in workers if not _alive(pid)], 2)


def _until(found, count: int) -> list[int]:
    for _ in range(1200):
        if len(pids := found()) == count:
            return pids
        time.sleep(0.05)
    raise AssertionError(f"not {count} within a minute: {found()}")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (12_345_678, "12.3 MB"),
        (10**15, "1000.0 TB"),
    ],
)
def test_bytes_are_said_in_the_unit_that_suits_them(count, words):
    assert bytes_words(count) == words


def test_a_tick_counts_tasks_or_bytes():
    assert Tick("draw", 3, 10).amount == "3/10"
    assert Tick("fetch", 1500, 3_000_000, unit="B").amount == "1.5 kB/3.0 MB"
