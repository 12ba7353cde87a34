"""Surfaces and per-vertex columns in GIfTI files, and the hemispheres made of them."""

import binascii
import zlib
from collections.abc import Sequence
from pathlib import Path
from xml.parsers.expat import ExpatError

import nibabel as nib
import numpy as np
from jaxtyping import Bool, Float, Float32
from nibabel.filebasedimages import ImageFileError
from nibabel.gifti.gifti import GiftiDataArray, GiftiImage, GiftiMetaData

from gennari.errors import InputError
from gennari.records import SIDES, Hemisphere, Side, TriangleMesh
from gennari.sources.atomic import atomic_path
from gennari.sources.bigbrain import check_orientation
from gennari.surface.inflate import inflate
from gennari.surface.mesh import check_pair, medial_wall

_DAMAGE = (ExpatError, zlib.error, binascii.Error, ImageFileError, EOFError, OSError, ValueError, KeyError)
_STRUCTURE: dict[Side, str] = {"L": "CortexLeft", "R": "CortexRight"}


def surface_path(folder: Path, side: Side, name: str) -> Path:
    """Where a folder keeps the surface `name` (pial, white, inflated) of a side."""
    return folder / f"hemi-{side}_{name}.surf.gii"


def columns_path(folder: Path, side: Side, name: str) -> Path:
    """Where a folder keeps the per-vertex columns `name` (probability, layer-thickness, medial-wall) of a side."""
    return folder / f"hemi-{side}_{name}.func.gii"


def read_surface(path: Path) -> TriangleMesh:
    """Read a GIfTI surface (also gzipped); its coordinates are taken as they stand, in mm.

    Raises:
        InputError: the file is missing, half-written, or holds no surface.
    """
    image = _load(path)
    points = [array for array in image.darrays if array.intent == 1008]  # NIFTI_INTENT_POINTSET
    triangles = [array for array in image.darrays if array.intent == 1009]  # NIFTI_INTENT_TRIANGLE
    if len(points) != 1 or len(triangles) != 1:
        raise InputError(
            f"{path} must hold one set of points and one of triangles, got {len(points)} and {len(triangles)}; "
            "is it a file of columns (.func.gii) or labels?"
        )
    vertices, faces = np.asarray(points[0].data, np.float64), np.asarray(triangles[0].data, np.int32)
    if vertices.shape[1:] != (3,) or faces.shape[1:] != (3,):
        raise InputError(f"{path} must hold (v, 3) points and (f, 3) triangles, got {vertices.shape}, {faces.shape}")
    try:
        return TriangleMesh(vertices_mm=vertices, faces=faces)
    except ValueError as error:
        raise InputError(f"{path} holds no usable surface: {error}") from error


def write_surface(path: Path, mesh: TriangleMesh, side: Side) -> None:
    """Write a surface as GIfTI, atomically; coordinates are stored as float32, as the format wants."""
    meta = {"AnatomicalStructurePrimary": _STRUCTURE[side]}
    points = _array(mesh.vertices_mm.astype(np.float32), "NIFTI_INTENT_POINTSET", "NIFTI_TYPE_FLOAT32", meta)
    faces = _array(mesh.faces, "NIFTI_INTENT_TRIANGLE", "NIFTI_TYPE_INT32", {})
    _save(path, [points, faces], meta)


def read_columns(path: Path) -> tuple[tuple[str, ...], Float32[np.ndarray, "v k"]]:
    """Read a .func.gii or .shape.gii file: the columns' names and their values.

    Raises:
        InputError: the file is missing, half-written, or its columns differ in length.
    """
    arrays = _load(path).darrays
    lengths = {array.data.shape for array in arrays}
    if len(lengths) != 1 or len(next(iter(lengths))) != 1:
        raise InputError(f"{path} must hold columns of one value a vertex, got shapes {sorted(lengths)}")
    names = tuple(str(array.meta.get("Name") or f"column {k}") for k, array in enumerate(arrays))
    return names, np.stack([np.asarray(array.data, np.float32) for array in arrays], axis=1)


def write_columns(path: Path, names: Sequence[str], values: Float[np.ndarray, "v k"], side: Side) -> None:
    """Write named per-vertex columns as GIfTI, atomically."""
    if len(names) != values.shape[1]:
        raise ValueError(f"write_columns needs a name for each column, got {len(names)} for {values.shape[1]}")
    columns = [
        _array(column.astype(np.float32), "NIFTI_INTENT_NONE", "NIFTI_TYPE_FLOAT32", {"Name": name})
        for name, column in zip(names, values.T, strict=True)
    ]
    _save(path, columns, {"AnatomicalStructurePrimary": _STRUCTURE[side]})


def read_hemispheres(folder: Path, bigbrain: bool = False) -> tuple[Hemisphere, Hemisphere]:
    """The left and right hemisphere of a folder of hemi-{L,R}_{pial,white[,inflated]}.surf.gii.

    The medial wall is what `hemi-?_medial-wall.func.gii` says (not 0), else where `hemi-?_layer-thickness.func.gii`
    has no layer at all, else where pial and white coincide. A missing inflated surface is computed.

    Args:
        folder: where the files are.
        bigbrain: the surfaces claim to lie in BigBrain's space: their y range is checked too.

    Raises:
        InputError: a file is missing or half-written, pial and white do not correspond, or the brain is turned
            round (left of the left hemisphere's place: the 2016 BigBrain release).
    """
    if not folder.is_dir():
        raise InputError(f"{folder} must be a folder of surfaces, but there is none; check the path")
    pials = {side: read_surface(surface_path(folder, side, "pial")) for side in SIDES}
    means = [float(pials[side].vertices_mm[:, 0].mean()) for side in SIDES]
    if means[0] >= means[1]:
        raise InputError(
            f"x must grow to the right, but the left hemisphere in {folder} lies at x = {means[0]:.1f} mm and the "
            f"right at {means[1]:.1f}; the 2016 BigBrain surfaces are like that: negate x and y of every vertex"
        )
    if bigbrain:
        for side in SIDES:
            check_orientation(pials[side].vertices_mm, str(surface_path(folder, side, "pial")))
    left, right = (_read_hemisphere(folder, side, pials[side]) for side in SIDES)
    return left, right


def read_spheres(folder: Path) -> tuple[TriangleMesh, TriangleMesh] | None:
    """The registration spheres hemi-{L,R}_sphere.surf.gii of a folder, None if it does not have both.

    Raises:
        InputError: as `read_surface`.
    """
    left, right = (surface_path(folder, side, "sphere") for side in SIDES)
    return (read_surface(left), read_surface(right)) if left.is_file() and right.is_file() else None


def write_hemispheres(folder: Path, hemispheres: Sequence[Hemisphere]) -> None:
    """Write pial, white, inflated and the medial wall of hemispheres so that `read_hemispheres` finds them."""
    for hemisphere in hemispheres:
        side = hemisphere.side
        write_surface(surface_path(folder, side, "pial"), hemisphere.pial, side)
        write_surface(surface_path(folder, side, "white"), hemisphere.white, side)
        write_surface(surface_path(folder, side, "inflated"), hemisphere.inflated, side)
        wall = hemisphere.medial_wall.astype(np.float32)[:, None]
        write_columns(columns_path(folder, side, "medial-wall"), ["medial wall"], wall, side)


def _read_hemisphere(folder: Path, side: Side, pial: TriangleMesh) -> Hemisphere:
    white = read_surface(surface_path(folder, side, "white"))
    try:
        check_pair(pial, white)
    except InputError as error:
        raise InputError(f"{folder}, hemisphere {side}: {error}") from error
    inflated_path = surface_path(folder, side, "inflated")
    if inflated_path.is_file():
        inflated = read_surface(inflated_path)
        if not np.array_equal(inflated.faces, pial.faces):
            raise InputError(
                f"{inflated_path} must have the faces of the pial surface, but they differ; take it from the same "
                "reconstruction, or remove it to have one computed"
            )
    else:
        middle = 0.5 * (pial.vertices_mm + white.vertices_mm)
        inflated = inflate(TriangleMesh(vertices_mm=middle, faces=pial.faces))
    return Hemisphere(
        side=side, pial=pial, white=white, inflated=inflated, medial_wall=_read_wall(folder, side, pial, white)
    )


def _read_wall(folder: Path, side: Side, pial: TriangleMesh, white: TriangleMesh) -> Bool[np.ndarray, "v"]:
    for name in ("medial-wall", "layer-thickness"):
        path = columns_path(folder, side, name)
        if not path.is_file():
            continue
        values = read_columns(path)[1]
        if len(values) != len(pial.vertices_mm):
            raise InputError(
                f"{path} must hold one row a vertex of the pial surface ({len(pial.vertices_mm)}), got {len(values)}; "
                "is it from the same reconstruction?"
            )
        return (values != 0).any(axis=1) if name == "medial-wall" else (values == 0).all(axis=1)
    return medial_wall(pial, white)


def _load(path: Path) -> GiftiImage:
    if not path.is_file():
        raise InputError(f"{path} must be a GIfTI file, but there is none; check the folder and the name")
    try:
        image = nib.load(path)  # pyright: ignore[reportPrivateImportUsage]
    except _DAMAGE as error:
        raise InputError(f"{path} must be a whole GIfTI file, but reading it fails ({error}); copy it again") from error
    if not isinstance(image, GiftiImage) or not image.darrays:
        raise InputError(f"{path} must be a GIfTI file with data, but it holds none; copy it again")
    return image


def _array(data: np.ndarray, intent: str, datatype: str, meta: dict[str, str]) -> GiftiDataArray:
    return GiftiDataArray(
        data, intent=intent, datatype=datatype, encoding="GIFTI_ENCODING_B64GZ", meta=GiftiMetaData(meta)
    )


def _save(path: Path, arrays: list[GiftiDataArray], meta: dict[str, str]) -> None:
    with atomic_path(path) as temporary:
        nib.save(GiftiImage(darrays=arrays, meta=GiftiMetaData(meta)), temporary)  # pyright: ignore
