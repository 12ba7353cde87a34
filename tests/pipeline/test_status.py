"""How far a run is, counted from what stands on disk."""

import pytest

from gennari.errors import InputError
from gennari.pipeline.claims import claimed
from gennari.pipeline.stages import locked
from gennari.pipeline.status import run_status, status_words
from gennari.pipeline.task_records import CLAIM, FAILURE, RECEIPT, TaskFailure, TaskReceipt, task_path
from gennari.sources.atomic import write_json
from gennari.sources.documents import read_json


def _segment(run):
    return next(stage for stage in run_status(run).stages if stage.stage == "segment")


def test_a_finished_run_says_so_stage_by_stage(finished):
    status = run_status(finished.root)
    assert [stage.stage for stage in status.stages][:3] == ["sample", "pack", "pretrain"]
    assert all(stage.finished for stage in status.stages)
    assert not status.busy
    lines = status_words(status).splitlines()
    assert lines[0].startswith("sample               finished in ")
    assert any(line.startswith("segment") and line.endswith(", 4 sections") for line in lines)


def test_sections_are_counted_by_what_became_of_them(copied):
    run = copied / "run"
    (run / "receipts/segment.json").unlink()
    sections = [(path.parent.name, int(path.stem)) for path in sorted((run / "tasks/segment").glob("*/*.json"))]
    places = [
        {ending: task_path(run, "segment", *place, ending) for ending in (RECEIPT, FAILURE, CLAIM)}
        for place in sections
    ]
    failure = TaskFailure(
        brain=sections[0][0], section=sections[0][1], reason="it is a poem", trace="", bad_input=True, failed=""
    )
    for place in places[:3]:
        place[RECEIPT].unlink()
    write_json(places[0][FAILURE], failure)
    places[1][CLAIM].touch()
    with claimed(places[2][CLAIM]):
        stage = _segment(run)
        assert (stage.total, stage.done, stage.running, stage.broken_off, stage.left) == (4, 1, 1, 1, 0)
        assert stage.failed == (failure,)
        words = status_words(run_status(run))
    assert "1 of 4 sections done, 1 running, 1 failed, 1 broken off\n" in words
    assert f"{failure.brain} {failure.section}: it is a poem" in words
    places[0][FAILURE].unlink()
    assert _segment(run).left == 2
    receipt = read_json(places[3][RECEIPT], TaskReceipt)
    write_json(places[3][RECEIPT], receipt.model_copy(update={"code": "older"}))
    assert _segment(run).made_otherwise == 1
    assert "0 of 4 sections done, 1 broken off, 1 made by other code or weights, 2 not begun" in status_words(
        run_status(run)
    )


def test_a_run_in_which_nothing_is_finished_says_that(fresh):
    assert status_words(run_status(fresh.root)) == "nothing is finished yet"


def test_whoever_holds_the_run_is_seen(gennari_holding):
    assert run_status(gennari_holding).busy
    assert status_words(run_status(gennari_holding)).endswith("a process works in this run now")


@pytest.fixture
def gennari_holding(fresh):
    with locked(fresh.root):
        yield fresh.root


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="a run folder holds run"):
        run_status(tmp_path)


def test_status_changes_nothing(copied):
    run = copied / "run"
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in run.rglob("*")}
    run_status(run)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in run.rglob("*")} == before
