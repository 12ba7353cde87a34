"""`gennari segment`: give an area to every pixel of the held-out sections."""

from pathlib import Path

from gennari.cli.progress import progress
from gennari.pipeline.maps import segment_stage
from gennari.pipeline.stages import locked, open_run


def segment(run: Path) -> None:
    """Segment the held-out sections with both networks.

    Args:
        run: folder of the run.
    """
    with locked(run), progress() as tick:
        segment_stage(open_run(run), tick)
