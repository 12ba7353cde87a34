"""`gennari borders`: where areas meet along the cortical ribbon, by learned features and by the classical method."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from gennari.cli.progress import progress
from gennari.cli.spreading import spread_of
from gennari.pipeline.border_places import Ask
from gennari.pipeline.borders import find_borders
from gennari.pipeline.stages import locked, open_run


def borders(
    run: Path,
    *,
    brain: str | None = None,
    split: Literal["train", "val", "test"] = "test",
    evaluate: bool = False,
    controls: Literal["none", "cheap", "all"] = "cheap",
    executor: str | None = None,
    sbatch: tuple[str, ...] = (),
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Find borders along the ribbon of sections, join them over sections, and export them; or measure them.

    They stand in RUN/borders/export, by method, as CSV, GeoJSON in pixels of each section, and GIfTI.

    Args:
        run: folder of a run with a pre-trained network.
        brain: whose sections; the unlabelled one by default.
        split: the part of its sections.
        evaluate: compare with the truth, and with controls, where the data set knows the truth (a phantom's).
        controls: none; cheap: those that need no training; all: with the networks pre-trained on permuted targets and
            on a brain of one cytoarchitecture, which takes as long as two pre-trainings and the drawing of a brain.
        executor: over which processes features are read, a task a section: local:N, dask:N, dask:tcp://HOST:PORT or
            slurm:N. This process by default.
        sbatch: a parameter of SLURM's jobs such as time=60 (minutes) or gpus_per_node=1.
        as_json: print one JSON line last.
    """
    spread, ask = spread_of(executor, sbatch), Ask(brain=brain, split=split)
    with locked(run), progress() as tick:
        done = find_borders(open_run(run), ask, controls if evaluate else None, tick, spread)
    sys.stdout.write(done.table + "\n")
    if as_json:
        sys.stdout.write(json.dumps(done.figures) + "\n")
