"""`gennari report`: one page that tells the run."""

from pathlib import Path

from gennari.cli.progress import progress
from gennari.pipeline.page import report_stage
from gennari.pipeline.stages import locked, open_run


def report(run: Path) -> None:
    """Write report.html from the saved results of a run.

    Args:
        run: folder of the run.
    """
    with locked(run), progress() as tick:
        report_stage(open_run(run), tick)
