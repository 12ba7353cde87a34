"""Section images: a reader for each, by what the file is; writing our own as OME-Zarr 0.5 (zarr v3, sharded)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import zarr
from jaxtyping import UInt8
from zarr.codecs import ZstdCodec

from gennari.errors import InputError
from gennari.records import IGNORE, LabelSet, Section
from gennari.sources.atomic import atomic_path
from gennari.sources.flat_images import png_pyramid
from gennari.sources.growing import GrowingRows
from gennari.sources.minc import minc_pyramid
from gennari.sources.ome_zarr import zarr_pyramid
from gennari.sources.precomputed import PREFIX, precomputed_pyramid
from gennari.sources.pyramids import Pyramid, PyramidReader, whole_multiple
from gennari.sources.resample import area_mean
from gennari.sources.stores import has_document, is_url
from gennari.sources.tiff import tiff_pyramid

CHUNK_PX = 512
SHARD_PX = 4096
"""Chunks are what is read, shards are files; every write here covers whole shards (two writers in one lose data)."""
MAX_PAD_PX = 1
"""An image may be larger than its section by so much."""
_FILL = IGNORE
"""Empty glass and IGNORE: chunks that hold nothing else are not stored."""
_WHOLE_FILES: Mapping[str, Callable[[str], Pyramid]] = {
    ".png": png_pyramid,
    ".mnc": minc_pyramid,
    ".tif": tiff_pyramid,
    ".tiff": tiff_pyramid,
}


def write_ome_zarr(path: Path, image: UInt8[np.ndarray, "h w"], spacing_um: float, levels: int = 4) -> None:
    """Write a section image with its pyramid, atomically.

    Args:
        path: the folder to write, `<id>.ome.zarr`.
        image: grey values; 255 is empty glass.
        spacing_um: pixel size of `image`.
        levels: how many; each halves the one before. All are area means of `image` itself, rounded once.
    """
    pyramid = [area_mean(image, 2**level) if level else image for level in range(levels)]
    _write(path, pyramid, spacing_um, {})


def write_labels(
    path: Path, labels: UInt8[np.ndarray, "h w"], spacing_um: float, label_set: LabelSet, levels: int = 1
) -> None:
    """Write a label map as an OME-Zarr label image with the classes' names and colours, atomically.

    Args:
        path: the folder to write.
        labels: class indices; IGNORE where nothing is said.
        spacing_um: pixel size of `labels`.
        label_set: what the indices mean.
        levels: how many; coarser ones take one pixel of each block.
    """
    pyramid = [labels[2**level // 2 :: 2**level, 2**level // 2 :: 2**level] for level in range(levels)]
    _write(path, pyramid, spacing_um, _label_metadata(label_set))


@contextmanager
def growing_labels(
    path: Path, shape_px: tuple[int, int], spacing_um: float, label_set: LabelSet
) -> Iterator[GrowingRows]:
    """A label map that is given block by block, in the order of its rows; it is there once the block ends well.

    Args:
        path: the folder to write.
        shape_px: of the map.
        spacing_um: pixel size of the map.
        label_set: what the indices mean.
    """
    with atomic_path(path) as temporary:
        name = path.name.split(".")[0]
        (array,) = _create(temporary, name, [shape_px], spacing_um, _label_metadata(label_set))
        rows = GrowingRows(array)
        yield rows
        rows.finish()


def open_pyramid(location: str) -> Pyramid:
    """The stored levels of an image, by what it is; no pixel is read.

    PNG (.png), MINC2 (.mnc), TIFF (.tif, .tiff), neuroglancer precomputed (`precomputed://`, or a folder or address
    with an `info`), and else OME-Zarr.

    Raises:
        InputError: there is no such image, or it cannot be one section's.
    """
    ending = Path(location).suffix.lower()
    if not is_url(location) and ending in _WHOLE_FILES:
        return _WHOLE_FILES[ending](location)
    if location.startswith(PREFIX) or (ending != ".zarr" and has_document(location, "info")):
        return precomputed_pyramid(location)
    return zarr_pyramid(location)


def open_section(location: Path | str, section: Section) -> PyramidReader:
    """A reader of the image at `location`; the pixels are opened at the first read, in the process that reads.

    Where the file says no pixel size, the section's is taken. A pad of one pixel below and right of the section is
    passed over: one of BigBrain's published images has it.

    Raises:
        InputError: there is no such image, or it is not the section's (another shape or pixel size).
    """
    pyramid = open_pyramid(str(location))
    shape, said_um = pyramid.shape_px, pyramid.spacing_um
    pads = [got - known for got, known in zip(shape, section.shape_px, strict=True)]
    if (said_um and abs(said_um / section.spacing_um - 1) > 1e-4) or not all(0 <= pad <= MAX_PAD_PX for pad in pads):
        said = f"{tuple(shape)}, {said_um:g} µm" if said_um else f"{tuple(shape)}"
        raise InputError(
            f"{location} must have the shape and pixel size that the brain's index gives section {section.id} "
            f"({section.shape_px}, {section.spacing_um:g} µm), got {said}; "
            "was the image replaced without its index?"
        )
    return PyramidReader(location=str(location), section=section, open_pyramid=open_pyramid)


def read_full(path: Path, spacing_um: float) -> UInt8[np.ndarray, "h w"]:
    """A whole image that says its own pixel size, at a coarser spacing, area averaged.

    For sections of a data set, in whatever format, there is `Brain.read_full`.

    Args:
        path: an image.
        spacing_um: a whole multiple of the image's pixel size; the nearest stored level below it is used.

    Raises:
        InputError: there is no such image, it is damaged, or the spacing is no multiple of its own.
    """
    return whole_multiple(open_pyramid(str(path)), spacing_um, str(path))


def read_labels(path: Path) -> tuple[UInt8[np.ndarray, "h w"], float]:
    """The finest level of a label image and its pixel size in µm; raises InputError as `read_full` does."""
    pyramid = zarr_pyramid(str(path))
    if pyramid.spacing_um is None:
        raise InputError(f"{path} must name the unit of its axes, but it names none; write it again")
    rows, cols = pyramid.shape_px
    return pyramid.levels[0].fetch(0, rows, 0, cols), pyramid.spacing_um


def _write(
    path: Path, pyramid: Sequence[UInt8[np.ndarray, "_ _"]], spacing_um: float, extra: Mapping[str, object]
) -> None:
    with atomic_path(path) as temporary:
        shapes = [(image.shape[0], image.shape[1]) for image in pyramid]
        arrays = _create(temporary, path.name.split(".")[0], shapes, spacing_um, extra)
        for array, image in zip(arrays, pyramid, strict=True):
            array[:] = image


def _label_metadata(label_set: LabelSet) -> Mapping[str, object]:
    colours = [
        {"label-value": index, "rgba": [*(int(colour[k : k + 2], 16) for k in (1, 3, 5)), 255]}
        for index, colour in enumerate(label_set.colours)
    ]
    names = [{"label-value": index, "name": name} for index, name in enumerate(label_set.names)]
    return {"image-label": {"colors": colours, "properties": names}}


def _create(
    folder: Path, name: str, shapes: Sequence[tuple[int, int]], spacing_um: float, extra: Mapping[str, object]
) -> list[zarr.Array]:
    """Levels without pixels, and what is said of them."""
    spacings = [spacing_um * 2**level for level in range(len(shapes))]
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in ("y", "x")]
    datasets = [_dataset(str(level), spacing, spacing_um) for level, spacing in enumerate(spacings)]
    multiscales = [{"name": name, "axes": axes, "datasets": datasets, "type": "area mean"}]
    group = zarr.create_group(
        folder, zarr_format=3, attributes={"ome": {"version": "0.5", "multiscales": multiscales, **extra}}
    )
    return [
        group.create_array(
            str(level),
            shape=shape,
            dtype="uint8",
            chunks=(CHUNK_PX, CHUNK_PX),
            shards=tuple(min(SHARD_PX, -(-size // CHUNK_PX) * CHUNK_PX) for size in shape),
            fill_value=_FILL,
            compressors=ZstdCodec(level=1),
            dimension_names=("y", "x"),
        )
        for level, shape in enumerate(shapes)
    ]


def _dataset(path: str, spacing_um: float, finest_um: float) -> dict[str, object]:
    # OME-Zarr places pixel centres: the first centre of a coarser level lies half the difference further in.
    shift = 0.5 * (spacing_um - finest_um)
    transforms = [{"type": "scale", "scale": [spacing_um] * 2}, {"type": "translation", "translation": [shift] * 2}]
    return {"path": path, "coordinateTransformations": transforms}
