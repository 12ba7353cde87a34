"""Annotations into a data set: one canonical GeoJSON a section, and what is doubtful about them by name and place."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import shapely
from shapely import STRtree
from shapely.geometry import box

from gennari.errors import InputError
from gennari.pipeline.import_surfaces import refuse_existing
from gennari.records import LabelSet, Section
from gennari.sources.annotations import Annotated, write_annotation
from gennari.sources.atomic import write_json
from gennari.sources.dataset import Brain, Dataset, annotation_path
from gennari.sources.documents import file_digest
from gennari.sources.drawing_files import drawing_files, read_drawings
from gennari.sources.drawings import Drawn, areas_only
from gennari.sources.label_images import read_class_table

ID_PATTERN = r"(?P<id>\d+)(?!.*\d)"
"""The last number of a name."""
OVERLAP_MM2 = 0.001
"""Smaller ones are where outlines of neighbours do not quite meet."""


@dataclass(frozen=True, kw_only=True)
class AnnotationOptions:
    """How annotations are read.

    Attributes:
        id_pattern: searched in a file's name; its group `id`, or its first one, is the section's number.
        classes: table of what the numbers of label images mean.
        rename: names as they are drawn -> classes of the data set.
        skip: names that are left out.
        class_name: for files that name no class.
        closed_world: the class of all that nobody drew; None leaves it unsaid.
        replace: annotations that are there may be replaced.
    """

    id_pattern: str = ID_PATTERN
    classes: Path | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    skip: Collection[str] = ()
    class_name: str | None = None
    closed_world: str | None = None
    replace: bool = False


@dataclass(frozen=True, kw_only=True)
class ImportedAnnotations:
    """What was written.

    Attributes:
        area_mm2: for each section the area of each class.
        notes: overlaps, and what was left out, by name and place.
    """

    area_mm2: dict[int, dict[str, float]]
    notes: tuple[str, ...]


def import_annotations(dataset: Dataset, brain: str, place: Path, options: AnnotationOptions) -> ImportedAnnotations:
    """Write the annotations at a place into a brain of a data set; nothing is written unless all can be.

    Several files of one section (one a class, say) are one annotation, in the order of their names. Where two pieces
    overlap, the later one counts.

    Raises:
        InputError: as `read_drawings`; a name gives no section of the brain; a class is unknown (all of them are named,
            with their places); a section is annotated already.
    """
    target = dataset.brain(brain)
    labels = dataset.label_set
    for name in (options.closed_world, options.class_name, *options.rename.values()):
        if name is not None and name not in labels.names:
            raise InputError(f"classes must be of the data set ({', '.join(labels.names)}), got '{name}'; name one")
    table = read_class_table(options.classes) if options.classes else None
    grouped = _by_section(drawing_files(place), target, options)
    drawn: dict[int, list[Drawn]] = {}
    notes: list[str] = []
    for number, paths in grouped.items():
        refuse_existing(
            annotation_path(target.folder, number), options.replace, f"annotations of section {number} of {brain}"
        )
        pieces = []
        for path in paths:
            found, left_out = read_drawings(path, target.section(number), table)
            pieces += found
            notes += left_out
        drawn[number] = _renamed(pieces, options)
    _refuse_unknown(drawn, labels)
    areas = {}
    for number, pieces in drawn.items():
        section = target.section(number)
        notes += overlaps(pieces, section) + _outside(pieces, section)
        annotated = _annotated(pieces, section, labels, options.closed_world)
        write_annotation(annotation_path(target.folder, number), annotated, labels)
        areas[number] = _areas_mm2(annotated, section, labels)
    _record(target, grouped, options, notes)
    return ImportedAnnotations(area_mm2=areas, notes=tuple(notes))


def overlaps(pieces: Sequence[Drawn], section: Section) -> list[str]:
    """A sentence for each two pieces of different classes that overlap by more than OVERLAP_MM2."""
    geometries = [piece.geometry for piece in pieces]
    px_mm2 = (section.spacing_um / 1000) ** 2
    sentences = []
    first, second = STRtree(geometries).query(geometries, predicate="intersects")
    for i, j in sorted(zip(first.tolist(), second.tolist(), strict=True)):
        if i >= j or pieces[i].name == pieces[j].name:
            continue
        common = geometries[i].intersection(geometries[j])
        area_mm2 = common.area * px_mm2
        if area_mm2 > OVERLAP_MM2:
            sentences.append(
                f"section {section.id}: {pieces[i].name} and {pieces[j].name} overlap by {area_mm2:.3f} mm² at "
                f"{_place(common)}; {pieces[j].name}, drawn later, counts there"
            )
    return sentences


def _by_section(paths: Sequence[Path], brain: Brain, options: AnnotationOptions) -> dict[int, list[Path]]:
    try:
        pattern = re.compile(options.id_pattern)
    except re.error as error:
        raise InputError(
            f"--id-pattern must be a regular expression, but '{options.id_pattern}' is none ({error})"
        ) from error
    grouped: dict[int, list[Path]] = defaultdict(list)
    for path in paths:
        found = pattern.search(path.name.split(".")[0])
        group = "id" if "id" in pattern.groupindex else min(pattern.groups, 1)
        text = (found[group] or "") if found else ""
        if not text.isdecimal():
            raise InputError(
                f"the name of an annotation must hold its section's number, but '{options.id_pattern}' finds none in "
                f"{path.name}; correct --id-pattern"
            )
        grouped[brain.section(int(text)).id].append(path)
    return dict(sorted(grouped.items()))


def _renamed(pieces: Sequence[Drawn], options: AnnotationOptions) -> list[Drawn]:
    named = [piece._replace(name=piece.name or options.class_name) for piece in pieces]
    kept = [piece for piece in named if piece.name not in options.skip]
    return [piece._replace(name=options.rename.get(piece.name or "", piece.name)) for piece in kept]


def _refuse_unknown(drawn: Mapping[int, Sequence[Drawn]], labels: LabelSet) -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for number, pieces in drawn.items():
        for piece in pieces:
            if piece.name not in labels.names:
                places[piece.name or "no class"].append(f"section {number} at {_place(piece.geometry)}")
    if places:
        found = "; ".join(
            f"'{name}' {len(where)} times (first in {where[0]})" if len(where) > 1 else f"'{name}' in {where[0]}"
            for name, where in sorted(places.items())
        )
        raise InputError(
            f"annotations must be of the data set's classes ({', '.join(labels.names)}), but there is {found}; give "
            "--rename OLD=NEW, leave them out with --skip NAME, or name what has no class with --class-name"
        )


def _outside(pieces: Sequence[Drawn], section: Section) -> list[str]:
    rows, cols = section.shape_px
    frame = box(-1, -1, cols + 1, rows + 1)
    return [
        f"section {section.id}: {piece.name} at {_place(piece.geometry)} leaves the image ({rows} x {cols} px); was it "
        "drawn at full resolution?"
        for piece in pieces
        if not frame.covers(piece.geometry)
    ]


def _annotated(
    pieces: Sequence[Drawn], section: Section, labels: LabelSet, closed_world: str | None
) -> list[Annotated]:
    annotated = [Annotated(labels.index(piece.name or ""), piece.geometry) for piece in pieces]
    if closed_world is not None:
        rows, cols = section.shape_px
        rest = areas_only(box(0, 0, cols, rows) - shapely.union_all([piece.geometry for piece in pieces]))
        if not rest.is_empty:
            annotated.insert(0, Annotated(labels.index(closed_world), rest))
    return annotated


def _areas_mm2(annotated: Sequence[Annotated], section: Section, labels: LabelSet) -> dict[str, float]:
    areas: dict[str, float] = defaultdict(float)
    for piece in annotated:
        areas[labels.names[piece.class_index]] += piece.geometry.area * (section.spacing_um / 1000) ** 2
    return dict(areas)


def _place(geometry: shapely.Geometry) -> str:
    point = shapely.point_on_surface(geometry)
    return f"x {shapely.get_x(point):.0f}, y {shapely.get_y(point):.0f} px"


def _record(brain: Brain, grouped: Mapping[int, Sequence[Path]], options: AnnotationOptions, notes: list[str]) -> None:
    sources = {
        str(number): {str(path.resolve()): file_digest(path) if path.is_file() else "" for path in paths}
        for number, paths in grouped.items()
    }
    record = {"sources": sources, "closed_world": options.closed_world, "rename": dict(options.rename), "notes": notes}
    write_json(brain.folder / "annotations" / "import.json", record)
