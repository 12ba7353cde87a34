"""`gennari evaluate`: measure the maps against the truth, or against annotations where there is none."""

import sys
from pathlib import Path

from gennari.cli.progress import progress
from gennari.pipeline.demo import outcome
from gennari.pipeline.evaluation import evaluate_stage
from gennari.pipeline.stages import locked, open_run


def evaluate(run: Path) -> None:
    """Measure maps and distances of a run and print the table.

    Maps of held-out sections are compared with the truth where the data set knows it, else with what experts annotated
    on them; the table says which.

    Args:
        run: folder of the run.
    """
    with locked(run), progress() as tick:
        opened = open_run(run)
        evaluate_stage(opened, tick)
    sys.stdout.write(outcome(opened).table + "\n")
