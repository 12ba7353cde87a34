"""Class probabilities of a section as an OME-Zarr 0.5 image (c, y, x) of bytes; 255 is certainty."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from pathlib import Path

import numpy as np
import zarr
from jaxtyping import Float, Float32, UInt8
from pydantic import BaseModel, ValidationError
from zarr.codecs import ZstdCodec

from gennari.errors import InputError
from gennari.records import LabelSet
from gennari.sources.atomic import atomic_path
from gennari.sources.growing import GrowingRows

CHUNK_PX = 512
SHARD_PX = (1024, 4096)
"""(rows, cols). Flat, since all classes of one row of shards are held until it is full: 205 MB at 12,500 columns."""
FULL = 255
"""The byte that stands for probability 1; a stored value is off by at most half of 1 / FULL."""


def write_probabilities(
    path: Path,
    probabilities: Float[np.ndarray, "c h w"],
    spacing_um: float,
    label_set: LabelSet,
    levels: int = 1,
) -> None:
    """Write probabilities with the classes' names and colours as channels, atomically.

    Args:
        path: the folder to write.
        probabilities: of each class, 0..1.
        spacing_um: pixel size.
        label_set: names and colours of the c classes.
        levels: of the pyramid; coarser ones are means of the bytes of the finest.

    Raises:
        ValueError: there is not one channel a class.
    """
    if len(probabilities) != len(label_set.names):
        raise ValueError(
            f"probabilities must have a channel for each class ({len(label_set.names)}), got {len(probabilities)}"
        )
    write_probability_bytes(path, as_bytes(probabilities), spacing_um, label_set, levels)


def write_probability_bytes(
    path: Path, finest: UInt8[np.ndarray, "c h w"], spacing_um: float, label_set: LabelSet, levels: int
) -> None:
    """Write probabilities that are bytes already; as `write_probabilities`."""
    pyramid = [_block_means(finest, 2**level) for level in range(levels)]
    shapes = [(values.shape[1], values.shape[2]) for values in pyramid]
    with atomic_path(path) as temporary:
        arrays = _create(temporary, path.name.split(".")[0], shapes, spacing_um, label_set)
        for array, values in zip(arrays, pyramid, strict=True):
            array[:] = values


@contextmanager
def growing_probabilities(
    path: Path, shape_px: tuple[int, int], spacing_um: float, label_set: LabelSet
) -> Iterator[GrowingRows]:
    """Probabilities that are given block by block as bytes (`as_bytes`), in the order of their rows.

    They are there once the block ends well; one level.

    Args:
        path: the folder to write.
        shape_px: of each class's plane.
        spacing_um: pixel size.
        label_set: names and colours of the classes.
    """
    with atomic_path(path) as temporary:
        (array,) = _create(temporary, path.name.split(".")[0], [shape_px], spacing_um, label_set)
        rows = GrowingRows(array)
        yield rows
        rows.finish()


def as_bytes(probabilities: Float[np.ndarray, "c h w"]) -> UInt8[np.ndarray, "c h w"]:
    """Probabilities 0..1 as they are stored."""
    return np.rint(np.clip(probabilities, 0, 1) * FULL).astype(np.uint8)


def read_probabilities(path: Path) -> tuple[Float32[np.ndarray, "c h w"], float]:
    """The finest level as probabilities 0..1, and its pixel size in µm.

    Raises:
        InputError: there is no such image, or it is not one of ours.
    """
    values, spacing_um = read_probability_bytes(path)
    return values.astype(np.float32) / FULL, spacing_um


def read_probability_bytes(path: Path, most_px: int | None = None) -> tuple[UInt8[np.ndarray, "c h w"], float]:
    """The finest level as it is stored, and its pixel size in µm; raises InputError as `read_probabilities`.

    Args:
        path: the folder.
        most_px: no more rows and columns than so many are kept, evenly spread; None keeps all.
    """

    def take(array: zarr.Array) -> np.ndarray:
        every = 1 if most_px is None else max(1, -(-max(array.shape[1:]) // most_px))
        return np.asarray(array[:, ::every, ::every])

    return _of_finest(path, take)


def read_confidence_bytes(path: Path) -> tuple[UInt8[np.ndarray, "h w"], float]:
    """The largest byte of each pixel over the classes, which are read one by one; else as `read_probability_bytes`."""
    return _of_finest(path, lambda array: reduce(np.maximum, (np.asarray(array[k]) for k in range(array.shape[0]))))


def _of_finest(path: Path, take: Callable[[zarr.Array], np.ndarray]) -> tuple[np.ndarray, float]:
    try:
        group = zarr.open_group(path, mode="r", zarr_format=3)  # zarr 2 knows a codec that runs what a file says
        scale = _Ome.model_validate(group.attrs.get("ome")).multiscales[0].datasets[0].coordinateTransformations[0]
        array = group["0"]
        if not isinstance(array, zarr.Array) or array.ndim != 3 or array.dtype != np.uint8 or scale.scale is None:
            raise ValueError(f"level 0 is {array}, scaled by {scale.scale}")
        values = take(array)
    except (FileNotFoundError, KeyError, IndexError, ValidationError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path} must be a whole OME-Zarr image of probabilities (c, y, x) in bytes, but reading it fails "
            f"({' '.join(str(error).split())[:120]}); segment the section again"
        ) from error
    return values, scale.scale[-1]


def _create(
    folder: Path, name: str, shapes: Sequence[tuple[int, int]], spacing_um: float, label_set: LabelSet
) -> list[zarr.Array]:
    """Levels without pixels, and what is said of them."""
    attributes = {"ome": _metadata(name, spacing_um, label_set, len(shapes))}
    group = zarr.create_group(folder, zarr_format=3, attributes=attributes)
    classes = len(label_set.names)
    shards = [
        [min(most, -(-size // CHUNK_PX) * CHUNK_PX) for size, most in zip(shape, SHARD_PX, strict=True)]
        for shape in shapes
    ]
    return [
        group.create_array(
            str(level),
            shape=(classes, *shape),
            dtype="uint8",
            chunks=(1, CHUNK_PX, CHUNK_PX),
            shards=(1, *shard),
            fill_value=0,
            compressors=ZstdCodec(level=1),
            dimension_names=("c", "y", "x"),
        )
        for level, (shape, shard) in enumerate(zip(shapes, shards, strict=True))
    ]


def _metadata(name: str, spacing_um: float, label_set: LabelSet, levels: int) -> Mapping[str, object]:
    axes = [{"name": "c", "type": "channel"}] + [
        {"name": axis, "type": "space", "unit": "micrometer"} for axis in ("y", "x")
    ]
    datasets = [_dataset(level, spacing_um) for level in range(levels)]
    channels = [
        {
            "label": class_name,
            "color": colour[1:].upper(),
            "active": index >= label_set.first_area,
            "window": {"min": 0, "max": FULL, "start": 0, "end": FULL},
        }
        for index, (class_name, colour) in enumerate(zip(label_set.names, label_set.colours, strict=True))
    ]
    multiscales = [{"name": name, "axes": axes, "datasets": datasets, "type": "mean"}]
    return {"version": "0.5", "multiscales": multiscales, "omero": {"channels": channels}}


def _dataset(level: int, spacing_um: float) -> dict[str, object]:
    # OME-Zarr places pixel centres: the first centre of a coarser level lies half the difference further in.
    side = spacing_um * 2**level
    shift = 0.5 * (side - spacing_um)
    transforms = [
        {"type": "scale", "scale": [1.0, side, side]},
        {"type": "translation", "translation": [0.0, shift, shift]},
    ]
    return {"path": str(level), "coordinateTransformations": transforms}


def _block_means(values: UInt8[np.ndarray, "c h w"], factor: int) -> UInt8[np.ndarray, "c a b"]:
    """Means of blocks; a block that sticks out goes on as its last pixels, so that edges do not fade."""
    if factor == 1:
        return values
    beyond = [(0, -size % factor) for size in values.shape[1:]]
    h, w = (-(-size // factor) for size in values.shape[1:])
    means = np.empty((len(values), h, w), np.uint8)
    for channel, out in zip(values, means, strict=True):
        blocks = np.pad(channel, beyond, mode="edge").reshape(h, factor, w, factor)
        out[:] = np.rint(blocks.mean(axis=(1, 3), dtype=np.float32))
    return means


class _Transform(BaseModel):
    scale: Sequence[float] | None = None


class _Level(BaseModel):
    coordinateTransformations: Sequence[_Transform]


class _Multiscale(BaseModel):
    datasets: Sequence[_Level]


class _Ome(BaseModel):
    multiscales: Sequence[_Multiscale]
