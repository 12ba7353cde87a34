"""`gennari pretrain`: learn distances between patches (the pretext task)."""

from pathlib import Path

from gennari.cli.launch import training
from gennari.pipeline.learning import pretrain_stage
from gennari.pipeline.stages import open_run


def pretrain(run: Path, *, loaders: int | None = None) -> None:
    """Pre-train the Siamese network on the patches and pairs of a run: on those of `gennari pack`, or the sections.

    Several processes, one a GPU: torchrun --nproc-per-node 2 -m gennari pretrain RUN

    Args:
        run: folder of the run.
        loaders: processes that read batches ahead, for patches that do not fit into memory; 0: none. As the recipe says
            if left out; the result is the same.
    """
    with training(run) as (tick, ranks):
        pretrain_stage(open_run(run), tick, ranks, loaders)
