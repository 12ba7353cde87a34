"""Sections as tasks: done once, whoever does them and however often they are asked for."""

import threading
import time

import pytest
from toys import calls, leave_number, order, spread, toy, whole

from gennari.errors import InputError, Interrupted
from gennari.execute import Tick, silent, usable_cores
from gennari.pipeline.section_tasks import Part, do_section, run_sections
from gennari.pipeline.task_records import FAILURE, PLAN, RECEIPT, Plan, TaskReceipt, is_finished, read_record, utc_now
from gennari.sources.documents import read_json


def test_a_section_that_is_finished_is_not_done_again(tmp_path):
    work, tasks = toy(tmp_path)
    ticks: list[Tick] = []
    assert run_sections(work, tasks, spread(), ticks.append)
    assert ticks[-1] == Tick("sections of toy", 10, 10, "A 9")
    assert run_sections(work, tasks, spread("local:2"), ticks.append)
    assert ticks[-1] == Tick("toy", 10, 10, "already finished")
    assert calls(tmp_path) == list(range(10))


def test_a_receipt_says_what_was_made_from_what(tmp_path):
    work, tasks = toy(tmp_path, count=1)
    run_sections(work, tasks, spread(), silent)
    receipt = read_json(work.path(tasks[0], RECEIPT), TaskReceipt)
    assert work.path(tasks[0], RECEIPT) == tmp_path / "tasks/toy/A/0000.json"
    assert (receipt.brain, receipt.section, receipt.outputs) == ("A", 0, ("out/0.txt",))
    assert (receipt.inputs, receipt.code, receipt.weights) == ("A 0", work.code, "w")
    assert 0 <= receipt.seconds < 60
    assert read_json(work.folder / PLAN, Plan).sections == (("A", 0),)


@pytest.mark.parametrize("change", ["inputs", "weights", "code", "output", "receipt", "outputs"])
def test_a_section_is_done_again_where_what_it_was_made_from_has_changed(tmp_path, change):
    work, tasks = toy(tmp_path, count=3)
    run_sections(work, tasks, spread(), silent)
    again = [1]
    if change == "inputs":
        (tmp_path / "1.input").write_text("another scan")
    elif change == "output":
        (tmp_path / "out/1.txt").unlink()
    elif change == "receipt":
        path = work.path(tasks[1], RECEIPT)
        path.write_text(path.read_text()[:40])
    elif change == "outputs":
        (tmp_path / "out/more.txt").touch()
        tasks[1] = type(tasks[1])(brain="A", section=1, outputs=("out/1.txt", "out/more.txt"))
    else:
        again = [0, 1, 2]
        work = type(work)(**{**vars(work), change: "another"})
    if change == "outputs":  # the toy does not make it, and that is a failure of the toy's
        with pytest.raises(Exception, match=r"toy of A 1 must leave out/more\.txt, but did not"):
            run_sections(work, tasks, spread(), silent)
    else:
        assert run_sections(work, tasks, spread(), silent)
    assert calls(tmp_path)[3:] == again


def test_workers_with_other_code_are_refused(tmp_path):
    work, tasks = toy(tmp_path, count=2)
    other = type(work)(**{**vars(work), "code": "of another version"})
    with pytest.raises(InputError, match="made by one version of gennari, but this worker has another"):
        run_sections(other, tasks, spread("local:1"), silent)
    assert calls(tmp_path) == []


def test_parts_share_the_sections_and_the_last_one_finishes_the_stage(tmp_path):
    work, tasks = toy(tmp_path)
    assert [run_sections(work, tasks, spread(part=f"{i}/3"), silent) for i in (1, 2, 3)] == [False, False, True]
    assert calls(tmp_path) == [0, 3, 6, 9, 1, 4, 7, 2, 5, 8]
    assert whole(tmp_path) == list(range(10))


def test_parts_at_the_same_time_do_each_section_once(tmp_path):
    work, tasks = toy(tmp_path, count=30)
    parts = [
        threading.Thread(target=run_sections, args=(work, tasks, spread("local:1", f"{i}/2"), silent)) for i in (1, 2)
    ]
    for part in parts:
        part.start()
    for part in parts:
        part.join()
    assert sorted(calls(tmp_path)) == list(range(30))
    assert run_sections(work, tasks, spread(), silent)


@pytest.mark.parametrize("text", ["", "2", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2", "1.5/2"])
def test_a_part_that_is_none_is_refused(text):
    with pytest.raises(InputError, match=r"a part is i/N with 1 <= i <= N, such as 2/4, got"):
        Part.parse(text)


def test_the_share_of_the_machine_is_handed_to_the_section(tmp_path):
    work, tasks = toy(tmp_path, count=1)
    do_section(work, tasks[0], side_by_side=1, elsewhere=False, now=utc_now)
    work.path(tasks[0], RECEIPT).unlink()
    do_section(work, tasks[0], side_by_side=1000, elsewhere=False, now=utc_now)
    threads = [int(line.split()[2]) for line in (tmp_path / "calls.log").read_text().splitlines()]
    assert threads == [usable_cores(), 1]


def test_a_section_that_was_interrupted_leaves_no_failure(tmp_path, monkeypatch):
    work, tasks = toy(tmp_path, count=2)

    def stop(brain: str, section: int, threads: int) -> list:
        raise Interrupted("stopped after step 7")

    stopping = type(work)(**{**vars(work), "function": stop})
    with pytest.raises(Interrupted, match="stopped after step 7"):
        run_sections(stopping, tasks, spread(), silent)
    assert not work.path(tasks[0], FAILURE).exists()
    assert not is_finished(work, tasks[0])


def test_a_receipt_comes_after_the_outputs_stand(tmp_path):
    work, tasks = toy(tmp_path, count=1)
    order(tmp_path, 0, "sleep")
    doing = threading.Thread(target=run_sections, args=(work, tasks, spread(), silent))
    doing.start()
    while not (tmp_path / "0.asleep").exists():
        time.sleep(0.01)
    assert whole(tmp_path) == []
    assert read_record(work.path(tasks[0], RECEIPT), TaskReceipt) is None
    (tmp_path / "0.slip").unlink()
    doing.join()
    assert whole(tmp_path) == [0]
    assert is_finished(work, tasks[0])


def test_a_part_that_left_less_than_is_asked_for_now_is_not_the_whole(tmp_path):
    work, tasks = toy(tmp_path, count=2)
    assert not run_sections(work, tasks, spread(part="2/2"), silent)
    more = [type(task)(brain="A", section=task.section, outputs=("shared.txt", *task.outputs)) for task in tasks]

    def leave_more(brain: str, section: int, threads: int) -> list:
        (tmp_path / "shared.txt").touch()
        return [*leave_number(tmp_path, brain, section, threads), tmp_path / "shared.txt"]

    asking = type(work)(**{**vars(work), "function": leave_more})
    assert not run_sections(asking, more, spread(part="1/2"), silent)
    assert run_sections(asking, more, spread(part="2/2"), silent)
    assert calls(tmp_path) == [1, 0, 1]
