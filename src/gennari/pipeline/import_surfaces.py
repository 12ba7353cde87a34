"""Surfaces into a data set: checked, completed and written in one form, with a record of where they came from."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from gennari.errors import InputError
from gennari.records import SIDES, Hemisphere
from gennari.sources.atomic import atomic_path, write_json
from gennari.sources.dataset import Dataset, brain_folder, check_inside, write_brain_manifest
from gennari.sources.documents import file_digest
from gennari.sources.freesurfer import SurfaceSpace
from gennari.sources.gifti import columns_path, surface_path, write_surface
from gennari.sources.manifests import Manifest
from gennari.sources.surface_files import find_surface
from gennari.sources.surfaces import HALF_TURN, read_hemispheres, read_spheres, write_hemispheres
from gennari.surface.inflate import SMOOTHING_MM

RECORD = "import.json"


class SurfaceRecord(Manifest):
    """surfaces/import.json: where the surfaces of a brain came from.

    Attributes:
        sources: path -> SHA-256 of each file that was read.
        turned: x and y were negated on request.
        inflated: "as given" or how it was computed.
        medial_wall: where it was taken from.
        freesurfer: the space in which FreeSurfer's files were read.
    """

    sources: dict[str, str]
    turned: bool
    inflated: str
    medial_wall: str
    freesurfer: SurfaceSpace = "scanner"


class ImportedSurfaces(NamedTuple):
    """What was written."""

    hemispheres: tuple[Hemisphere, Hemisphere]
    record: SurfaceRecord


def import_surfaces(
    dataset: Dataset,
    brain: str,
    folder: Path,
    *,
    turned: bool = False,
    bigbrain: bool = False,
    freesurfer: SurfaceSpace = "scanner",
    replace: bool = False,
) -> ImportedSurfaces:
    """Write the surfaces of a folder into a brain of a data set as GIfTI, pial, white and inflated.

    An inflated surface is computed where there is none; registration spheres and the medial wall come along. Each
    section of the brain has to meet the surfaces.

    Args:
        dataset: with the brain in it.
        brain: its name.
        folder: with the surfaces, by name (`find_surface`).
        turned: negate x and y of every vertex (BigBrain's 2016 release).
        bigbrain: the surfaces claim to lie in BigBrain's space.
        freesurfer: in which space FreeSurfer's surfaces are wanted.
        replace: surfaces that the brain has already may be replaced.

    Raises:
        InputError: as `read_hemispheres` and `check_inside`, or the brain has surfaces and may not lose them.
    """
    manifest = dataset.brain(brain).manifest
    target = brain_folder(dataset.root, brain) / "surfaces"
    refuse_existing(target, replace, f"the surfaces of brain {brain}")
    if folder.resolve() == target.resolve():
        raise InputError(f"surfaces are imported from outside the data set, but {folder} is its own; name the source")
    hemispheres = read_hemispheres(folder, bigbrain, freesurfer, turned)
    for section in dataset.brain(brain).sections:
        check_inside(section, hemispheres)
    record = _record(folder, turned, freesurfer)
    spheres = read_spheres(folder)
    with atomic_path(target) as temporary:
        write_hemispheres(temporary, hemispheres)
        for side, sphere in zip(SIDES, spheres or (), strict=False):
            turn = HALF_TURN if turned else np.ones(3)
            write_surface(
                surface_path(temporary, side, "sphere"),
                type(sphere)(vertices_mm=sphere.vertices_mm * turn, faces=sphere.faces),
                side,
            )
        write_json(temporary / RECORD, record)
    write_brain_manifest(dataset.root, manifest.model_copy(update={"geometry": f"imported from {folder.name}"}))
    return ImportedSurfaces(hemispheres, record)


def refuse_existing(path: Path, replace: bool, what: str) -> None:
    """Refuse to write over what is there, unless that is asked for.

    Raises:
        InputError: `path` exists and is not to be replaced.
    """
    if path.exists() and not replace:
        raise InputError(f"{what} are there already ({path}), and nothing is replaced unasked; add --replace to do so")


def _record(folder: Path, turned: bool, freesurfer: SurfaceSpace) -> SurfaceRecord:
    files = [find_surface(folder, side, name) for side in SIDES for name in ("pial", "white", "inflated")]
    computed = None in (files[2], files[5])
    walls = [columns_path(folder, SIDES[0], name) for name in ("medial-wall", "layer-thickness")]
    wall = next((path.name for path in walls if path.is_file()), "where pial and white coincide")
    return SurfaceRecord(
        sources={str(path.resolve()): file_digest(path) for path in files if path is not None},
        turned=turned,
        inflated=f"computed by smoothing over {SMOOTHING_MM:g} mm, area kept" if computed else "as given",
        medial_wall=wall,
        freesurfer=freesurfer,
    )
