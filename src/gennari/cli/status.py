"""`gennari status`: how far a run is."""

import sys
from pathlib import Path

from gennari.pipeline.status import run_status, status_words


def status(run: Path, *, json: bool = False) -> None:
    """Say which stages of a run are finished, and what is done of one that is made section by section.

    It counts sections that are done, running, failed (with reasons) and broken off (whoever worked on them was killed),
    and may be asked while others work on the run.

    Args:
        run: folder of the run.
        json: all of it as one line of JSON.
    """
    found = run_status(run)
    sys.stdout.write(f"{found.model_dump_json() if json else status_words(found)}\n")
