"""`gennari finetune`: learn areas from partial annotations."""

from pathlib import Path

from gennari.cli.launch import training
from gennari.pipeline.learning import finetune_stage
from gennari.pipeline.stages import open_run


def finetune(run: Path) -> None:
    """Fine-tune the extended U-Net twice, from random and from pre-trained weights, with the same labels and work.

    Several processes, one a GPU: torchrun --nproc-per-node 2 -m gennari finetune RUN

    Args:
        run: folder of the run.
    """
    with training(run) as (tick, ranks):
        finetune_stage(open_run(run), tick, ranks)
