"""Peak memory of this process and its children, watched while something runs (Linux; NaN elsewhere)."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EVERY_S = 0.1


class Peak:
    """The largest sum of resident memory seen so far, in GB."""

    def __init__(self) -> None:
        self.gb = float("nan")

    def look(self) -> None:
        """Compare with what is resident now."""
        found = _tree_gb()
        if found is not None and not self.gb >= found:
            self.gb = found


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Watch from another thread until the block ends."""
    peak, ended = Peak(), threading.Event()

    def watch() -> None:
        while not ended.wait(EVERY_S):
            peak.look()

    peak.look()
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()
        peak.look()


def own_peak_gb() -> float:
    """The peak of this process alone (Linux); `getrusage` would tell that of whoever forked it, where it is larger."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / 1e9


def _tree_gb() -> float | None:
    """Resident memory of this process and all its descendants; memory they share counts twice."""
    if not Path("/proc/self/stat").is_file():
        return None
    parents, resident = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it ended meanwhile
                continue
            parents[int(folder.name)], resident[int(folder.name)] = int(fields[1]), int(fields[21])
    own, queue = 0, [os.getpid()]
    while queue:
        process = queue.pop()
        own += resident.get(process, 0)
        queue += [child for child, parent in parents.items() if parent == process]
    return own * os.sysconf("SC_PAGE_SIZE") / 1e9
