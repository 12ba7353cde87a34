"""`gennari segment`: give an area to every pixel of sections."""

import sys
from pathlib import Path

from pydantic import ValidationError

from gennari.apply.context_settings import ContextSettings
from gennari.apply.segment import Flips
from gennari.cli.progress import progress
from gennari.cli.spreading import spread_of
from gennari.errors import InputError
from gennari.execute import Report
from gennari.pipeline.context_maps import context_stage, context_words
from gennari.pipeline.maps import PROBABILITIES, model_stage, segment_stage
from gennari.pipeline.models import create_model_run, open_model, shipped_model, used_model
from gennari.pipeline.section_maps import MapOptions
from gennari.pipeline.stages import Run, is_finished, locked, open_run


def segment(
    run: Path,
    *,
    dataset: Path | None = None,
    model: Path | None = None,
    probabilities: bool = False,
    calibrate: bool = False,
    flips: Flips = "none",
    context: bool = False,
    context_mm: float | None = None,
    context_weight: float | None = None,
    executor: str | None = None,
    sbatch: tuple[str, ...] = (),
    part: str | None = None,
) -> None:
    """Segment the held-out sections of a run with its own networks, or all sections of a data set with a finished one.

    Without --model, a data set is segmented with the small model that ships with gennari, which is trained on synthetic
    sections. Each section is a task of its own: a section that fails does not stop the others, and the same command
    goes on with what is not done. `gennari status RUN` counts.

    Args:
        run: folder of the run; with --dataset it is made.
        dataset: folder of a data set to segment without any training, all its sections.
        model: folder of a finished model, as `gennari export RUN --what model` writes it.
        probabilities: keep the probabilities of all classes too, a byte each.
        calibrate: divide their logits by a temperature that is fitted on annotated cortex of the run's validation
            sections first; without such sections it stays 1. Maps do not change.
        flips: let the networks look at mirror images too and take the mean: columns (twice the time), or all, rows
            and columns (four times), for networks that were trained on turned windows.
        context: write a second map of each section beside the first, changed near the ribbon where other sections of
            its brain are surer of something else on the same place of the surface; needs --probabilities.
        context_mm: how far along the surface sections are heard, a standard deviation; 2 by default.
        context_weight: of what they say, 0 to 1; 0.75 by default.
        executor: local:N for N processes, dask:N, dask:tcp://HOST:PORT, or slurm:N for an array of N jobs; the numbers
            may be left out. This process by default.
        sbatch: a parameter of SLURM's jobs such as time=240 (minutes), mem=16GB, gpus_per_node=1 or partition=gpu.
        part: i/N, such as 2/4: this part of the sections only; parts may be worked on at the same time.
    """
    if model is not None and dataset is None:
        raise InputError("--model segments a data set in a run of its own, but none is given; name it with --dataset")
    settings = _context(context, context_mm, context_weight, probabilities)
    options = MapOptions(flips=flips, calibrate=calibrate)
    spread = spread_of(executor, sbatch, part)
    with locked(run, make=dataset is not None, part=part or ""), progress() as tick:
        if dataset is None:
            opened = open_run(run)
            chosen = used_model(opened)
        else:
            chosen = open_model(model) if model else shipped_model()
            opened = create_model_run(run, dataset, chosen)
        if chosen is None:
            segment_stage(opened, tick, probabilities, spread, options)
        else:
            sys.stdout.write(f"{chosen.words}\n")
            model_stage(opened, chosen, tick, probabilities, spread, options)
        if settings is not None:
            sys.stdout.write(_told(opened, settings, tick))


def _told(run: Run, settings: ContextSettings, tick: Report) -> str:
    """Tell sections of each other, if all have their maps; what is said of it."""
    if not is_finished(run, PROBABILITIES):
        return "sections are told of each other when all parts are done: give --context with the last one\n"
    context_stage(run, settings, tick)
    return context_words(run)


def _context(context: bool, mm: float | None, weight: float | None, probabilities: bool) -> ContextSettings | None:
    given = {key: value for key, value in (("length_mm", mm), ("weight", weight)) if value is not None}
    if not context:
        if given:
            raise InputError("--context-mm and --context-weight are for --context, which is not given; add it")
        return None
    if not probabilities:
        raise InputError("--context listens to probabilities, but none are to be kept; add --probabilities")
    try:
        return ContextSettings.model_validate(given)
    except ValidationError as error:
        raise InputError(
            f"--context-mm is at least 0 and --context-weight between 0 and 1, got {mm} and {weight}; correct them"
        ) from error
