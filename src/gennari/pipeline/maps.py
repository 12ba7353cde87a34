"""The stage that gives every pixel of sections a class: the held-out ones of a run, or all with a finished model."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch

from gennari.errors import InputError
from gennari.execute import Report, usable_cores
from gennari.pipeline.digests import code_digest, files_digest
from gennari.pipeline.labelled import section_prior
from gennari.pipeline.learning import VARIANTS, weights_path
from gennari.pipeline.map_networks import MODEL, map_networks
from gennari.pipeline.models import CONFIG, WEIGHTS, Model
from gennari.pipeline.sampling import sections_of
from gennari.pipeline.section_inputs import section_inputs
from gennari.pipeline.section_maps import PLAIN, MapOptions, read_section, write_map
from gennari.pipeline.section_tasks import ALONE, Spread, run_sections
from gennari.pipeline.stages import Run, is_finished, open_run, run_stage
from gennari.pipeline.task_records import SectionTask, SectionWork
from gennari.pipeline.temperatures import FILE as TEMPERATURES
from gennari.pipeline.temperatures import read_temperatures, temperature_stage
from gennari.records import Section
from gennari.train.devices import fastest_device

_SUFFIX, _BEFORE = "_probabilities.ome.zarr", "_confidence.ome.zarr"
PROBABILITIES = "segment-probabilities"
_ROOMS = (
    *("apply", "data", "nets", "sources", "surface", "frames.py", "records.py", "metrics/calibration.py"),
    *("pipeline/labelled.py", "pipeline/map_networks.py", "pipeline/maps.py", "pipeline/section_maps.py"),
)
"""The code that decides what a map looks like."""


def segment_stage(
    run: Run, tick: Report, probabilities: bool = False, spread: Spread = ALONE, options: MapOptions = PLAIN
) -> bool:
    """Segment the held-out sections with both networks.

    Args:
        run: where.
        tick: told of every section.
        probabilities: keep those of all classes too; a run that was segmented without is segmented again.
        spread: over which processes, and which part of the sections.
        options: how the networks look, and at which temperature probabilities are given; fitted first where it is
            asked for.

    Raises:
        InputError: calibrated probabilities are asked for, but none are to be kept.
    """
    if options.calibrate and not probabilities:
        raise InputError(
            "calibration changes probabilities, and maps not at all, but none are kept; add --probabilities or leave "
            "--calibrate out"
        )
    after = ("sample", *(f"finetune-{variant}" for variant in VARIANTS))
    weights = (*(weights_path(run, variant) for variant in VARIANTS), run.path("normalisation.json"))
    if options.calibrate:
        temperature_stage(run, options.flips, tick)
        weights = (*weights, run.path(TEMPERATURES))
    wanted = partial(sections_of, run, "test")
    return _segmented(run, after, wanted, VARIANTS, weights, probabilities, spread, options, tick)


def model_stage(
    run: Run,
    model: Model,
    tick: Report,
    probabilities: bool = False,
    spread: Spread = ALONE,
    options: MapOptions = PLAIN,
) -> bool:
    """Segment all sections of the run's data set with a finished model; as `segment_stage`.

    Raises:
        InputError: the model knows other classes than the data set, or is to be calibrated: it has no validation
            sections.
    """
    if options.calibrate:
        raise InputError(
            "a temperature is fitted on the validation sections of a run that trains its own networks, but this one "
            "uses a finished model; leave --calibrate out"
        )
    own, given = model.label_set.names, run.dataset.label_set.names
    if own != given:
        raise InputError(
            f"a model gives the classes it was trained on ({', '.join(own)}), but data set "
            f"{run.dataset.manifest.name} has {', '.join(given)}; name the classes of the data set as the model does"
        )
    weights = (model.folder / WEIGHTS, model.folder / CONFIG)
    wanted = lambda: {brain.name: brain.sections for brain in run.dataset.brains()}  # noqa: E731
    return _segmented(run, (), wanted, (MODEL,), weights, probabilities, spread, options, tick)


def segment_section(run_root: Path, brain: str, section: int, keep: bool, options: MapOptions = PLAIN) -> list[Path]:
    """The maps of one section by the networks of its run: both that were fine-tuned, or the finished model's.

    Repeated, it leaves the same; each map is seen whole or not at all.

    Args:
        run_root: folder of the run.
        brain: name of the section's brain.
        section: its number.
        keep: the probabilities of all classes too.
        options: how the networks look; calibrated ones read the temperatures that were fitted before.

    Returns:
        What it left.

    Raises:
        InputError: the image, the surfaces or the weights cannot be read.
    """
    run = open_run(run_root)
    nets, grey = map_networks(run)
    config, label_set, outputs = run.experiment.texture, run.dataset.label_set, []
    opened = run.dataset.brain(brain)
    wanted = opened.section(section)
    prior = section_prior(opened.hemispheres(), opened.atlas(), wanted, config) if opened.manifest.atlas else None
    whole = read_section(opened, wanted, config)
    found = read_temperatures(run).networks if options.calibrate else {}
    for variant, net in nets.items():
        paths = [place(run, variant, brain, section) for place in _places(keep, options)]
        write_map(
            net.to(fastest_device()), whole, prior, grey, label_set, *paths,
            flips=options.flips, temperature=found[variant].value if found else 1.0,
        )  # fmt: skip
        outputs += paths
    return outputs


def map_path(run: Run, variant: str, brain: str, section: int) -> Path:
    """Where a section's map stands."""
    return run.path("maps", variant, brain, f"{section:04d}.ome.zarr")


def probabilities_path(run: Run, variant: str, brain: str, section: int) -> Path:
    """Where the probabilities of a section's classes stand, if they were asked for."""
    return run.path("maps", variant, brain, f"{section:04d}{_SUFFIX}")


def confidence_path(run: Run, variant: str, brain: str, section: int) -> Path:
    """Where the largest probability of each pixel stands as it was before calibration, if that was asked for."""
    return run.path("maps", variant, brain, f"{section:04d}{_BEFORE}")


def mapped_sections(run: Run, variant: str) -> dict[str, tuple[Section, ...]]:
    """Sections that have a map of this variant, by brain; a brain without any is left out."""
    found = {}
    for brain in run.dataset.brains():
        mapped = tuple(s for s in brain.sections if map_path(run, variant, brain.name, s.id).is_dir())
        if mapped:
            found[brain.name] = mapped
    return found


def _segmented(
    run: Run,
    after: Sequence[str],
    wanted: Callable[[], Mapping[str, Sequence[Section]]],
    variants: Sequence[str],
    weights: Sequence[Path],
    probabilities: bool,
    spread: Spread,
    options: MapOptions,
    tick: Report,
) -> bool:
    """The stage, and the one of its probabilities, which are a by-product where both are asked for at once."""

    def made(of_stage: str) -> list[Path] | None:
        map_networks(run)  # damaged weights are refused once, before any section is asked for
        places = _places(probabilities, options)
        tasks = [_task(run, section, variants, places) for found in wanted().values() for section in found]
        if not run_sections(_work(run, weights, probabilities, options), tasks, spread, tick):
            return None
        paths = [run.path(output) for task in tasks for output in task.outputs]
        return [path for path in paths if path.name.endswith((_SUFFIX, _BEFORE)) == (of_stage == PROBABILITIES)]

    done = run_stage(run, "segment", after, partial(made, "segment"), tick, options=options.flips_key)
    if probabilities and is_finished(run, "segment"):
        said = f"{options.key} {files_digest([run.path(TEMPERATURES)])}" if options.calibrate else options.key
        done |= run_stage(run, PROBABILITIES, ("segment",), partial(made, PROBABILITIES), tick, options=said)
    return done


def _places(keep: bool, options: MapOptions) -> Sequence[Callable[[Run, str, str, int], Path]]:
    """Where what is written of a section stands, in the order that `write_map` takes it."""
    kept = (probabilities_path, *((confidence_path,) if options.calibrate else ())) if keep else ()
    return (map_path, *kept)


def _task(
    run: Run, section: Section, variants: Sequence[str], places: Sequence[Callable[[Run, str, str, int], Path]]
) -> SectionTask:
    paths = [place(run, variant, section.brain, section.id) for variant in variants for place in places]
    outputs = tuple(str(path.relative_to(run.root)) for path in paths)
    return SectionTask(brain=section.brain, section=section.id, outputs=outputs)


def _work(run: Run, weights: Sequence[Path], keep: bool, options: MapOptions) -> SectionWork:
    root = run.root.absolute()
    return SectionWork(
        stage="segment", root=root, function=partial(_segment_here, root, keep, options), inputs=section_inputs(run),
        side_by_side=1 if fastest_device().type == "cuda" else usable_cores(),
        rooms=_ROOMS, code=code_digest(_ROOMS), weights=" ".join([files_digest(weights), options.key]).strip(),
    )  # fmt: skip


def _segment_here(
    run_root: Path, keep: bool, options: MapOptions, brain: str, section: int, threads: int
) -> list[Path]:
    torch.set_num_threads(threads)
    return segment_section(run_root, brain, section, keep, options)
