"""Neuroglancer's precomputed images of one section, from a folder or by http(s), through tensorstore."""

from functools import partial
from itertools import pairwise, product
from typing import Annotated

import numpy as np
import tensorstore as ts
from jaxtyping import UInt8
from pydantic import BaseModel, Field

from gennari.errors import InputError
from gennari.records import BACKGROUND_GREY
from gennari.sources.grey import to_grey
from gennari.sources.manifests import MAX_SIDE_PX
from gennari.sources.pyramids import Level, Pyramid, check_block
from gennari.sources.stores import TIMEOUT_S, chunk_shape, document, inside, open_array, read_part

PREFIX = "precomputed://"
_Size = Annotated[int, Field(ge=1, le=MAX_SIDE_PX)]
_Nm = Annotated[float, Field(gt=0, le=1e12)]


class _Scale(BaseModel):
    key: str
    size: tuple[_Size, _Size, _Size]
    resolution: tuple[_Nm, _Nm, _Nm]
    chunk_sizes: list[tuple[_Size, _Size, _Size]] = Field(min_length=1)


class _Info(BaseModel):
    type: str = "image"
    data_type: str
    num_channels: int
    scales: list[_Scale] = Field(min_length=1)


def precomputed_pyramid(location: str) -> Pyramid:
    """A precomputed image whose one axis has a single element: (x, y) as columns and rows, or (x, z), or (y, z).

    Chunks that are not stored are glass: tools leave out chunks without content.

    Args:
        location: folder or address of its `info`, with or without `precomputed://` in front.

    Raises:
        InputError: there is none, a volume or a segmentation, not 8 bit grey or RGB, pixels that are not square, or no
            answer.
    """
    place = location.removeprefix(PREFIX).removeprefix("file://")
    info = document(place, "info", _Info)
    across = _across(info, place)
    if info.data_type != "uint8" or info.num_channels not in (1, 3, 4) or info.type != "image":
        raise InputError(
            f"{place} must be an image of grey or RGB values of 8 bits, but it is {info.num_channels} channel(s) of "
            f"{info.data_type} ({info.type}); convert it"
        )
    col, row = (axis for axis in range(3) if axis != across)
    levels, finest_nm = [], min(scale.resolution[row] for scale in info.scales)
    for index, scale in enumerate(info.scales):
        if abs(scale.resolution[col] / scale.resolution[row] - 1) > 1e-3:
            raise InputError(
                f"{place} must have square pixels, but scale {scale.key} has {scale.resolution} nm; resample it"
            )
        inside(scale.key, place)
        check_block(scale.chunk_sizes[0], f"a chunk of {place}", "write it anew in chunks, such as 256 x 256 x 1")
        fetch = partial(_fetch, _Opened(place, index), across, place)
        shape = (scale.size[row], scale.size[col])
        levels.append(Level(factor=scale.resolution[row] / finest_nm, shape_px=shape, fetch=fetch))
    return Pyramid(levels=tuple(sorted(levels, key=lambda level: level.factor)), spacing_um=finest_nm / 1e3)


class _Opened:
    """Opens a scale when its first pixel is asked for."""

    def __init__(self, place: str, index: int) -> None:
        self._place, self._index, self._array = place, index, None

    def array(self) -> ts.TensorStore:
        if self._array is None:
            more = {"scale_index": self._index, "fill_missing_data_reads": False}
            self._array = open_array(self._place, "neuroglancer_precomputed", more)
        return self._array


def _across(info: _Info, place: str) -> int:
    """The axis through the section: the one with a single element, the last of several."""
    flat = [axis for axis in range(3) if all(scale.size[axis] == 1 for scale in info.scales)]
    if not flat:
        size = " x ".join(str(side) for side in info.scales[0].size)
        raise InputError(
            f"{place} must be one section, a single element deep along one axis, but it has {size}; a volume has no "
            "section of its own: give one image a section"
        )
    return flat[-1]


def _fetch(opened: _Opened, across: int, place: str, r0: int, r1: int, c0: int, c1: int) -> UInt8[np.ndarray, "_ _"]:
    array = opened.array()
    col, row = (axis for axis in range(3) if axis != across)
    origin, chunk = array.domain.origin, chunk_shape(array)
    channels = array.shape[3]
    out = np.full((r1 - r0, c1 - c0, channels), BACKGROUND_GREY, np.uint8)
    asked = []
    for r, c in product(_cuts(r0, r1, chunk[row]), _cuts(c0, c1, chunk[col])):
        where: list[slice | int] = [0, 0, 0, slice(None)]
        where[across] = origin[across]
        where[row] = slice(origin[row] + r[0], origin[row] + r[1])
        where[col] = slice(origin[col] + c[0], origin[col] + c[1])
        part = array[tuple(where)]
        asked.append((r, c, part, part.read()))
    for r, c, part, answer in asked:
        pixels = _answered(part, answer, place)
        if pixels is not None:
            out[r[0] - r0 : r[1] - r0, c[0] - c0 : c[1] - c0] = pixels.transpose(1, 0, 2)
    return to_grey(out if channels > 1 else out[..., 0], place)


def _answered(part: ts.TensorStore, answer: ts.Future, place: str) -> np.ndarray | None:
    """The pixels of a chunk, None where it is not stored."""
    try:
        return np.asarray(answer.result(timeout=TIMEOUT_S))
    except ValueError as error:
        if "NOT_FOUND" in str(error):
            return None
        return read_part(part, place)  # says what is wrong
    except (OSError, RuntimeError, TimeoutError):
        return read_part(part, place)


def _cuts(begin: int, end: int, step: int) -> list[tuple[int, int]]:
    """The half-open range cut at the edges of chunks."""
    edges = [begin, *range((begin // step + 1) * step, end, step), end]
    return list(pairwise(edges))
