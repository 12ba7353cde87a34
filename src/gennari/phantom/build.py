"""Writes a phantom as a data set: the same files a user's data come in, with the truth kept apart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from pydantic import BaseModel, ConfigDict

from gennari.errors import InputError
from gennari.execute import Report, Tick, run_tasks
from gennari.phantom.annotate import partial_labels
from gennari.phantom.atlas import displaced, population_atlas
from gennari.phantom.draw import PhantomSectionReader, as_it_lies, draw_section, section_labels
from gennari.phantom.individual import Geometry, Individual, make_individual
from gennari.phantom.layers import LABEL_SET
from gennari.phantom.observers import agreement, two_drawings
from gennari.phantom.plan import plan_sections
from gennari.phantom.settings import BrainPlan, PhantomSettings
from gennari.phantom.tiles import sheet_of
from gennari.records import AreaMap, Section
from gennari.sources.annotations import from_labels, write_annotation
from gennari.sources.atlas import write_atlas
from gennari.sources.atomic import write_json
from gennari.sources.dataset import (
    annotation_path,
    brain_folder,
    image_name,
    write_brain_manifest,
    write_dataset_manifest,
    write_observers,
    write_section,
    write_truth,
)
from gennari.sources.documents import read_json
from gennari.sources.manifests import BrainManifest, DatasetManifest, LabelSetEntry, SectionEntry
from gennari.sources.surfaces import write_hemispheres, write_spheres
from gennari.surface.ribbon import cut_ribbon, white_matter

TRUTH_SPACING_UM = 64.0
"""Of the full labels, and the grid annotations follow; sections coarser than this keep their own spacing."""
SECTIONS_A_TASK = 3
"""A task carries its individual along, which costs as much as a tenth of a section."""


class PhantomRecord(BaseModel):
    """phantom.json: what a phantom folder was made from.

    Attributes:
        geometries: by brain, the name of the geometry it stands on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    geometries: dict[str, str]
    settings: PhantomSettings


@dataclass(frozen=True, kw_only=True)
class _Task:
    root: Path
    individual: Individual
    sections: tuple[Section, ...]
    role: str
    settings: PhantomSettings


def claim(root: Path, geometries: Mapping[str, str], settings: PhantomSettings) -> bool:
    """Take a folder for a phantom, or find the same one begun there; says whether it is finished.

    Args:
        root: the folder.
        geometries: by brain, the name of the geometry it stands on.
        settings: all else it is made from.

    Raises:
        InputError: the folder holds another phantom, or something that is none.
    """
    record, path = PhantomRecord(geometries=dict(geometries), settings=settings), root / "phantom.json"
    if path.exists():
        if read_json(path, PhantomRecord) != record:
            raise InputError(
                f"a phantom folder keeps its settings, but the one in {root} was made from other ones "
                f"(see {path.name}); give another folder with --out"
            )
        return (root / "dataset.json").exists()
    if root.exists() and any(entry.name != ".lock" for entry in root.iterdir()):
        raise InputError(
            f"a phantom needs a folder of its own, but {root} holds other files; give a new one with --out"
        )
    write_json(path, record)
    return False


def build_phantom(
    root: Path, geometries: Mapping[str, Geometry], settings: PhantomSettings, workers: int, tick: Report
) -> None:
    """Write a phantom data set; what is finished is kept, so an interrupted call is repeated to go on.

    Args:
        root: the folder to write.
        geometries: by brain, what it is made from; each geometry has a population atlas of its own.
        settings: all else.
        workers: processes that draw.
        tick: told how far it is.

    Raises:
        InputError: as `claim` and `make_individual`.
    """
    if claim(root, _names(geometries, settings), settings):
        return
    population_seed, *brain_seeds = _seeds(settings)
    distinct = _distinct(geometries, settings)
    atlases = {
        name: population_atlas(geometry, settings, child)
        for (name, geometry), child in zip(distinct.items(), population_seed.spawn(len(distinct)), strict=True)
    }
    tasks: list[_Task] = []
    for done, (plan, brain_seed) in enumerate(zip(settings.brains, brain_seeds, strict=True)):
        tick(Tick("individuals", done, len(settings.brains), plan.name))
        geometry = geometries[plan.name]
        individual = make_individual(plan.name, geometry, settings, brain_seed)
        sections = plan_sections(individual, plan, settings)
        rng = np.random.default_rng(brain_seed.spawn(1)[0])
        moved = [
            displaced(map_, h, settings.atlas_shift_mm, rng)
            for map_, h in zip(atlases[geometry.name], geometry.hemispheres, strict=True)
        ]
        folder = brain_folder(root, plan.name)
        write_hemispheres(folder / "surfaces", individual.hemispheres)
        if geometry.spheres is not None:
            write_spheres(folder / "surfaces", geometry.spheres)
        write_atlas(folder / "atlas", moved, LABEL_SET)
        _write_index(root, plan, sections, geometry)
        tasks.extend(_tasks(root, individual, sections, plan, settings))
    tick(Tick("individuals", len(settings.brains), len(settings.brains)))
    run_tasks(_draw, tasks, workers=workers, tick=tick, stage="phantom", name=_name)
    write_dataset_manifest(root, _manifest(geometries, settings))


def _seeds(settings: PhantomSettings) -> list[np.random.SeedSequence]:
    """Of the atlas's individuals, then of each brain: the children of the phantom's seed, whichever are asked for."""
    who = [index if plan.individual is None else plan.individual for index, plan in enumerate(settings.brains)]
    population, *individuals = np.random.SeedSequence(settings.seed).spawn(2 + max(who, default=-1))
    return [population, *(individuals[number] for number in who)]


def _tasks(
    root: Path, individual: Individual, sections: tuple[Section, ...], plan: BrainPlan, settings: PhantomSettings
) -> Iterator[_Task]:
    for start in range(0, len(sections), SECTIONS_A_TASK):
        yield _Task(
            root=root,
            individual=individual,
            sections=sections[start : start + SECTIONS_A_TASK],
            role=plan.role,
            settings=settings,
        )


def _name(task: _Task) -> str:
    return f"{task.individual.name} {task.sections[0].id}-{task.sections[-1].id}"


def _draw(task: _Task) -> None:
    # the image is written last: where it stands, the rest of the section does too
    folder = brain_folder(task.root, task.individual.name)
    left = [section for section in task.sections if not (folder / image_name(section.id)).exists()]
    if not left:
        return
    sheet = sheet_of(task.individual)
    for section in left:
        truth = _write_truth(task, section)
        if task.role == "labelled":
            _write_annotations(task, section, truth)
        reader = PhantomSectionReader(individual=task.individual, sheet=sheet, section=section, settings=task.settings)
        write_section(task.root, section, draw_section(reader))


def _write_truth(task: _Task, section: Section) -> AreaMap:
    """The full labels of a section, of unlabelled brains too: metrics may ask what a network has learned there."""
    spacing_um = max(TRUTH_SPACING_UM, section.spacing_um)
    labels = true_labels(as_it_lies(task.individual, section, task.settings), section, spacing_um)
    truth = AreaMap(labels=labels, spacing_um=spacing_um, section=section.id, label_set=LABEL_SET)
    write_truth(task.root, section.brain, truth)
    return truth


def _write_annotations(task: _Task, section: Section, truth: AreaMap) -> None:
    labels, spacing_um = truth.labels, truth.spacing_um
    seed, annotators = task.individual.texture_seed, task.settings.annotators
    drawings = two_drawings(labels, spacing_um, LABEL_SET, annotators, seed, section.id)
    write_observers(task.root, section.brain, section.id, agreement(labels, spacing_um, drawings, LABEL_SET))
    rng = np.random.default_rng([seed, section.id, 1])
    partial = partial_labels(drawings.first, spacing_um, LABEL_SET, annotators.annotated_fraction, rng)
    annotated = from_labels(partial, spacing_um, section, LABEL_SET)
    write_annotation(annotation_path(brain_folder(task.root, section.brain), section.id), annotated, LABEL_SET)


def true_labels(individual: Individual, section: Section, spacing_um: float) -> UInt8[np.ndarray, "h w"]:
    """The true classes of a section on a grid of this spacing.

    Args:
        individual: as it lies in this section (`draw.as_it_lies`): truth follows the tissue, not the surfaces.
        section: its plane and grid.
        spacing_um: of the labels.
    """
    ribbon = cut_ribbon(individual.hemispheres, section, spacing_um)
    white = white_matter(individual.hemispheres, section, spacing_um, ribbon)
    return section_labels(individual, ribbon, white)


def _write_index(root: Path, plan: BrainPlan, sections: tuple[Section, ...], geometry: Geometry) -> None:
    entries = tuple(SectionEntry.of(section, image_name(section.id)) for section in sections)
    write_brain_manifest(
        root, BrainManifest(name=plan.name, role=plan.role, sections=entries, geometry=geometry.name, atlas=True)
    )


def _names(geometries: Mapping[str, Geometry], settings: PhantomSettings) -> dict[str, str]:
    return {plan.name: geometries[plan.name].name for plan in settings.brains}


def _distinct(geometries: Mapping[str, Geometry], settings: PhantomSettings) -> dict[str, Geometry]:
    """The geometries by name, in the order of the brains."""
    return {geometries[plan.name].name: geometries[plan.name] for plan in settings.brains}


def _manifest(geometries: Mapping[str, Geometry], settings: PhantomSettings) -> DatasetManifest:
    names, distinct = _names(geometries, settings), _distinct(geometries, settings)
    if len(distinct) == 1:
        terms = [f"surfaces: {geometry.licence}" for geometry in distinct.values()]
    else:
        terms = [
            f"surfaces of {', '.join(brain for brain in names if names[brain] == name)} from {name}: {geometry.licence}"
            for name, geometry in distinct.items()
        ]
    return DatasetManifest(
        name=f"phantom on {' and '.join(distinct)}",
        licence="; ".join(["Synthetic images", *terms]),
        label_set=LabelSetEntry.of(LABEL_SET),
        brains=tuple(plan.name for plan in settings.brains),
        origin=PhantomRecord(geometries=names, settings=settings).model_dump_json(),
    )
