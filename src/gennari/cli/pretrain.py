"""`gennari pretrain`: learn distances between patches (the pretext task)."""

from pathlib import Path

from gennari.cli.launch import training
from gennari.pipeline.learning import pretrain_stage
from gennari.pipeline.stages import open_run


def pretrain(run: Path) -> None:
    """Pre-train the Siamese network on the patches and pairs of a run.

    Several processes, one a GPU: torchrun --nproc-per-node 2 -m gennari pretrain RUN

    Args:
        run: folder of the run.
    """
    with training(run) as (tick, ranks):
        pretrain_stage(open_run(run), tick, ranks)
