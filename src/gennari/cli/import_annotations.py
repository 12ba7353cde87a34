"""`gennari import annotations`: what experts drew, into a data set."""

import sys
from pathlib import Path

from gennari.errors import InputError
from gennari.pipeline.import_annotations import ID_PATTERN, AnnotationOptions, import_annotations
from gennari.sources.dataset import open_dataset


def annotations(
    place: Path,
    *,
    brain: str,
    dataset: Path = Path("dataset"),
    id_pattern: str = ID_PATTERN,
    classes: Path | None = None,
    rename: list[str] | None = None,
    skip: list[str] | None = None,
    class_name: str | None = None,
    closed_world: str | None = None,
    replace: bool = False,
) -> None:
    """Bring annotations into a data set, one GeoJSON a section; what nobody drew stays unlabelled (ignored).

    Args:
        place: a file or a folder: QuPath GeoJSON, label PNG or TIFF, OME-Zarr labels, Microdraw JSON, napari shapes
            (CSV) or SANDS JSON; names hold the sections' numbers.
        brain: name of the brain they are of; import its sections first.
        dataset: folder of the data set.
        id_pattern: regular expression whose group `id` (or first group) is the section's number.
        classes: table (CSV: index,name) of what the numbers of label images mean.
        rename: OLD=NEW, for a class that is called otherwise there; may be repeated.
        skip: a class that is to be left out; may be repeated.
        class_name: the class of files that name none.
        closed_world: the class of everything that nobody drew, such as "other cortex"; only where sections are
            annotated completely.
        replace: let them stand in for annotations that are there.
    """
    pairs = [pair.split("=", 1) for pair in rename or ()]
    wrong = [pair[0] for pair in pairs if len(pair) != 2]
    if wrong:
        raise InputError(f"--rename takes OLD=NEW, got '{wrong[0]}'; write both names")
    options = AnnotationOptions(
        id_pattern=id_pattern,
        classes=classes,
        rename=dict(pairs),
        skip=tuple(skip or ()),
        class_name=class_name,
        closed_world=closed_world,
        replace=replace,
    )
    made = import_annotations(open_dataset(dataset), brain, place, options)
    for note in made.notes:
        sys.stdout.write(f"note: {note}\n")
    for number, areas in made.area_mm2.items():
        listed = ", ".join(f"{name} {area:.2f}" for name, area in areas.items()) or "nothing"
        sys.stdout.write(f"section {number}: {listed} mm²\n")
