"""MINC2 section images (.mnc), through nibabel and h5py; decoded as a whole.

A section file has two dimensions, xspace and zspace, and no y (BigBrain's ~20 µm release): nibabel's image class wants
three, so its file class is used.
"""

import math
import zlib
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from jaxtyping import UInt8
from nibabel.minc1 import MincError
from nibabel.minc2 import Minc2File

from gennari.errors import InputError
from gennari.sources.atomic import atomic_path
from gennari.sources.pyramids import MAX_BLOCK_PX, Level, Pyramid, check_block

_DAMAGE = (
    OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError, OverflowError, AssertionError,
    MemoryError, ZeroDivisionError, zlib.error, MincError,
)  # fmt: skip
_IMAGE = "minc-2.0/image/0"
_PACKED = 1032
"""No byte of a deflated chunk stands for more."""
_SMALL_BYTES = 2**24
"""Chunks that cannot give more than this are not tried out."""
_BAND_ROWS = 512


class MincSection(NamedTuple):
    """What the head of a section's MINC file says, rows running down (z falls) and columns right (x rises).

    Attributes:
        shape_px: (rows, cols).
        spacing_um: pixel size; None where the file says none.
        left_mm, top_mm: x of the left and z of the upper edge; MINC's `start` is the centre of the first pixel.
    """

    shape_px: tuple[int, int]
    spacing_um: float | None
    left_mm: float
    top_mm: float


class _Axis(NamedTuple):
    """A dimension of the stored array: its place in it, its length, and where it runs."""

    place: int
    length: int
    start_mm: float
    step_mm: float | None

    @property
    def falls(self) -> bool:
        return (self.step_mm or 1.0) < 0

    def edges_mm(self) -> tuple[float, float]:
        """Lower and upper edge of the pixels."""
        step = self.step_mm or 1.0
        ends = (self.start_mm - 0.5 * step, self.start_mm + (self.length - 0.5) * step)
        return min(ends), max(ends)


def minc_section(path: Path) -> MincSection:
    """The head of a section's MINC file.

    Raises:
        InputError: there is no such file, it is MINC1 or no MINC, no single section, or larger than is decoded at once.
    """
    with _opened(path) as file:
        x, z = _axes(file, path)
    check_block((z.length, x.length), str(path), "convert it to OME-Zarr or a tiled TIFF, which are read in parts")
    if x.step_mm is not None and z.step_mm is not None and abs(abs(x.step_mm / z.step_mm) - 1) > 1e-3:
        raise InputError(
            f"{path} must have square pixels, but its steps are {x.step_mm:g} and {z.step_mm:g} mm; resample it"
        )
    step_mm = x.step_mm if x.step_mm is not None else z.step_mm
    return MincSection(
        shape_px=(z.length, x.length),
        spacing_um=None if step_mm is None else 1e3 * abs(step_mm),
        left_mm=x.edges_mm()[0],
        top_mm=z.edges_mm()[1],
    )


def minc_pyramid(location: str) -> Pyramid:
    """A section's MINC image (`minc_section` has what is refused); rows run down, columns right."""
    path = Path(location)
    header = minc_section(path)
    level = Level(factor=1.0, shape_px=header.shape_px, fetch=_Held(path).fetch)
    return Pyramid(levels=(level,), spacing_um=header.spacing_um, held_bytes=header.shape_px[0] * header.shape_px[1])


def write_minc(path: Path, image: UInt8[np.ndarray, "h w"], spacing_mm: float, left_mm: float, top_mm: float) -> None:
    """Write a section as BigBrain's release does: MINC2, (zspace, xspace), z rising, no y; atomically."""
    height, width = image.shape
    starts = {"xspace": left_mm + 0.5 * spacing_mm, "zspace": top_mm - (height - 0.5) * spacing_mm}
    lengths = {"xspace": width, "zspace": height}
    cosines = {"xspace": (1.0, 0.0, 0.0), "zspace": (0.0, 0.0, 1.0)}
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        root = file.create_group("minc-2.0")
        for name, length in lengths.items():
            axis = root.create_dataset(f"dimensions/{name}", data=np.int32(0))
            axis.attrs.update({"start": starts[name], "step": spacing_mm, "length": np.int32(length)})
            axis.attrs.update({"spacing": np.bytes_("regular__"), "direction_cosines": np.array(cosines[name])})
        pixels = root.create_dataset(
            "image/0/image", data=np.ascontiguousarray(image[::-1]), chunks=True, compression="gzip", compression_opts=1
        )
        pixels.attrs.update({"dimorder": np.bytes_("zspace,xspace"), "valid_range": np.array([0.0, 255.0])})
        root.create_dataset("image/0/image-min", data=0.0)
        root.create_dataset("image/0/image-max", data=255.0)


class _Held:
    """Decodes at the first fetch and keeps the pixels."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fetch(self, r0: int, r1: int, c0: int, c1: int) -> UInt8[np.ndarray, "_ _"]:
        return self._pixels[r0:r1, c0:c1]

    @cached_property
    def _pixels(self) -> UInt8[np.ndarray, "_ _"]:
        with _opened(self._path) as file:
            x, z = _axes(file, self._path)
            out = np.empty((z.length, x.length), np.uint8)
            try:
                _check_chunks(file)
                minc = Minc2File(file)
                for first in range(0, z.length, _BAND_ROWS):  # values come as float64: eight times the image
                    last = min(first + _BAND_ROWS, z.length)
                    out[first:last] = _grey_band(minc, x, z, slice(first, last), self._path)
            except InputError:
                raise
            except _DAMAGE as error:
                raise _damaged(self._path, error) from error
        return np.ascontiguousarray(out[:: 1 if z.falls else -1, :: -1 if x.falls else 1])


def _grey_band(minc: Minc2File, x: _Axis, z: _Axis, rows: slice, path: Path) -> UInt8[np.ndarray, "_ _"]:
    """Some rows as they are stored, scaled to the real values that the file gives its numbers."""
    where: list[slice | int] = [0] * len(minc.get_data_shape())
    where[z.place], where[x.place] = rows, slice(None)
    values = np.asarray(minc.get_scaled_data(tuple(where)), np.float64)
    if x.place < z.place:
        values = values.T
    if not (values.min() >= -0.5 and values.max() <= 255.5):
        raise InputError(
            f"{path} must hold grey values from 0 to 255, but it spans {values.min():g}..{values.max():g}; "
            "scale its real range to 0..255"
        )
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _opened(path: Path) -> h5py.File:
    if not path.is_file():
        raise InputError(f"{path} must be a MINC image, but there is none; check the path")
    with path.open("rb") as file:
        head = file.read(4)
    if head[:3] == b"CDF":
        raise InputError(f"{path} must be MINC2, but it is MINC1 (netCDF); convert it with MINC's `mincconvert -2`")
    if head != b"\x89HDF":
        raise InputError(f"{path} must be a MINC2 image, but it does not begin as an HDF5 file; copy it again")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise _damaged(path, error) from error


def _axes(file: h5py.File, path: Path) -> tuple[_Axis, _Axis]:
    """The dimensions xspace and zspace of the image; all others must have one element."""
    try:
        for name in ("image", "image-min", "image-max"):
            _check_stored(file, f"{_IMAGE}/{name}")
        image = file[f"{_IMAGE}/image"]
        assert isinstance(image, h5py.Dataset)
        names = bytes(np.bytes_(image.attrs["dimorder"])).decode().split(",")[: len(image.shape)]
        axes = {name: _axis(file, name, place, int(image.shape[place])) for place, name in enumerate(names)}
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    deep = [name for name, axis in axes.items() if name not in ("xspace", "zspace") and axis.length > 1]
    if deep or not {"xspace", "zspace"} <= set(axes):
        got = ", ".join(f"{name} of {axis.length}" for name, axis in axes.items())
        raise InputError(
            f"{path} must be one coronal section (xspace and zspace, no y or a single one), but it has {got}; "
            "give one file a section"
        )
    return axes["xspace"], axes["zspace"]


def _check_stored(file: h5py.File, place: str) -> None:
    """Refuse what does not lie in the file itself, or would take more memory than an image of a section."""
    steps = place.split("/")
    for depth in range(1, len(steps) + 1):
        if not isinstance(file.get("/".join(steps[:depth]), getlink=True), h5py.HardLink):
            raise ValueError(f"{place} leads elsewhere")
    stored = file[place]
    if not isinstance(stored, h5py.Dataset) or stored.external or stored.is_virtual:
        raise ValueError(f"{place} must be stored in the file itself")
    if stored.dtype.kind not in "iuf":
        raise ValueError(f"{place} holds {stored.dtype} instead of numbers")
    if not place.endswith("/image") and math.prod(stored.shape) > MAX_BLOCK_PX // 100:
        raise ValueError(f"{place} holds {stored.size} values")


def _check_chunks(file: h5py.File) -> None:
    """Whether each chunk, unpacked, is what its shape asks for: HDF5 unpacks whatever comes."""
    image = file[f"{_IMAGE}/image"]
    if not isinstance(image, h5py.Dataset) or image.chunks is None:
        return
    size = math.prod(image.chunks) * image.dtype.itemsize
    if math.prod(image.chunks) > MAX_BLOCK_PX or image.id.get_num_chunks() > MAX_BLOCK_PX // 100:
        raise ValueError(f"its chunks have the shape {image.chunks}, and there are {image.id.get_num_chunks()}")
    for index in range(image.id.get_num_chunks()):
        chunk = image.id.get_chunk_info(index)
        if chunk.size > 2 * size + 1024:
            raise ValueError(f"a chunk of {size} bytes is stored in {chunk.size}")
        if image.compression == "gzip" and chunk.size * _PACKED > max(_SMALL_BYTES, 2 * size):
            packed = image.id.read_direct_chunk(chunk.chunk_offset)[1]
            if len(zlib.decompressobj().decompress(packed, size + 1)) > size:
                raise ValueError(f"a chunk of {size} bytes unpacks to more")


def _axis(file: h5py.File, name: str, place: int, length: int) -> _Axis:
    attributes = file[f"minc-2.0/dimensions/{name}"].attrs
    step_mm, start_mm = (
        float(np.ravel(np.asarray(attributes[key]))[0]) if key in attributes else None for key in ("step", "start")
    )
    return _Axis(place=place, length=length, start_mm=start_mm or 0.0, step_mm=step_mm)


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} must be a whole MINC2 image, but reading it fails ({error}); copy it again")
