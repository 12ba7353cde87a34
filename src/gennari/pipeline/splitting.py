"""The split of every brain: drawn once, saved, read by all later stages; and which areas a part of it lacks."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, RootModel

from gennari.errors import InputError
from gennari.execute import Report, Tick
from gennari.pipeline.stages import Run
from gennari.recipes.experiment import Experiment
from gennari.sampling.coverage import fullest_split, missing_areas
from gennari.sampling.split import Split
from gennari.sources.annotations import annotated_classes
from gennari.sources.atomic import write_json
from gennari.sources.dataset import Brain, Dataset
from gennari.sources.documents import read_json

Splits = dict[str, dict[int, Split]]


class MissingArea(BaseModel):
    """A row of missing_areas.json: nobody annotated the area on any section of this part of a brain's split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    brain: str
    part: Split
    area: str


class _SplitFile(RootModel[Splits]):
    pass


class _MissingFile(RootModel[list[MissingArea]]):
    pass


def draw_splits(run: Run, tick: Report) -> tuple[Splits, list[MissingArea]]:
    """The split of each brain, as the run's seed and settings say, and which areas parts of labelled brains lack.

    What occurs is what was annotated, never the truth: it is known for real sections too, and the truth is for
    metrics alone.

    Raises:
        InputError: as `split_sections`, or leave-one-brain-out names a brain that cannot be left out.
    """
    check_held_out(run.dataset, run.experiment)
    label_set, splits, missing = run.dataset.label_set, {}, []
    texture = run.experiment.texture
    patch_mm = 1e-3 * texture.patch_px * texture.spacing_um
    areas = range(label_set.first_area, len(label_set.names))
    brains = run.dataset.brains()
    for index, brain in enumerate(brains):
        tick(Tick("split", index, len(brains), brain.name))
        rng = np.random.default_rng([run.experiment.seed, index])
        labelled = brain.manifest.role == "labelled"
        settings = run.experiment.area_split if labelled else run.experiment.pretext_split
        classes = _classes(brain) if labelled else {}
        split = fullest_split(brain.sections, classes, areas if labelled else (), settings, rng, patch_mm)
        splits[brain.name] = split
        missing += [
            MissingArea(brain=brain.name, part=part, area=label_set.names[area])
            for part, area in (missing_areas(split, classes, areas) if labelled else ())
        ]
    tick(Tick("split", len(brains), len(brains), missing_words(missing)))
    return splits, missing


def check_held_out(dataset: Dataset, experiment: Experiment) -> None:
    """Leave-one-brain-out tests a labelled brain and learns from others; the pretext brain has no labels to test.

    Raises:
        InputError: the brain to be left out is not one of two or more labelled ones.
    """
    pretext, areas = experiment.pretext_split, experiment.area_split
    if pretext.kind == "lobo":
        raise InputError(
            f"leave-one-brain-out is a split of the labelled brains, but pretext_split holds out '{pretext.held_out}'; "
            "set area_split.kind and leave pretext_split in blocks"
        )
    labelled = [brain.name for brain in dataset.brains() if brain.manifest.role == "labelled"]
    if areas.kind == "lobo" and (areas.held_out not in labelled or len(labelled) < 2):
        raise InputError(
            f"leave-one-brain-out holds out one of two or more labelled brains ({', '.join(labelled) or 'none'}), "
            f"got '{areas.held_out}'; name one of them (--hold-out)"
        )


def write_splits(run: Run, splits: Splits, missing: Sequence[MissingArea]) -> list[Path]:
    """Write split.json and missing_areas.json; returns where."""
    paths = [run.path("split.json"), _missing_path(run)]
    write_json(paths[0], {name: {str(key): kind for key, kind in split.items()} for name, split in splits.items()})
    write_json(paths[1], [row.model_dump() for row in missing])
    return paths


def read_splits(run: Run) -> Splits:
    """The split of each brain's sections, by name and id.

    Raises:
        InputError: split.json is missing or malformed, or does not name the sections of the data set.
    """
    path = run.path("split.json")
    splits = read_json(path, _SplitFile).root
    wanted = {brain.name: {section.id for section in brain.sections} for brain in run.dataset.brains()}
    if {name: set(split) for name, split in splits.items()} != wanted:
        raise InputError(
            f"{path} must give a part of the split to each section of the data set and to no other, but it was "
            "changed; start a new run"
        )
    return splits


def read_missing(run: Run) -> list[MissingArea]:
    """Which areas parts of the split lack; InputError if the file is missing or damaged."""
    return read_json(_missing_path(run), _MissingFile).root


def missing_words(missing: Sequence[MissingArea]) -> str:
    """One line: what is missing, by brain and part."""
    if not missing:
        return "every area is annotated in every part of each brain's split"
    listed = "; ".join(f"{brain} {part}: {', '.join(areas)}" for (brain, part), areas in by_part(missing).items())
    return f"not annotated in a part of the split ({len(missing)}): {listed}"


def missing_by_brain(missing: Sequence[MissingArea]) -> dict[str, str]:
    """For each brain that lacks some, one line: which areas its parts have no annotation of."""
    found: dict[str, list[str]] = {}
    for (brain, part), areas in by_part(missing).items():
        found.setdefault(brain, []).append(f"{part} {', '.join(areas)}")
    return {brain: f"not annotated: {'; '.join(parts)}" for brain, parts in found.items()}


def by_part(missing: Sequence[MissingArea]) -> Mapping[tuple[str, Split], list[str]]:
    """Missing areas by brain and part, in the order they come."""
    found: dict[tuple[str, Split], list[str]] = {}
    for row in missing:
        found.setdefault((row.brain, row.part), []).append(row.area)
    return found


def _missing_path(run: Run) -> Path:
    return run.path("missing_areas.json")


def _classes(brain: Brain) -> dict[int, frozenset[int]]:
    paths = {section.id: brain.annotation(section.id) for section in brain.sections}
    return {key: annotated_classes(path, brain.label_set) for key, path in paths.items() if path is not None}
