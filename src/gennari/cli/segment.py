"""`gennari segment`: give an area to every pixel of sections."""

import sys
from pathlib import Path

from gennari.cli.progress import progress
from gennari.errors import InputError
from gennari.pipeline.maps import model_stage, segment_stage
from gennari.pipeline.models import create_model_run, open_model, shipped_model, used_model
from gennari.pipeline.stages import locked, open_run


def segment(run: Path, *, dataset: Path | None = None, model: Path | None = None, probabilities: bool = False) -> None:
    """Segment the held-out sections of a run with its own networks, or all sections of a data set with a finished one.

    Without --model, a data set is segmented with the small model that ships with gennari, which is trained on synthetic
    sections.

    Args:
        run: folder of the run; with --dataset it is made.
        dataset: folder of a data set to segment without any training, all its sections.
        model: folder of a finished model, as `gennari export RUN --what model` writes it.
        probabilities: keep the probabilities of all classes too, a byte each.
    """
    if model is not None and dataset is None:
        raise InputError("--model segments a data set in a run of its own, but none is given; name it with --dataset")
    with locked(run, make=dataset is not None), progress() as tick:
        if dataset is None:
            opened = open_run(run)
            chosen = used_model(opened)
        else:
            chosen = open_model(model) if model else shipped_model()
            opened = create_model_run(run, dataset, chosen)
        if chosen is None:
            segment_stage(opened, tick, probabilities)
        else:
            sys.stdout.write(f"{chosen.words}\n")
            model_stage(opened, chosen, tick, probabilities)
