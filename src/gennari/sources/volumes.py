"""Volumes as NIfTI: read at points, without trusting what their headers ask for."""

import gzip
import math
import zlib
from pathlib import Path
from typing import cast

import nibabel as nib
import numpy as np
from jaxtyping import Float, Float32
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, SpatialImage
from scipy.ndimage import map_coordinates

from gennari.errors import InputError

MAX_VOXELS = 500_000_000
"""Of one map: 1 mm over a head is 9 million, 0.4 mm 140 million."""
MAX_BYTES = 2**32
"""Of one map: 500 million voxels of 8 bytes."""
MAX_HEAD_BYTES = 2**20
"""Before the first voxel: heads have 352 bytes, extensions some thousands."""
_PACKED = 1100
"""No byte of a zipped file stands for more of them (deflate's limit is 1032)."""
_DAMAGE = (
    ImageFileError, HeaderDataError, gzip.BadGzipFile, zlib.error, EOFError, OSError, ValueError, TypeError,
    LookupError, OverflowError, AttributeError,
)  # fmt: skip


def open_volume(path: Path) -> SpatialImage:
    """A NIfTI file of which only the header is read.

    Raises:
        InputError: it is missing, damaged, has no space, or asks for more than MAX_VOXELS a map.
    """
    if not path.is_file():
        raise InputError(f"{path} must be a NIfTI file, but there is none; check the path")
    if not path.name.endswith((".nii", ".nii.gz")):
        raise InputError(f"{path} must be a NIfTI file (.nii, .nii.gz), but its name has another ending; convert it")
    try:
        _check_head(path)
        image = cast(SpatialImage, nib.load(path))  # pyright: ignore[reportPrivateImportUsage]
    except _DAMAGE as error:
        raise InputError(f"{path} must be a whole NIfTI file, but reading it fails ({error}); copy it again") from error
    check_volume(image, str(path))
    _check_length(image, path)
    return image


def check_volume(image: SpatialImage, where: str) -> None:
    """Refuse a volume that cannot be read at points.

    Raises:
        InputError: it has not three or four axes, no invertible affine, or too many voxels.
    """
    shape = image.shape
    if len(shape) not in (3, 4) or np.prod(shape[:3], dtype=float) > MAX_VOXELS or min(shape) < 1:
        raise InputError(
            f"a map may have {MAX_VOXELS:,} voxels along three axes, and a fourth axis for several maps, but {where} "
            f"has the shape {shape}; resample it (0.5 mm is finer than any probability map)"
        )
    affine = image.affine
    if affine is None or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise InputError(f"{where} must say where its voxels lie, but its affine is no invertible one; mend its header")


def sample(
    image: SpatialImage, points_mm: Float[np.ndarray, "n 3"], where: str, volume: int = 0
) -> Float32[np.ndarray, "n"]:
    """Values at points by trilinear interpolation; 0 outside the volume and where it holds NaN.

    Args:
        image: three axes, or four of which the last counts maps.
        points_mm: in the volume's space, (x right, y anterior, z superior).
        where: what to call it in a message.
        volume: which map.

    Raises:
        InputError: the voxels are damaged or cut short.
    """
    data = read_voxels(image, where, volume)
    affine = np.asarray(image.affine)
    voxels = (points_mm - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    return map_coordinates(data, voxels.T, output=np.float32, order=1, mode="constant", cval=0.0)


def read_voxels(image: SpatialImage, where: str, volume: int = 0) -> Float32[np.ndarray, "x y z"]:
    """One map of an image; raises InputError when its voxels are damaged or cut short."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # what is no float32 is no probability: 0 below
            data = np.asarray(image.dataobj[..., volume] if len(image.shape) == 4 else image.dataobj, np.float32)
    except _DAMAGE as error:
        raise InputError(f"{where} must hold whole voxels, but reading them fails ({error}); copy it again") from error
    return np.nan_to_num(data, nan=0.0, posinf=0.0, neginf=0.0)


def _check_head(path: Path) -> None:
    """Where the voxels begin, before nibabel reads all that a head says comes before them."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        head = file.read(540)
    for order in ("<", ">"):
        size = int(np.frombuffer(head[:4], f"{order}i4")[0]) if len(head) >= 348 else 0
        begin = np.frombuffer(head, f"{order}f4", 1, 108)[0] if size == 348 else 0
        begin = np.frombuffer(head, f"{order}i8", 1, 168)[0] if size == 540 and len(head) == 540 else begin
        if not 0 <= begin <= MAX_HEAD_BYTES:
            raise ValueError(f"its voxels are said to begin at byte {begin:g}")


def _check_length(image: SpatialImage, path: Path) -> None:
    """Whether a file can hold the voxels that its head speaks of."""
    dtype = image.header.get_data_dtype()
    size = math.prod(image.shape) * dtype.itemsize
    if dtype.kind not in "biuf" or math.prod(image.shape[:3]) * dtype.itemsize > MAX_BYTES:
        raise InputError(
            f"a map may have voxels of one number and {MAX_BYTES // 2**30} GB, but {path} has {image.shape} of "
            f"{dtype}; convert it to 32-bit floats or resample it"
        )
    if path.stat().st_size * (_PACKED if path.suffix == ".gz" else 1) < size:
        raise InputError(
            f"{path} must hold whole voxels, {size} bytes, but it is a file of {path.stat().st_size}; copy it again"
        )
