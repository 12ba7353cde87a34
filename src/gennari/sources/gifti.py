"""Surfaces and per-vertex columns in GIfTI files."""

import binascii
import zlib
from collections.abc import Sequence
from pathlib import Path
from xml.parsers.expat import ExpatError

import nibabel as nib
import numpy as np
from jaxtyping import Float, Float32
from nibabel.filebasedimages import ImageFileError
from nibabel.gifti.gifti import GiftiDataArray, GiftiImage, GiftiMetaData

from gennari.errors import InputError
from gennari.records import Side, TriangleMesh
from gennari.sources.atomic import atomic_path

_DAMAGE = (ExpatError, zlib.error, binascii.Error, ImageFileError, EOFError, OSError, ValueError, KeyError)
STRUCTURE: dict[Side, str] = {"L": "CortexLeft", "R": "CortexRight"}
"""What Workbench calls the hemispheres."""


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
    image = load_gifti(path)
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
    meta = {"AnatomicalStructurePrimary": STRUCTURE[side]}
    points = _array(mesh.vertices_mm.astype(np.float32), "NIFTI_INTENT_POINTSET", "NIFTI_TYPE_FLOAT32", meta)
    faces = _array(mesh.faces, "NIFTI_INTENT_TRIANGLE", "NIFTI_TYPE_INT32", {})
    _save(path, [points, faces], meta)


def read_columns(path: Path) -> tuple[tuple[str, ...], Float32[np.ndarray, "v k"]]:
    """Read a .func.gii or .shape.gii file: the columns' names and their values.

    Raises:
        InputError: the file is missing, half-written, or its columns differ in length.
    """
    arrays = load_gifti(path).darrays
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
    _save(path, columns, {"AnatomicalStructurePrimary": STRUCTURE[side]})


def load_gifti(path: Path) -> GiftiImage:
    """A GIfTI file as nibabel reads it; raises InputError when it is missing, half-written or without data."""
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
