"""`gennari demo`: the whole method on a synthetic brain, in minutes."""

import json
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gennari.cli.progress import progress
from gennari.pipeline.demo import run_demo
from gennari.pipeline.making import brain_names


def demo(
    *,
    out: Path = Path("gennari-demo"),
    surfaces: Path | None = None,
    on: str | None = None,
    preset: str = "demo",
    workers: int | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Phantom, sampling, pre-training, fine-tuning with and without it, segmentation, evaluation, report.

    A call that was interrupted is repeated to go on; a finished demo says so and prints its table again.

    Args:
        out: folder for the data set and the run.
        surfaces: folder of GIfTI surfaces to build the phantom on instead of the bundled fsaverage5.
        on: the brains to build on these surfaces, such as A,B; the others stand on fsaverage5. All by default.
        preset: demo (about 15 minutes on two cores) or tiny (a minute; its figures mean nothing).
        workers: processes for drawing; all cores by default.
        as_json: print one JSON line last.
    """
    with progress() as tick:
        outcome = run_demo(out, surfaces, preset, workers, tick, brain_names(on))
    sys.stdout.write(outcome.table + "\n")
    if as_json:
        sys.stdout.write(json.dumps(outcome.figures) + "\n")
