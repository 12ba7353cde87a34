import base64
import hashlib
import json
import re
from unittest.mock import Mock

import pytest

from gennari.errors import InputError, Interrupted
from gennari.sources import downloads
from gennari.sources.downloads import MOST_CHANGES, Patience, download, part_length, patiently, read_hashes
from gennari.sources.http_requests import ServerTrouble, UnknownHost, look_up

OLD, NEW = bytes(range(256)) * 40, bytes(range(255, -1, -1)) * 40
QUICK = Patience(timeout_s=0.3, tries=3, wait_s=0.0)


@pytest.fixture
def fetch(server, tmp_path):
    """fetch(): downloads /a.bin to a.bin; what was told of bytes is in fetch.told."""
    server.files["/a.bin"] = OLD

    def run(sha256=None, patience=QUICK):
        remote = look_up(f"{server.url}/a.bin", 2.0)
        return download(remote, tmp_path / "a.bin", patience, sha256, run.told.append)

    run.told = []
    return run


def left(tmp_path):
    return sorted(path.name for path in tmp_path.iterdir())


def test_a_file_comes_whole_and_nothing_else_is_left(fetch, server, tmp_path):
    fetched = fetch()
    assert (tmp_path / "a.bin").read_bytes() == OLD
    assert left(tmp_path) == ["a.bin"]
    assert fetched.sha256 == hashlib.sha256(OLD).hexdigest()
    assert (fetched.length, fetched.version) == (len(OLD), server.etag("/a.bin"))
    assert fetch.told[-1] == len(OLD)


@pytest.mark.parametrize("fault", [("truncate", 4000), ("stall", 4000)])
def test_what_came_before_a_break_is_not_asked_for_again(fetch, server, tmp_path, fault):
    server.faults = [fault, ("truncate", 1000)]
    fetch()
    assert (tmp_path / "a.bin").read_bytes() == OLD
    asked = [request[2] for request in server.requests if request[0] == "GET"]
    assert asked == ["", "bytes=4000-", "bytes=5000-"]


def test_a_server_in_trouble_is_asked_again(fetch, server, tmp_path):
    server.faults = [500, 503]
    fetch()
    assert (tmp_path / "a.bin").read_bytes() == OLD


def test_lasting_trouble_ends_as_work_that_can_go_on_and_the_next_call_does(fetch, server, tmp_path):
    server.faults = [("truncate", 4000), 500, 500, 500]
    with pytest.raises(Interrupted, match=r"500 .*, 3 times in sequence; 4000 of 10240 bytes are kept"):
        fetch()
    assert left(tmp_path) == ["a.bin.part", "a.bin.part.json"]
    assert part_length(tmp_path / "a.bin") == 4000
    server.requests.clear()
    fetch()
    assert server.requests[-1] == ("GET", "/a.bin", "bytes=4000-")
    assert (tmp_path / "a.bin").read_bytes() == OLD


def test_tries_begin_anew_where_bytes_came(fetch, server, tmp_path):
    server.faults = [500, 500, ("truncate", 10), 500, 500]
    fetch()
    assert (tmp_path / "a.bin").read_bytes() == OLD


def test_a_file_that_changed_between_two_calls_is_fetched_anew(fetch, server, tmp_path):
    server.faults = [("truncate", 4000), 500, 500, 500]
    with pytest.raises(Interrupted):
        fetch()
    server.files["/a.bin"] = NEW
    fetch()
    assert (tmp_path / "a.bin").read_bytes() == NEW


def test_a_file_that_changes_between_two_requests_is_never_joined_from_both(fetch, server, tmp_path):
    server.faults = [("truncate", 4000)]
    asked = iter(range(9))

    def change(there):
        if next(asked) == 0:
            server.files["/a.bin"] = NEW

    remote = look_up(f"{server.url}/a.bin", 2.0)
    fetched = download(remote, tmp_path / "a.bin", QUICK, None, change)
    assert (tmp_path / "a.bin").read_bytes() == NEW
    assert fetched.version == server.etag("/a.bin")


def test_a_server_that_ignores_if_range_is_found_out(fetch, server, tmp_path, monkeypatch):
    monkeypatch.setattr(type(server), "etag", lambda self, path: '"same"')
    server.faults = [("truncate", 4000), 500, 500, 500]
    with pytest.raises(Interrupted):
        fetch()
    server.files["/a.bin"] = NEW[:9000]
    fetch()
    assert (tmp_path / "a.bin").read_bytes() == NEW[:9000]


def test_a_file_that_keeps_changing_is_refused(server, tmp_path):
    server.files["/a.bin"] = OLD
    remotes = iter(range(99))

    def stale(url, timeout_s):
        found = look_up(url, timeout_s)
        server.files["/a.bin"] = OLD + bytes(next(remotes) + 1)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(downloads, "look_up", stale)
        remote = stale(f"{server.url}/a.bin", 2.0)
        with pytest.raises(InputError, match=f"changed {MOST_CHANGES} times; try again later"):
            download(remote, tmp_path / "a.bin", QUICK, None, print)
    assert not (tmp_path / "a.bin").exists()


def test_a_server_without_ranges_gives_the_file_from_its_beginning(fetch, server, tmp_path):
    server.ranges, server.faults = False, [("truncate", 4000)]
    fetch()
    assert (tmp_path / "a.bin").read_bytes() == OLD


def test_without_a_version_a_part_is_not_gone_on_with(fetch, server, tmp_path):
    server.versions, server.faults = False, [("truncate", 4000)]
    fetch()
    assert [request[2] for request in server.requests if request[0] == "GET"] == ["", ""]
    assert (tmp_path / "a.bin").read_bytes() == OLD


def test_a_shorter_file_whose_bytes_are_out_of_range_is_fetched_anew(fetch, server, tmp_path):
    server.faults = [("truncate", 4000), 416]
    fetch()
    assert (tmp_path / "a.bin").read_bytes() == OLD


def test_a_part_whose_note_was_cut_short_is_begun_anew(fetch, server, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(b"something else")
    (tmp_path / "a.bin.part.json").write_text('{"url": "ht')
    fetch()
    assert (tmp_path / "a.bin").read_bytes() == OLD


def test_a_wrong_hash_is_refused_and_the_bytes_are_gone(fetch, tmp_path):
    with pytest.raises(InputError, match=r"must have the sha256 0{64}, but what came has"):
        fetch(sha256="0" * 64)
    assert left(tmp_path) == []
    assert fetch(sha256=hashlib.sha256(OLD).hexdigest().upper()).length == len(OLD)


def test_a_digest_of_the_server_is_checked_too(fetch, server, tmp_path):
    server.headers["Content-MD5"] = base64.b64encode(hashlib.md5(NEW).digest()).decode()
    with pytest.raises(InputError, match="must have the md5"):
        fetch()
    assert left(tmp_path) == []


def test_a_file_that_is_there_is_not_touched(fetch, tmp_path):
    (tmp_path / "a.bin").write_bytes(b"mine")
    with pytest.raises(InputError, match="is there already; move it away or keep it"):
        fetch()
    assert (tmp_path / "a.bin").read_bytes() == b"mine"


def test_a_full_disk_is_not_taken_for_the_servers_trouble(fetch, monkeypatch):
    def full(handle, block):
        raise InputError("a download needs a disk with room")

    monkeypatch.setattr(downloads, "_append", full)
    with pytest.raises(InputError, match="room"):
        fetch()


def test_writing_that_fails_says_what_to_do():
    refused = pytest.raises(InputError, match=r"No space left .* what came is kept")
    with open("/dev/full", "wb", buffering=0) as handle, refused:
        downloads._append(handle, b"x")


def test_an_empty_file_is_a_file(fetch, server, tmp_path):
    server.files["/a.bin"] = b""
    assert fetch().length == 0
    assert (tmp_path / "a.bin").read_bytes() == b""


def test_look_ups_are_patient_too():
    asked = iter([ServerTrouble("500"), ServerTrouble("500"), "found"])

    def ask():
        outcome = next(asked)
        if isinstance(outcome, ServerTrouble):
            raise outcome
        return outcome

    assert patiently(ask, QUICK) == "found"
    asked = iter([ServerTrouble("500")] * 3)
    with pytest.raises(Interrupted, match="500, 3 times in sequence"):
        patiently(ask, QUICK)


def test_a_server_without_address_is_not_waited_for():
    ask = Mock(side_effect=UnknownHost("no address of the server is known"))
    with pytest.raises(InputError, match="no address of the server is known; check the base URL"):
        patiently(ask, QUICK)
    assert ask.call_count == 1


@pytest.mark.parametrize("wrong", [{"timeout_s": 0.0}, {"tries": 0}, {"wait_s": -1.0}])
def test_impatience_is_refused(wrong):
    with pytest.raises(InputError, match="tries are 1 or more"):
        Patience(**wrong)


def test_hashes_are_read_as_sha256sum_writes_them(tmp_path):
    path = tmp_path / "SHA256SUMS"
    path.write_text(f"{'a' * 64}  aligned/B20_0047.tif\n{'B' * 64} *pm0001o.png\n\n")
    assert read_hashes(path) == {"B20_0047.tif": "a" * 64, "pm0001o.png": "b" * 64}
    path.write_text(json.dumps({"a": 1}))
    with pytest.raises(InputError, match=re.escape(f"line 1 of {path}")):
        read_hashes(path)
