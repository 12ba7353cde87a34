"""`gennari evaluate`: measure the maps against the truth."""

import sys
from pathlib import Path

from gennari.cli.progress import progress
from gennari.pipeline.demo import outcome
from gennari.pipeline.evaluation import evaluate_stage
from gennari.pipeline.stages import locked, open_run


def evaluate(run: Path) -> None:
    """Measure maps and distances of a run and print the table.

    Args:
        run: folder of the run.
    """
    with locked(run), progress() as tick:
        opened = open_run(run)
        evaluate_stage(opened, tick)
    sys.stdout.write(outcome(opened).table + "\n")
