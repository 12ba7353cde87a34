"""`gennari pretrain`: learn distances between patches (the pretext task)."""

from pathlib import Path

from gennari.cli.progress import progress
from gennari.pipeline.learning import pretrain_stage
from gennari.pipeline.stages import locked, open_run


def pretrain(run: Path) -> None:
    """Pre-train the Siamese network on the patches and pairs of a run.

    Args:
        run: folder of the run.
    """
    with locked(run), progress() as tick:
        pretrain_stage(open_run(run), tick)
