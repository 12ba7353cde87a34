"""Sections that a user has become part of a data set: indexed where they stand, never copied."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from gennari.errors import InputError
from gennari.execute import Report, Tick
from gennari.phantom.layers import LABEL_SET
from gennari.pipeline.stages import locked
from gennari.records import LabelSet, Quality
from gennari.sources.area_table import read_area_table
from gennari.sources.bigbrain import LICENCE
from gennari.sources.dataset import brain_folder, open_dataset, write_brain_manifest, write_dataset_manifest
from gennari.sources.documents import read_json
from gennari.sources.manifests import BrainManifest, DatasetManifest, LabelSetEntry, Role, SectionEntry
from gennari.sources.placement import Placement, place_section
from gennari.sources.section_files import SectionFile, find_sections

NO_SURFACES = "none"
"""Geometry of a brain whose surfaces were not imported yet."""


def import_sections(
    location: str,
    root: Path,
    brain: str,
    tick: Report,
    *,
    role: Role = "labelled",
    placement: Placement | None = None,
    id_pattern: str | None = None,
    ids: Collection[int] = (),
    quality: Quality = "good",
    licence: str | None = None,
    areas: Path | None = None,
) -> tuple[SectionEntry, ...]:
    """Index the sections at a place as a brain's; the data set and the brain are made if they are not there.

    Args:
        location: as `find_sections`.
        root: folder of the data set.
        brain: whose sections they are.
        tick: told of each section.
        role: what the brain is for; an existing brain keeps its own.
        placement: where they lie, as far as names and headers do not say it.
        id_pattern: as `find_sections`.
        ids: as `find_sections`.
        quality: rating of the sections.
        licence: of the images; BigBrain's where names are those of its release.
        areas: table of the areas of a new data set, as `read_area_table`.

    Returns:
        Their entries in brain.json, by number.

    Raises:
        InputError: as `find_sections`, `place_section` and `read_area_table`; or the brain has another role, or such a
            section already; or the data set is there with other areas.
    """
    label_set = read_area_table(areas) if areas else None
    _check_areas(root, label_set)
    files = find_sections(location, id_pattern, ids)
    entries = []
    for done, file in enumerate(files):
        section = place_section(file, brain, placement or Placement(), quality)
        entries.append(SectionEntry.of(section, _image(file, root, brain)))
        tick(Tick("import", done + 1, len(files), f"section {file.id}"))
    with locked(root, make=True):
        add_sections(root, brain, role, entries)
        add_brain(root, brain, licence or _licence(files), label_set)
    return tuple(entries)


def add_sections(root: Path, brain: str, role: Role, entries: Sequence[SectionEntry]) -> BrainManifest:
    """Add entries to a brain's index, which is made if it is not there; entries that are there already are kept.

    Raises:
        InputError: the brain's role is another, a section is there with another image or place, or a bad name.
    """
    check_name(brain)
    path = brain_folder(root, brain) / "brain.json"
    if path.is_file():
        known = read_json(path, BrainManifest)
    else:
        known = BrainManifest(name=brain, role=role, sections=(), geometry=NO_SURFACES)
    if known.role != role:
        raise InputError(
            f"brain {brain} is a {known.role} brain, and a brain has one role, got {role}; import these sections as "
            "another brain, or with that role"
        )
    by_id = {entry.id: entry for entry in known.sections}
    for entry in entries:
        if by_id.setdefault(entry.id, entry) != entry:
            raise InputError(
                f"brain {brain} has a section {entry.id} already ({by_id[entry.id].image}), with another image, pixel "
                "size, place or rating; take it out of brain.json first, or import this one as another brain"
            )
    merged = known.model_copy(update={"sections": tuple(by_id[number] for number in sorted(by_id))})
    write_brain_manifest(root, merged)
    return merged


def add_brain(root: Path, brain: str, licence: str, label_set: LabelSet | None = None) -> DatasetManifest:
    """Name a brain and the licence of its data in dataset.json, which is made if it is not there.

    A new data set has the classes given, or those of the phantom: background, white matter, other cortex and thirteen
    visual areas of Julich-Brain.
    """
    if (root / "dataset.json").is_file():
        known = open_dataset(root).manifest
    else:
        classes = LabelSetEntry.of(label_set or LABEL_SET)
        known = DatasetManifest(name=root.resolve().name, licence=licence, label_set=classes, brains=())
    terms = known.licence if licence in known.licence else f"{known.licence}; {brain}: {licence}"
    brains = known.brains if brain in known.brains else (*known.brains, brain)
    merged = known.model_copy(update={"licence": terms, "brains": brains})
    write_dataset_manifest(root, merged)
    return merged


def _check_areas(root: Path, label_set: LabelSet | None) -> None:
    """A data set that is there keeps its areas."""
    if label_set is None or not (root / "dataset.json").is_file():
        return
    known = open_dataset(root).label_set
    if known != label_set:
        raise InputError(
            f"a data set keeps its classes, and {root} has {', '.join(known.areas)}, got {', '.join(label_set.areas)} "
            "(or other colours); leave --areas out, or import into a new data set"
        )


def check_name(brain: str) -> None:
    """Refuse the name of a brain that could not be a folder's; raises InputError."""
    if not brain or brain.startswith(".") or not all(letter.isalnum() or letter in "-_." for letter in brain):
        raise InputError(f"a brain's name consists of letters, digits, - and _, got '{brain}'; correct --brain")


def _image(file: SectionFile, root: Path, brain: str) -> str:
    """As the index names an image: relative if it lies inside the data set, which may then be moved."""
    if "://" in file.location or not Path(file.location).is_relative_to(root.resolve()):
        return file.location
    return os.path.relpath(file.location, brain_folder(root, brain).resolve())


def _licence(files: Sequence[SectionFile]) -> str:
    name = Path(files[0].location).name
    if name.startswith(("pm", "B20_")) or "/B20_" in files[0].location:
        return LICENCE
    return f"as given with {name}; ask its authors before passing on what is derived from it"
