"""Locks that go with their holder."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from gennari.pipeline import claims
from gennari.pipeline.claims import claimed, is_claimed, turn


def test_one_at_a_time_holds_a_claim_and_it_stands_only_while_it_is_held(tmp_path):
    path = tmp_path / "folder" / "A.lock"
    assert not is_claimed(path)
    with claimed(path) as first:
        assert first
        assert is_claimed(path)
        with claimed(path) as second:
            assert not second
        assert is_claimed(path), "who did not get it must not take it away"
    assert not path.exists()
    assert not is_claimed(path)


def test_a_killed_holder_leaves_a_file_that_the_next_one_takes(tmp_path):
    path = tmp_path / "A.lock"
    program = (
        "import os, sys; from pathlib import Path; from gennari.pipeline.claims import claimed\n"
        "with claimed(Path(sys.argv[1])) as ours:\n    assert ours; os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program, path], timeout=60).returncode == -9
    assert path.exists()
    assert not is_claimed(path)
    with claimed(path) as ours:
        assert ours


def test_a_claim_is_given_up_when_the_work_fails(tmp_path):
    path = tmp_path / "A.lock"
    try:
        with claimed(path):
            raise KeyError
    except KeyError:
        assert not path.exists()


def test_a_file_that_was_removed_before_it_was_locked_is_no_claim(tmp_path, monkeypatch):
    path, opened, real = tmp_path / "A.lock", [], os.open

    def removed_at_once(name: Path, *arguments: int) -> int:
        handle = real(name, *arguments)
        opened.append(handle)
        if len(opened) == 1:  # as if its holder finished just now
            path.unlink()
        return handle

    monkeypatch.setattr(claims.os, "open", removed_at_once)
    with claimed(path) as ours:
        assert ours
        assert path.exists()
    assert len(opened) == 2


def test_who_is_asked_about_at_this_moment_is_not_taken_for_held(tmp_path):
    path, stop, refused = tmp_path / "A.lock", threading.Event(), []

    def ask() -> None:
        while not stop.is_set():
            is_claimed(path)

    asking = threading.Thread(target=ask)
    asking.start()
    for _ in range(200):
        with claimed(path) as ours:
            refused += [] if ours else [1]
    stop.set()
    asking.join()
    assert not refused


def test_those_who_take_turns_wait_for_each_other(tmp_path):
    path, inside, most = tmp_path / "folder" / "begin.lock", [], []

    def work() -> None:
        with turn(path):
            inside.append(0)
            most.append(len(inside))
            time.sleep(0.02)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert most == [1, 1, 1, 1]
