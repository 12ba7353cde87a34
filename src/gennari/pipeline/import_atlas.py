"""An atlas into a data set: maps per vertex or in a volume, brought to the vertices of a brain."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32

from gennari.errors import InputError
from gennari.pipeline.atlas_maps import AtlasOptions, Columns, area_meant, read_maps
from gennari.pipeline.import_surfaces import refuse_existing
from gennari.records import Hemisphere, LabelSet, Side
from gennari.sources.atlas import write_atlas
from gennari.sources.atomic import atomic_path, write_json
from gennari.sources.dataset import Dataset, write_brain_manifest
from gennari.sources.label_images import read_class_table
from gennari.surface.mesh import face_areas_mm2


class ImportedAtlas(NamedTuple):
    """What was written.

    Attributes:
        covered: share of the cortex (by area, the wall left out) where some area is expected, left and right.
        expected_mm2: per area, its probability summed over both sides.
        others: names in the atlas that are no areas here; they count as other cortex.
    """

    covered: tuple[float, float]
    expected_mm2: dict[str, float]
    others: tuple[str, ...]


def import_atlas(dataset: Dataset, brain: str, place: str, options: AtlasOptions) -> ImportedAtlas:
    """Write area probabilities per vertex into a brain of a data set.

    Volumes are read on the mid surface. Names are matched to areas as they stand, else by a whole word ("Area hOc1
    (V1, 17, CalcS)" is hOc1); where several maps are one area, their probabilities add up to at most 1.

    Args:
        dataset: with the brain in it.
        brain: its name; it must have surfaces.
        place: folder or file of vertex maps, or of NIfTI volumes; or `siibra:` and the name of a parcellation.
        options: how to read it.

    Raises:
        InputError: as the readers; the maps have other vertices; an area has no map; values are no probabilities; a
            volume comes without a way to its space; the brain has an atlas and may not lose it.
    """
    target = dataset.brain(brain)
    labels = dataset.label_set
    folder = target.folder / "atlas"
    refuse_existing(folder, options.replace, f"the atlas of brain {brain}")
    _check_names(options, labels)
    table = read_class_table(options.classes) if options.classes else None
    hemispheres = target.hemispheres()
    columns = read_maps(place, hemispheres, labels, table, options)
    others: set[str] = set()
    probabilities = []
    for hemisphere, named in zip(hemispheres, columns, strict=True):
        values, left_over = _areas(named, len(hemisphere.medial_wall), labels, options, hemisphere.side)
        probabilities.append(values)
        others |= left_over
    _refuse_missing(columns, labels, options)
    record = {
        "source": place,
        "affine": options.affine,
        "through": str(options.through or ""),
        "others": sorted(others),
    }
    with atomic_path(folder) as temporary:
        write_atlas(temporary, probabilities, labels)
        write_json(temporary / "import.json", record)
    write_brain_manifest(dataset.root, target.manifest.model_copy(update={"atlas": True}))
    return ImportedAtlas(*coverage(hemispheres, probabilities, labels), tuple(sorted(others)))


def coverage(
    hemispheres: Sequence[Hemisphere], probabilities: Sequence[Float[np.ndarray, "_ a"]], labels: LabelSet
) -> tuple[tuple[float, float], dict[str, float]]:
    """Share of the cortex where some area is expected (left, right), and the expected mm² of each area."""
    shares = []
    expected = np.zeros(len(labels.areas))
    for hemisphere, values in zip(hemispheres, probabilities, strict=True):
        corner = face_areas_mm2(hemisphere.mid) / 3
        area = np.bincount(hemisphere.mid.faces.ravel(), np.repeat(corner, 3), len(values))
        area[hemisphere.medial_wall] = 0
        shares.append(float(area[(values > 0).any(axis=1)].sum() / area.sum()))
        expected += area @ values
    return (shares[0], shares[1]), dict(zip(labels.areas, expected.tolist(), strict=True))


def _check_names(options: AtlasOptions, labels: LabelSet) -> None:
    for name in (*options.rename.values(), *options.absent):
        if name not in labels.areas:
            raise InputError(f"areas must be of the data set ({', '.join(labels.areas)}), got '{name}'; name one")


def _areas(
    named: Columns, vertices: int, labels: LabelSet, options: AtlasOptions, side: Side
) -> tuple[Float32[np.ndarray, "v a"], set[str]]:
    values = np.zeros((vertices, len(labels.areas)), np.float32)
    others = set()
    for name, column in named:
        area = area_meant(name, labels, options)
        if area is None:
            others.add(name)
            continue
        low, high = float(column.min(initial=0)), float(column.max(initial=0))
        if not (np.isfinite(column).all() and low >= -1e-4 and high <= 1 + 1e-4):
            raise InputError(
                f"maps must hold probabilities from 0 to 1, but '{name}' on side {side} holds {low:g}..{high:g}; "
                "divide percentages by 100, and give --classes FILE for label numbers"
            )
        values[:, labels.areas.index(area)] += np.clip(column, 0, 1)
    return np.minimum(values, 1.0), others


def _refuse_missing(columns: Sequence[Columns], labels: LabelSet, options: AtlasOptions) -> None:
    names = {name for column in columns for name, _ in column}
    given = {area_meant(name, labels, options) for name in names}
    missing = [area for area in labels.areas if area not in given and area not in options.absent]
    if missing:
        raise InputError(
            f"an atlas must have a map for each area, but {', '.join(missing)} is missing (it has "
            f"{', '.join(sorted(names)) or 'none'}); give --rename NAME=AREA, or --absent AREA for what it has not"
        )
