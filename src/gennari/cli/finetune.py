"""`gennari finetune`: learn areas from partial annotations."""

from pathlib import Path

from gennari.cli.progress import progress
from gennari.pipeline.learning import finetune_stage
from gennari.pipeline.stages import locked, open_run


def finetune(run: Path) -> None:
    """Fine-tune the extended U-Net twice, from random and from pre-trained weights, with the same labels and work.

    Args:
        run: folder of the run.
    """
    with locked(run), progress() as tick:
        finetune_stage(open_run(run), tick)
