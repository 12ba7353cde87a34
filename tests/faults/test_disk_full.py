"""A disk that is full: what was finished stays, what was not is named, and with room again the rest is done."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from toys import calls, leftovers, spread, toy, whole

from gennari.execute import TasksFailed, silent
from gennari.pipeline.section_tasks import run_sections
from gennari.pipeline.task_records import is_finished


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("needs `mount`, which is not on this machine")
    if mounted.returncode:
        pytest.skip(f"needs to mount a tmpfs, which is refused here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=60)


def test_a_full_disk_loses_nothing_that_is_finished(small_disk):
    work, tasks = toy(small_disk)
    with (small_disk / "ballast").open("wb") as ballast:  # leaves room for a few sections of 4 kB with their receipts
        ballast.write(bytes(60_000))
    with pytest.raises(TasksFailed, match=r"sections of toy failed, .*OSError: \[Errno 28\] No space left on device"):
        run_sections(work, tasks, spread(), silent)
    done = [task.section for task in tasks if is_finished(work, task)]
    assert 0 < len(done) < 10
    assert set(done) <= set(whole(small_disk))
    assert not leftovers(small_disk)
    (small_disk / "ballast").unlink()
    before = calls(small_disk)
    assert run_sections(work, tasks, spread(), silent)
    assert whole(small_disk) == list(range(10))
    assert not set(calls(small_disk)[len(before) :]) & set(done), "a finished section was done again"


def test_the_disk_is_full_for_workers_too(small_disk):
    work, tasks = toy(small_disk)
    os.makedirs(small_disk / "out")
    (small_disk / "ballast").write_bytes(bytes(80_000))
    with pytest.raises(TasksFailed, match="No space left on device"):
        run_sections(work, tasks, spread("local:2"), silent)
    (small_disk / "ballast").unlink()
    assert run_sections(work, tasks, spread("local:2"), silent)
    assert whole(small_disk) == list(range(10))
