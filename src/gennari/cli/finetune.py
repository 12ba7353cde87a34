"""`gennari finetune`: learn areas from partial annotations."""

import sys
from pathlib import Path

from gennari.cli.launch import training
from gennari.cli.progress import progress
from gennari.errors import InputError
from gennari.pipeline.between import between_stage, find_gap, gap_words
from gennari.pipeline.learning import finetune_stage
from gennari.pipeline.stages import locked, open_run


def finetune(run: Path, *, between: tuple[int, int] | None = None, brain: str | None = None) -> None:
    """Fine-tune the extended U-Net twice, from random and from pre-trained weights, with the same labels and work.

    Several processes, one a GPU: torchrun --nproc-per-node 2 -m gennari finetune RUN

    With --between, a local model is trained on two annotated sections of one brain alone and maps the sections between
    them (maps/between-... of the run). It starts from the run's pre-trained network, or from the finished model that
    the run was made for.

    Args:
        run: folder of the run.
        between: numbers of the two annotated sections, apart by a blank.
        brain: theirs, where more than one has sections of these numbers.
    """
    if between is None:
        if brain is not None:
            raise InputError(f"--brain says whose sections --between names, got '{brain}' without it; add --between")
        with training(run) as (tick, ranks):
            finetune_stage(open_run(run), tick, ranks)
        return
    with locked(run), progress() as tick:
        opened = open_run(run)
        gap = find_gap(opened, *between, brain)
        between_stage(opened, gap, tick)
    sys.stdout.write(f"{gap_words(opened, gap)}\n")
