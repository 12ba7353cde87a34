"""Reads OME-Zarr 0.4 (zarr v2) and 0.5 (zarr v3), from a folder or a server; sources/sections.py writes it."""

from functools import partial

import numpy as np
import tensorstore as ts
from jaxtyping import UInt8
from pydantic import BaseModel, Field

from gennari.errors import InputError
from gennari.sources.grey import CHANNELS, to_grey
from gennari.sources.pyramids import Level, Pyramid, check_block
from gennari.sources.stores import chunk_shape, document, has_document, inside, open_array, read_part

UNITS_UM = {
    "nanometer": 1e-3, "micrometer": 1.0, "millimeter": 1e3, "centimeter": 1e4, "meter": 1e6, "angstrom": 1e-4,
    "inch": 25.4e3,
}  # fmt: skip
"""Units of length that OME-Zarr's axes name, in µm."""


def zarr_pyramid(location: str) -> Pyramid:
    """An OME-Zarr image of one section: rows and columns, perhaps channels (grey or RGB), one plane, one time.

    Raises:
        InputError: there is none, a volume or a series, not 8 bit grey or RGB, pixels that are not square, or damage.
    """
    place, driver, image = _image(location)
    names = [axis if isinstance(axis, str) else axis.name for axis in image.axes] or ["y", "x"]
    if set(names[-2:]) != {"y", "x"}:
        raise InputError(f"the last two axes of {location} must be y and x, got {', '.join(names)}; write it anew")
    steps = [_steps(level, image, names, location) for level in image.datasets]
    levels = []
    for stored, step in zip(image.datasets, steps, strict=True):
        array = open_array(f"{place}/{inside(stored.path, place)}", driver, {})
        _check(array, names, f"{place}/{stored.path}")
        fetch = partial(_fetch, array, tuple(names), f"{place}/{stored.path}")
        shape = dict(zip(names, array.shape, strict=True))
        levels.append(Level(factor=step / steps[0], shape_px=(shape["y"], shape["x"]), fetch=fetch))
    unit_um = _unit_um(image, names)
    return Pyramid(
        levels=tuple(sorted(levels, key=lambda level: level.factor)),
        spacing_um=None if unit_um is None else steps[0] * unit_um,
    )


class _Transform(BaseModel):
    type: str
    scale: tuple[float, ...] | None = None


class _Level(BaseModel):
    path: str
    transforms: list[_Transform] = Field(alias="coordinateTransformations", min_length=1)


class _Axis(BaseModel):
    name: str
    unit: str | None = None


class _Multiscale(BaseModel):
    axes: list[_Axis | str] = Field(default_factory=list)
    datasets: list[_Level] = Field(min_length=1)
    transforms: list[_Transform] = Field(alias="coordinateTransformations", default_factory=list)


class _Ome(BaseModel):
    multiscales: list[_Multiscale] = Field(min_length=1)


class _Attributes(BaseModel):
    ome: _Ome


class _Group(BaseModel):
    attributes: _Attributes


class _Wrapped(BaseModel):
    """What bioformats2raw leaves above its images."""

    layout: int | None = Field(alias="bioformats2raw.layout", default=None)


def _image(location: str) -> tuple[str, str, _Multiscale]:
    """Where the image stands, tensorstore's driver of its zarr version, and what is said of it."""
    if has_document(location, ".zattrs") and not has_document(location, "zarr.json"):
        if document(location, ".zattrs", _Wrapped).layout is not None:
            location = f"{location}/0"
        return location, "zarr", document(location, ".zattrs", _Ome).multiscales[0]
    return location, "zarr3", document(location, "zarr.json", _Group).attributes.ome.multiscales[0]


def _steps(level: _Level, image: _Multiscale, names: list[str], location: str) -> float:
    """Pixel size of a level in the image's unit."""
    first = level.transforms[0]
    if first.scale is None:
        raise InputError(
            f"level {level.path} of an OME-Zarr image must begin with a scale, got {first.type}; write it anew"
        )
    common = next((transform.scale for transform in image.transforms if transform.scale), (1.0,) * len(names))
    if len(first.scale) != len(names) or len(common) != len(names):
        raise InputError(f"the scale of {location} must have a number for each of its axes {names}; write it anew")
    scales = {name: a * b for name, a, b in zip(names, first.scale, common, strict=True)}
    if not (scales["y"] > 0 and abs(scales["x"] / scales["y"] - 1) < 1e-3):
        raise InputError(
            f"{location} must have square pixels, but its scale is {scales['y']:g} and {scales['x']:g}; resample it"
        )
    return scales["y"]


def _unit_um(image: _Multiscale, names: list[str]) -> float | None:
    axis = image.axes[names.index("y")] if image.axes else None
    unit = axis.unit if isinstance(axis, _Axis) else None
    return UNITS_UM.get(unit) if unit else None


def _check(array: ts.TensorStore, names: list[str], where: str) -> None:
    shape = dict(zip(names, array.shape, strict=True)) if len(names) == len(array.shape) else {}
    many = [name for name in names[:-2] if name != "c" and shape.get(name, 1) > 1]
    if not shape or many or shape.get("c", 1) not in CHANNELS:
        got = ", ".join(f"{size}" for size in array.shape)
        raise InputError(
            f"{where} must be one section (axes {', '.join(names)}; one plane, one time, grey or RGB), but its shape "
            f"is ({got}); give one image a section"
        )
    if array.dtype.numpy_dtype != np.uint8:
        raise InputError(
            f"{where} must hold grey or RGB values of 8 bits, but it holds {array.dtype.name}; scale it to 0..255"
        )
    check_block(chunk_shape(array), f"a chunk of {where}", "write the image anew in chunks, such as 512 x 512")


def _fetch(
    array: ts.TensorStore, names: tuple[str, ...], where: str, r0: int, r1: int, c0: int, c1: int
) -> UInt8[np.ndarray, "_ _"]:
    parts = {"y": slice(r0, r1), "x": slice(c0, c1), "c": slice(None)}
    pixels = read_part(array[tuple(parts.get(name, 0) for name in names)], where)
    left = [name for name in names if name in parts]
    order = [left.index("y"), left.index("x"), *([left.index("c")] if "c" in left else [])]
    return to_grey(np.ascontiguousarray(pixels.transpose(order)), where)
