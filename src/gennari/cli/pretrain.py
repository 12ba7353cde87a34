"""`gennari pretrain`: learn distances between patches (the pretext task)."""

from pathlib import Path

from gennari.cli.progress import progress
from gennari.pipeline.learning import pretrain_stage
from gennari.pipeline.stages import locked, open_run


def pretrain(run: Path, *, loaders: int | None = None) -> None:
    """Pre-train the Siamese network on the patches and pairs of a run: on those of `gennari pack`, or the sections.

    Args:
        run: folder of the run.
        loaders: processes that read batches ahead, for patches that do not fit into memory; 0: none. As the recipe says
            if left out; the result is the same.
    """
    with locked(run), progress() as tick:
        pretrain_stage(open_run(run), tick, loaders)
