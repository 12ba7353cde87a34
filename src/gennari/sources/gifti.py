"""Surfaces and per-vertex columns in GIfTI files."""

import base64
import binascii
import gzip
import io
import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from xml.parsers.expat import ExpatError

import nibabel as nib
import numpy as np
from jaxtyping import Float, Float32
from nibabel.filebasedimages import ImageFileError
from nibabel.gifti.gifti import GiftiDataArray, GiftiImage, GiftiMetaData
from nibabel.gifti.parse_gifti_fast import GiftiImageParser, GiftiParseError
from nibabel.gifti.util import gifti_encoding_codes
from nibabel.nifti1 import data_type_codes

from gennari.errors import InputError
from gennari.records import Side, TriangleMesh
from gennari.sources.atomic import atomic_path

MAX_BYTES = 2**30
"""Of a file when it is no longer zipped; the surfaces of BigBrain take 10 MB."""
MAX_VALUES = 2**28
"""Of one array: 89 million vertices."""
_DAMAGE = (
    ExpatError, GiftiParseError, zlib.error, binascii.Error, ImageFileError, EOFError, OSError, ValueError, LookupError,
    TypeError, AttributeError, AssertionError, RecursionError,
)  # fmt: skip
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
    if points[0].data is None or triangles[0].data is None:
        raise InputError(f"{path} must hold points and triangles, but an array is empty; copy it again")
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
    if any(array.data is None for array in arrays):
        raise InputError(f"{path} must hold columns of values, but one is empty; copy it again")
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
    """A GIfTI file as nibabel reads it, with data of its own.

    Raises:
        InputError: it is missing, half-written or without data, points to data in other files, or asks for more memory
            than a surface takes.
    """
    if not path.is_file():
        raise InputError(f"{path} must be a GIfTI file, but there is none; check the folder and the name")
    parser = _Parser(mmap=False)
    try:
        with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as file:
            parser.parse(fptr=_Bounded(file))
        image = parser.img
    except _DAMAGE as error:
        raise InputError(f"{path} must be a whole GIfTI file, but reading it fails ({error}); copy it again") from error
    if not isinstance(image, GiftiImage) or not image.darrays:
        raise InputError(f"{path} must be a GIfTI file with data, but it holds none; copy it again")
    return image


class _Bounded:
    """A file of which no more than MAX_BYTES are read, however much a zipped one would give."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._file, self._left = file, MAX_BYTES

    def read(self, count: int) -> bytes:
        got = self._file.read(min(count, self._left + 1))
        self._left -= len(got)
        if self._left < 0:
            raise ValueError(f"it holds more than {MAX_BYTES // 2**20} MB")
        return got


class _Parser(GiftiImageParser):
    """nibabel's, which trusts what a file says: here each array's size is held against its data before memory is taken.

    Data in other files are not followed: a surface that was sent could name any file of this machine.
    """

    def flush_chardata(self) -> None:
        if self.write_to == "Data" and self.da is not None:
            encoding = gifti_encoding_codes.label[self.da.encoding]
            if encoding == "External":
                raise ValueError(f"its data lie in another file, {self.da.ext_fname!r}")
            values = math.prod(self.da.dims)
            if not 0 <= values <= MAX_VALUES:
                raise ValueError(f"an array has the shape {tuple(self.da.dims)}")
            if encoding == "B64GZ":
                size = values * np.dtype(data_type_codes.dtype[self.da.datatype]).itemsize  # pyright: ignore
                packed = base64.b64decode("".join(self._char_blocks or []))
                if len(zlib.decompressobj().decompress(packed, size + 1)) != size:
                    raise ValueError(f"an array is not of the {size} bytes that its shape asks for")
        super().flush_chardata()


def _array(data: np.ndarray, intent: str, datatype: str, meta: dict[str, str]) -> GiftiDataArray:
    return GiftiDataArray(
        data, intent=intent, datatype=datatype, encoding="GIFTI_ENCODING_B64GZ", meta=GiftiMetaData(meta)
    )


def _save(path: Path, arrays: list[GiftiDataArray], meta: dict[str, str]) -> None:
    with atomic_path(path) as temporary:
        nib.save(GiftiImage(darrays=arrays, meta=GiftiMetaData(meta)), temporary)  # pyright: ignore
