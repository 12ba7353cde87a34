"""Maps of an atlas as columns over the vertices of a brain, whatever they come as."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32
from nibabel.spatialimages import SpatialImage
from pydantic import RootModel

from gennari.errors import InputError
from gennari.frames import Affine, Frame
from gennari.records import SIDES, Hemisphere, LabelSet
from gennari.sources.documents import read_json
from gennari.sources.siibra_maps import siibra_maps
from gennari.sources.surface_files import find_surface, read_any_surface, side_of
from gennari.sources.vertex_maps import find_vertex_maps, read_vertex_maps
from gennari.sources.volumes import open_volume, read_voxels, sample

SIIBRA = "siibra:"
SAME_SPACE = "identity"
_SPACES = ("2009c", "2009b", "colin27")
"""Reference spaces that names of files tell, and that are not one another."""
Columns = list[tuple[str, Float32[np.ndarray, "v"]]]
"""(name, values) of each map of a side."""
_Row = tuple[float, float, float, float]


class _Matrix(RootModel[tuple[_Row, _Row, _Row, _Row]]):
    pass


@dataclass(frozen=True, kw_only=True)
class AtlasOptions:
    """How an atlas is read.

    Attributes:
        affine: JSON of a 4 x 4 matrix, BRAIN_MM to ATLAS_MM, or "identity": for volumes.
        through: folder with this brain's surfaces in the space of the volumes, vertex for vertex: instead of an affine.
        classes: table of what numbers mean: in label volumes, in one-int-a-vertex files, or the order of a 4-D volume.
        rename: the atlas's names -> areas of the data set.
        ignore: names that count as other cortex.
        absent: areas of the data set that the atlas does not have; their probability is 0.
        replace: an atlas that is there may be replaced.
    """

    affine: str | None = None
    through: Path | None = None
    classes: Path | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    ignore: Collection[str] = ()
    absent: Collection[str] = ()
    replace: bool = False


def read_maps(
    place: str,
    hemispheres: tuple[Hemisphere, Hemisphere],
    labels: LabelSet,
    table: Mapping[int, str] | None,
    options: AtlasOptions,
) -> tuple[Columns, Columns]:
    """Named columns for the left and right side, from whatever an atlas comes as.

    Volumes are read on the mid surface, and are 0 on the medial wall.

    Args:
        place: folder or file of vertex maps or NIfTI volumes, or `siibra:` and the name of a parcellation.
        hemispheres: of the brain.
        labels: give the areas.
        table: what numbers mean.
        options: how to read it.

    Raises:
        InputError: as the readers; maps have other vertices; a volume comes without a way to its space.
    """
    path = Path(place)
    if place.startswith(SIIBRA):
        maps = siibra_maps(place.removeprefix(SIIBRA))
        wanted = [name for name in maps.names if area_meant(name, labels, options) is not None]
        sources = [(name, name, maps.fetch(name), 0) for name in wanted]
    else:
        volumes = _volumes(path)
        if not volumes:
            return _vertex_columns(path, hemispheres, table)
        _check_spaces(volumes, options)
        sources = [entry for volume in volumes for entry in _maps(volume, table)]
    points = [_points_mm(hemisphere, options) for hemisphere in hemispheres]
    columns: tuple[Columns, Columns] = ([], [])
    for name, where, image, volume in sources:
        for side, out, at_mm, hemisphere in zip(SIDES, columns, points, hemispheres, strict=True):
            if side_of(where, small=True) in (None, side):
                values = sample(image, at_mm, where, volume)
                values[hemisphere.medial_wall] = 0
                out.append((name, values))
    return columns


def area_meant(name: str, labels: LabelSet, options: AtlasOptions) -> str | None:
    """The area that a map's name means, None for other cortex."""
    if name in options.rename:
        return options.rename[name]
    if name in options.ignore or name in labels.areas:
        return name if name in labels.areas and name not in options.ignore else None
    words = {word.lower() for word in re.split(r"[^A-Za-z0-9]+", name)}
    meant = [area for area in labels.areas if area.lower() in words]
    if len(meant) > 1:
        raise InputError(f"'{name}' may mean {' or '.join(meant)}; say which with --rename '{name}'=AREA")
    return meant[0] if meant else None


def _vertex_columns(
    path: Path, hemispheres: Sequence[Hemisphere], table: Mapping[int, str] | None
) -> tuple[Columns, Columns]:
    found = find_vertex_maps(path)
    columns: list[Columns] = []
    for hemisphere in hemispheres:
        names, values = read_vertex_maps(found[hemisphere.side], table)
        if len(values) != len(hemisphere.medial_wall):
            raise InputError(
                f"a map must have a value for each vertex of its side ({hemisphere.side}: "
                f"{len(hemisphere.medial_wall)}), but {found[hemisphere.side][0]} has {len(values)}; take the map of "
                "this mesh, or a volume with --through"
            )
        columns.append(list(zip(names, values.T, strict=True)))
    return columns[0], columns[1]


def _volumes(path: Path) -> list[Path]:
    if path.is_dir():
        return [file for file in sorted(path.iterdir()) if file.name.endswith((".nii", ".nii.gz"))]
    if not path.exists():
        raise InputError(
            f"{path} must be an atlas (vertex maps or NIfTI volumes), but there is nothing; check the path"
        )
    return [path] if path.name.endswith((".nii", ".nii.gz")) else []


def _maps(path: Path, table: Mapping[int, str] | None) -> list[tuple[str, str, SpatialImage, int]]:
    """(name, what to call it, image, which volume) of each map in a file."""
    image = open_volume(path)
    if len(image.shape) == 4 and image.shape[3] > 1:
        if table is None or set(table) - set(range(image.shape[3])):
            raise InputError(
                f"{path} holds {image.shape[3]} maps; say which is which (0, 1, ...) with --classes FILE (index,name)"
            )
        return [(name, name, image, number) for number, name in table.items()]
    if table is None:
        return [(path.name.split(".")[0], path.name.split(".")[0], image, 0)]
    data = read_voxels(image, str(path))
    return [
        (name, name, type(image)((data == number).astype(np.float32), image.affine), 0)
        for number, name in table.items()
    ]


def _points_mm(hemisphere: Hemisphere, options: AtlasOptions) -> Float[np.ndarray, "v 3"]:
    """Vertices of the mid surface in the space of the volumes."""
    if (options.affine is None) == (options.through is None):
        raise InputError(
            "a volume needs one way from the brain to its space: --affine FILE (4 x 4, brain mm to atlas mm; "
            "'identity' where they are the same), or --through FOLDER with the brain's surfaces in the volume's space"
        )
    if options.through is not None:
        meshes = []
        for name in ("pial", "white"):
            path = find_surface(options.through, hemisphere.side, name, reference=True)
            mesh = read_any_surface(path) if path else None
            if mesh is None or mesh.faces.shape != hemisphere.pial.faces.shape:
                got = f"{len(mesh.vertices_mm)} vertices" if mesh else "there is none"
                raise InputError(
                    f"{options.through} must hold the {name} surface of side {hemisphere.side} with the vertices of "
                    f"the brain's own ({len(hemisphere.medial_wall)}), got {got}; take the same mesh in the other space"
                )
            meshes.append(mesh.vertices_mm)
        return 0.5 * (meshes[0] + meshes[1])
    matrix = np.eye(4)
    if options.affine != SAME_SPACE:
        matrix = np.array(read_json(Path(str(options.affine)), _Matrix).root)
    try:
        to_atlas = Affine(matrix=matrix, source=Frame.BRAIN_MM, target=Frame.ATLAS_MM)
    except ValueError as error:
        raise InputError(f"{options.affine}: {error}; mend the matrix") from error
    return to_atlas.apply(hemisphere.mid.vertices_mm)


def _check_spaces(volumes: Sequence[Path], options: AtlasOptions) -> None:
    """Refuse to read volumes of one reference space on surfaces that by their names lie in another."""
    if options.through is None or not options.through.is_dir():
        return
    of_maps = {space for path in volumes for space in _SPACES if space in path.name.lower()}
    of_surfaces = {space for path in options.through.iterdir() for space in _SPACES if space in path.name.lower()}
    if of_maps and of_surfaces and not of_maps & of_surfaces:
        raise InputError(
            f"maps and surfaces must lie in one reference space, but by their names the maps are in "
            f"{', '.join(sorted(of_maps))} and the surfaces of {options.through} in {', '.join(sorted(of_surfaces))} "
            "(2009b symmetric is not MNI152 2009c asymmetric); take the surfaces in the space of the maps"
        )
