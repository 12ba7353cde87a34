"""A local model: it learns two annotated sections of one brain and fills the gap between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from gennari.data.pixels import Normalisation
from gennari.errors import InputError
from gennari.execute import Report, Tick, usable_cores
from gennari.metrics.overlap import confusion
from gennari.nets.weights import load_area_unet
from gennari.pipeline.digests import code_digest, files_digest
from gennari.pipeline.labelled import labelled_sections, section_prior
from gennari.pipeline.learning import normalisation, weights_path
from gennari.pipeline.maps import map_path
from gennari.pipeline.models import WEIGHTS, used_model
from gennari.pipeline.references import reference_map
from gennari.pipeline.scoring import area_dice
from gennari.pipeline.section_inputs import section_inputs
from gennari.pipeline.section_maps import read_section, write_map
from gennari.pipeline.section_tasks import ALONE, run_sections
from gennari.pipeline.stages import Run, open_run, run_stage
from gennari.pipeline.task_records import SectionTask, SectionWork
from gennari.records import IGNORE, Section
from gennari.sampling.split import position_mm
from gennari.sources.dataset import Brain
from gennari.sources.sections import read_labels
from gennari.train.devices import fastest_device
from gennari.train.finetune import finetune

_ROOMS = (
    *("apply", "data", "nets", "sources", "surface", "frames.py", "records.py"),
    *("pipeline/between.py", "pipeline/labelled.py", "pipeline/section_maps.py"),
)
"""The code that decides what a map looks like."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Two annotated sections of a brain and those that lie between their planes.

    Attributes:
        ends: the two, in the order along the brain.
        inside: the sections to be filled, likewise.
    """

    brain: str
    ends: tuple[Section, Section]
    inside: tuple[Section, ...]

    @property
    def name(self) -> str:
        """Of its stage, its weights and its maps."""
        return f"between-{self.brain}-{self.ends[0].id:04d}-{self.ends[1].id:04d}"


def find_gap(run: Run, first: int, second: int, brain: str | None = None) -> Gap:
    """The gap between two sections.

    Args:
        run: whose data set.
        first: number of a section.
        second: of another one.
        brain: whose; None where only one labelled brain has both.

    Raises:
        InputError: one of them is not there or not annotated, nothing lies between them, or the brain is in doubt.
    """
    opened = _brain_of(run, first, second, brain)
    lacking = [number for number in (first, second) if opened.annotation(number) is None]
    if lacking:
        raise InputError(
            f"a gap is filled between two annotated sections, but nobody annotated {lacking[0]} of {opened.name}; "
            "import its annotation or name another section"
        )
    one, other = sorted((opened.section(first), opened.section(second)), key=position_mm)
    ordered = sorted(opened.sections, key=position_mm)
    inside = tuple(section for section in ordered if position_mm(one) < position_mm(section) < position_mm(other))
    if not inside:
        raise InputError(
            f"a gap holds at least one section, but none of {opened.name} lies between {first} and {second}; name two "
            "that are farther apart"
        )
    return Gap(brain=opened.name, ends=(one, other), inside=inside)


def between_stage(run: Run, gap: Gap, tick: Report) -> bool:
    """Train on the gap's ends, then map what lies between (Schiffer et al. 2020, arXiv 2011.12857).

    Training is the run's own fine-tuning with two sections: from the run's pre-trained network, or from the image
    branch of the finished model that the run was made for. Departures: all areas are learned at once instead of one,
    and the schedule is the recipe's. Sections are tasks, as in `gennari segment`; the others keep their maps.

    Args:
        run: where; pre-trained, or made for a finished model.
        gap: of `find_gap`.
        tick: told of every step and section.

    Returns:
        Whether there was anything to do.

    Raises:
        InputError: the run is not pre-trained, or a section cannot be read.
    """
    after = () if used_model(run) is not None else ("sample", "pretrain")
    return run_stage(run, gap.name, after, partial(_train_and_fill, run, gap, tick), tick)


def gap_words(run: Run, gap: Gap) -> str:
    """What was filled, and how well as far as anybody knows: Dice over areas, against truth or annotations."""
    counts, known = gap_confusion(run, gap)
    filled = f"filled {len(gap.inside)} sections of {gap.brain} between {gap.ends[0].id} and {gap.ends[1].id}"
    if not known:
        return f"{filled}; nobody knows the truth of any of them"
    dice = area_dice(counts, run.dataset.label_set)
    return f"{filled}; Dice over areas {dice:.3f} on the {known} of them that can be measured"


def gap_confusion(run: Run, gap: Gap) -> tuple[np.ndarray, int]:
    """Pixels of true class (row) that were given a class, over the filled sections whose truth or annotation is known.

    Returns:
        The matrix, and how many sections it is of.
    """
    brain, classes = run.dataset.brain(gap.brain), len(run.dataset.label_set.names)
    counts, known = np.zeros((classes, classes), int), 0
    for section in gap.inside:
        kind = "truth" if brain.has_truth(section.id) else "annotations"
        if kind == "annotations" and brain.annotation(section.id) is None:
            continue
        labels, spacing_um = read_labels(map_path(run, gap.name, gap.brain, section.id))
        counts += confusion(reference_map(brain, section, spacing_um, kind), labels, classes, IGNORE)
        known += 1
    return counts, known


def _brain_of(run: Run, first: int, second: int, name: str | None) -> Brain:
    if first == second:
        raise InputError(f"a gap lies between two sections, got {first} twice; name two")
    if name is not None:
        return run.dataset.brain(name)
    labelled = [brain for brain in run.dataset.brains() if brain.manifest.role == "labelled"]
    found = [brain for brain in labelled if {first, second} <= {section.id for section in brain.sections}]
    if len(found) != 1:
        raise InputError(
            f"sections {first} and {second} must tell their brain, but {len(found)} labelled ones have both; name it "
            "with --brain"
        )
    return found[0]


def _train_and_fill(run: Run, gap: Gap, tick: Report) -> Sequence[Path] | None:
    torch.set_num_threads(usable_cores())
    brain, start = run.dataset.brain(gap.brain), _start(run)
    sections = labelled_sections([(brain, gap.ends)], run.experiment.texture, tick)
    weights = finetune(
        run.experiment.finetune, run.experiment.texture, sections, _grey(run), start, run.path("finetune", gap.name),
        lambda t: tick(Tick(f"{t.stage} {gap.name}", t.done, t.total, t.note)),
        classes=len(run.dataset.label_set.names),
    ).weights  # fmt: skip
    root = run.root.absolute()
    work = SectionWork(
        stage=gap.name, root=root, function=partial(_fill, root, gap.name), inputs=section_inputs(run), rooms=_ROOMS,
        code=code_digest(_ROOMS), weights=files_digest([weights]),
    )  # fmt: skip
    paths = [map_path(run, gap.name, gap.brain, section.id) for section in gap.inside]
    tasks = [
        SectionTask(brain=gap.brain, section=section.id, outputs=(str(path.relative_to(run.root)),))
        for section, path in zip(gap.inside, paths, strict=True)
    ]
    return [weights, *paths] if run_sections(work, tasks, ALONE, tick) else None


def _fill(root: Path, name: str, brain: str, section: int, threads: int) -> list[Path]:
    torch.set_num_threads(threads)
    run = open_run(root)
    config, opened = run.experiment.texture, run.dataset.brain(brain)
    net = load_area_unet(weights_path(run, name), config.encoder)
    wanted, path = opened.section(section), map_path(run, name, brain, section)
    prior = section_prior(opened.hemispheres(), opened.atlas(), wanted, config) if opened.manifest.atlas else None
    whole = read_section(opened, wanted, config)
    write_map(net.to(fastest_device()), whole, prior, _grey(run), run.dataset.label_set, path)
    return [path]


def _start(run: Run) -> Path:
    model = used_model(run)
    return run.path("pretrain", "weights.safetensors") if model is None else model.folder / WEIGHTS


def _grey(run: Run) -> Normalisation:
    model = used_model(run)
    return normalisation(run) if model is None else model.normalisation
