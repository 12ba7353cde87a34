"""Label images (PNG, TIFF, OME-Zarr) with what their numbers mean."""

import math
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tifffile
from jaxtyping import Integer
from PIL import Image, UnidentifiedImageError

from gennari.errors import InputError
from gennari.records import IGNORE, Section
from gennari.sources.cells import read_cells
from gennari.sources.drawings import Drawn
from gennari.sources.label_zarr import open_label_zarr
from gennari.sources.outlines import mask_polygons
from gennari.sources.pyramids import check_block
from gennari.sources.stores import chunk_shape, read_part
from gennari.sources.tiff import DAMAGE, check_page

MAX_PX = 400_000_000
"""A label image is read whole."""
MAX_CLASSES = 1000
UNSAID = (0, IGNORE)
MODES = ("1", "L", "P", "I", "I;16", "I;16B")
"""Pillow's words for images of one channel; P are palettes, whose numbers are meant and not their colours."""


def read_class_table(path: Path) -> dict[int, str]:
    """A CSV of `index,name` (a header is passed over); names may be quoted.

    Raises:
        InputError: the file is missing or no such table, or a number stands twice.
    """
    names: dict[int, str] = {}
    for number, row in enumerate(read_cells(path, "a table of classes (index,name)")):
        if not any(row) or (number == 0 and not row[0].lstrip("-").isdecimal()):
            continue
        if len(row) < 2 or not re.fullmatch("[0-9]{1,18}", row[0]) or int(row[0]) in names:
            raise InputError(
                f"{path} must give each number one name, as 'index,name', but line {number + 1} is "
                f"{','.join(row)[:80]!r}; mend it"
            )
        names[int(row[0])] = row[1]
    return names


def read_label_image(path: Path, section: Section, table: Mapping[int, str] | None) -> list[Drawn]:
    """The classes of a label image as areas in the section's pixels.

    0 and 255 say nothing unless the table names them; another number without a name is a class called "value 7".

    The image covers the section: its pixels are a whole number of times (or the same part in both directions) as large
    as the section's. One more row and column are passed over, as one of BigBrain's published images has them.

    Args:
        path: a PNG or TIFF of one channel, or an OME-Zarr label image (0.4 or 0.5).
        section: that it is of.
        table: what numbers mean; None takes the names of the OME-Zarr.

    Raises:
        InputError: the file is missing, damaged, too large or of several channels, does not fit the section, or nobody
            says what its numbers mean.
    """
    labels, own = _zarr(path) if path.is_dir() else _image(path)
    names = dict(table) if table is not None else own
    if not names:
        raise InputError(f"{path} does not say what its numbers mean; give a table of classes with --classes FILE")
    scale, labels = _fitted(labels, section, path)
    present = np.unique(labels)
    if len(present) > MAX_CLASSES:
        raise InputError(f"{path} must be a label image, but it has {len(present)} values; is it a photograph?")
    return [
        Drawn(
            names.get(int(value), f"value {value}"), mask_polygons(labels == value, scale), f"value {value} of {path}"
        )
        for value in present
        if int(value) in names or int(value) not in UNSAID
    ]


def _fitted(labels: np.ndarray, section: Section, path: Path) -> tuple[float, np.ndarray]:
    """Section pixels in one label pixel, and the labels without a pad."""
    rows, cols = section.shape_px
    if all(0 <= got - known <= 1 for got, known in zip(labels.shape, (rows, cols), strict=True)):
        return 1.0, np.ascontiguousarray(labels[:rows, :cols])
    scale = max(rows / labels.shape[0], cols / labels.shape[1])
    whole = float(round(scale)) if scale >= 1.5 else scale
    if any(abs(size * whole - known) > whole for size, known in zip(labels.shape, (rows, cols), strict=True)):
        raise InputError(
            f"a label image must cover its section ({rows} x {cols} px, or a whole part of it), but {path} has "
            f"{labels.shape[0]} x {labels.shape[1]}; save it without cropping or turning"
        )
    return whole, labels


def _image(path: Path) -> tuple[Integer[np.ndarray, "h w"], dict[int, str]]:
    if not path.is_file():
        raise InputError(f"{path} must be a label image, but there is none; check the path")
    reader = _tiff if path.suffix.lower() in (".tif", ".tiff") else _png
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's of large images: ours are refused by their head
            labels = reader(path)
    except InputError:
        raise
    except (*DAMAGE, UnidentifiedImageError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} must be a whole image, but reading it fails ({error}); copy it again") from error
    if labels.ndim != 2 or labels.dtype.kind not in "ub":
        raise InputError(
            f"{path} must hold whole numbers in one channel, but it holds {labels.dtype} of shape {labels.shape}; "
            "export labels, not their colours"
        )
    return labels, {}


def _png(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        _refuse_large(path, image.height * image.width)
        if image.mode not in MODES:
            raise InputError(f"{path} must hold one channel, but it is {image.mode}; export labels, not their colours")
        labels = np.asarray(image)
    return labels.astype(np.uint32) if labels.dtype == np.int32 and labels.min() >= 0 else labels


def _tiff(path: Path) -> np.ndarray:
    # the first page alone: OME's XML may name further files, which would be opened wherever they are
    with tifffile.TiffFile(path, is_ome=False) as file:
        page = file.pages.first
        _refuse_large(path, math.prod(page.shape))
        check_page(path, page)
        return np.squeeze(page.asarray(maxworkers=1))


def _zarr(path: Path) -> tuple[np.ndarray, dict[int, str]]:
    array, named = open_label_zarr(str(path))
    if array.dtype.numpy_dtype.kind not in "ub" and array.dtype.numpy_dtype.kind != "i":
        raise InputError(f"{path} must be an OME-Zarr label image of whole numbers, but it holds {array.dtype.name}")
    _refuse_large(path, math.prod(array.shape))
    check_block(chunk_shape(array), f"a chunk of {path}", "write the image anew in chunks, such as 512 x 512")
    labels = np.squeeze(read_part(array, str(path)))
    if labels.ndim != 2:
        raise InputError(f"{path} must be an OME-Zarr label image of rows and columns, but its shape is {array.shape}")
    return labels, named


def _refuse_large(path: Path, pixels: int) -> None:
    if pixels > MAX_PX:
        raise InputError(
            f"a label image is read whole and may have {MAX_PX / 1e6:g} Mpx, but {path} has {pixels / 1e6:.0f}; save a "
            "coarser one (labels rarely need more than 10 µm), or polygons"
        )
