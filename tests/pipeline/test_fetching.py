import hashlib
import json
import shutil
from collections import namedtuple

import pytest

from gennari.errors import InputError, Interrupted
from gennari.execute import silent
from gennari.pipeline.fetching import check_kept, check_room, fetch, plan_fetch, plan_words
from gennari.sources.bigbrain_release import ReleaseFile
from gennari.sources.downloads import Patience

QUICK = Patience(timeout_s=0.3, tries=2, wait_s=0.0)


@pytest.fixture
def plan(server, tmp_path):
    """plan(): of two files of 3000 and 500 bytes, to tmp_path/out."""
    server.files |= {"/deep/a.tif": b"a" * 3000, "/b.json": b"b" * 500}
    files = [ReleaseFile(url=f"{server.url}/{name}", path=name) for name in ("deep/a.tif", "b.json")]
    return lambda: plan_fetch(tmp_path / "out", files, "CC BY", QUICK, silent)


def index(tmp_path):
    return json.loads((tmp_path / "out" / "fetched.json").read_text())


def test_a_plan_fetches_nothing_and_makes_no_folder(plan, server, tmp_path):
    made = plan()
    assert made.missing == 3500
    assert {request[0] for request in server.requests} == {"HEAD"}
    assert not (tmp_path / "out").exists()
    assert plan_words(made).splitlines() == [
        "    3.0 kB  fetch  deep/a.tif",
        "     500 B  fetch  b.json",
        f"    3.5 kB  to fetch, in 2 of 2 files, to {tmp_path / 'out'}",
        "CC BY",
    ]


def test_long_plans_are_summed_up(plan, server, tmp_path):
    server.files |= {f"/{k}": b"x" * 10 for k in range(20)}
    files = [ReleaseFile(url=f"{server.url}/{k}", path=f"{k}") for k in range(20)]
    lines = plan_words(plan_fetch(tmp_path, files, "CC BY", QUICK, silent)).splitlines()
    assert len(lines) == 15
    assert lines[12] == "      80 B         in 8 more, the last is 19"


def test_all_missing_files_are_told_before_anything_is_fetched(plan, server):
    del server.files["/b.json"]
    with pytest.raises(InputError, match=r"1 of 2 look up failed, the others are done: b\.json: .* answers 404"):
        plan()


def test_files_come_with_their_licence_and_their_hashes(plan, server, tmp_path, ticks):
    made = fetch(plan(), QUICK, {}, ticks.append)
    out = tmp_path / "out"
    assert made == [out / "deep/a.tif", out / "b.json"]
    assert (out / "deep/a.tif").read_bytes() == b"a" * 3000
    assert (out / "LICENCE.txt").read_text() == "CC BY\n"
    assert index(tmp_path)["b.json"] == {
        "url": f"{server.url}/b.json", "length": 500, "version": server.etag("/b.json"),
        "sha256": hashlib.sha256(b"b" * 500).hexdigest(),
    }  # fmt: skip
    assert [(tick.done, tick.total, tick.unit) for tick in ticks] == [(3000, 3500, "B"), (3500, 3500, "B")]


def test_what_is_there_is_not_fetched_again(plan, server, tmp_path):
    fetch(plan(), QUICK, {}, silent)
    server.requests.clear()
    again = plan()
    assert again.missing == 0
    assert fetch(again, QUICK, {}, silent) == []
    assert {request[0] for request in server.requests} == {"HEAD"}


def test_a_second_call_goes_on_after_trouble(plan, server, tmp_path, ticks):
    server.faults = [("truncate", 1000), 500, 500]
    with pytest.raises(Interrupted):
        fetch(plan(), QUICK, {}, silent)
    again = plan()
    assert (again.missing, again.files[0].state, again.files[0].kept) == (2500, "go on", 1000)
    fetch(again, QUICK, {}, ticks.append)
    assert (ticks[-1].done, ticks[-1].total) == (2500, 2500)
    assert (tmp_path / "out/deep/a.tif").read_bytes() == b"a" * 3000


def test_a_file_that_came_another_way_is_kept_if_it_is_as_long_and_refused_else(plan, tmp_path):
    (tmp_path / "out").mkdir()
    mine = tmp_path / "out/b.json"
    mine.write_bytes(b"m" * 500)
    made = plan()
    assert [planned.state for planned in made.files] == ["fetch", "there"]
    fetch(made, QUICK, {}, silent)
    assert mine.read_bytes() == b"m" * 500
    mine.write_bytes(b"short")
    with pytest.raises(InputError, match=r"must be as long as the file on the server \(500 bytes\), but it has 5"):
        plan()


def test_a_newer_file_on_the_server_is_told_and_ours_is_kept(plan, server, tmp_path):
    fetch(plan(), QUICK, {}, silent)
    server.files["/b.json"] = b"newer"
    made = plan()
    assert made.files[1].state == "there, and another one on the server"
    assert fetch(made, QUICK, {}, silent) == []
    assert (tmp_path / "out/b.json").read_bytes() == b"b" * 500


def test_kept_files_are_verified_by_what_was_noted_and_by_given_hashes(plan, tmp_path, ticks):
    fetch(plan(), QUICK, {}, silent)
    check_kept(plan(), {}, True, ticks.append)
    assert [tick.note for tick in ticks] == ["deep/a.tif", "b.json"]
    (tmp_path / "out/b.json").write_bytes(b"B" * 500)
    check_kept(plan(), {}, False, silent)
    with pytest.raises(InputError, match=r"b\.json must have the SHA-256 .*: it was damaged or changed"):
        check_kept(plan(), {}, True, silent)
    with pytest.raises(InputError, match="must have the SHA-256 0000"):
        check_kept(plan(), {"a.tif": "0" * 64}, False, silent)


def test_given_hashes_are_checked_while_fetching(plan):
    with pytest.raises(InputError, match="must have the sha256 0000"):
        fetch(plan(), QUICK, {"a.tif": "0" * 64}, silent)


def test_too_much_is_refused_before_the_first_byte(plan, monkeypatch):
    made = plan()
    check_room(made, 3500)
    with pytest.raises(InputError, match=r"at most 3\.0 kB .* but 3\.5 kB are missing; .* --max-gb"):
        check_room(made, 3000)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(9e9, 9e9, 100))
    with pytest.raises(InputError, match=r"needs 3\.5 kB, but 100 B are free"):
        check_room(made, 10**9)


def test_another_licence_is_not_overwritten(plan, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/LICENCE.txt").write_text("mine")
    with pytest.raises(InputError, match=r"LICENCE\.txt is another text"):
        fetch(plan(), QUICK, {}, silent)
    assert (tmp_path / "out/LICENCE.txt").read_text() == "mine"
