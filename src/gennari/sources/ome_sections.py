"""A section with its areas in one OME-Zarr 0.5 group, for napari, QuPath and what else reads NGFF."""

from pathlib import Path
from typing import Any

import numpy as np
import zarr
from jaxtyping import UInt8

from gennari.records import LabelSet
from gennari.sources.atomic import atomic_path
from gennari.sources.sections import write_labels, write_ome_zarr

AREAS = "areas"
SMALLEST_PX = 512
"""A pyramid ends with the first level whose longer side is no longer than this."""


def write_ome_section(
    path: Path,
    image: UInt8[np.ndarray, "h w"],
    labels: UInt8[np.ndarray, "h w"],
    spacing_um: float,
    label_set: LabelSet,
) -> None:
    """Write an image with `labels/areas` beside it on the same grid, both as pyramids, atomically.

    Labels are coarsened by taking one pixel of each block (a mean of two areas is a third one), the image by means.

    Args:
        path: the folder to write, `<id>.ome.zarr`.
        image: grey values.
        labels: class indices; IGNORE where nothing is said.
        spacing_um: pixel size of both.
        label_set: names and colours of the classes.
    """
    levels = pyramid_levels(image.shape)
    with atomic_path(path) as temporary:
        write_ome_zarr(temporary, image, spacing_um, levels)
        folder = temporary / "labels"
        zarr.create_group(folder, zarr_format=3, attributes={"ome": {"version": "0.5", "labels": [AREAS]}})
        write_labels(folder / AREAS, labels, spacing_um, label_set, levels)
        _say_source(folder / AREAS)
        _rename(temporary, path.name.split(".")[0])


def pyramid_levels(shape_px: tuple[int, int]) -> int:
    """How many levels, each half the one before, bring the longer side to SMALLEST_PX."""
    levels = 1
    while -(-max(shape_px) // 2 ** (levels - 1)) > SMALLEST_PX:
        levels += 1
    return levels


def _say_source(path: Path) -> None:
    """Labels name the image they belong to; a reader then shows both together."""
    group = zarr.open_group(path, mode="r+")
    ome = _ome(group)
    ome["image-label"] = {**ome["image-label"], "source": {"image": "../../"}}
    group.attrs["ome"] = ome


def _ome(group: zarr.Group) -> dict[str, Any]:
    attributes: dict[str, Any] = dict(group.attrs)
    return dict(attributes["ome"])


def _rename(path: Path, name: str) -> None:
    """The image was written under a temporary name, which its metadata took on."""
    group = zarr.open_group(path, mode="r+")
    ome = _ome(group)
    (multiscale,) = ome["multiscales"]
    ome["multiscales"] = [{**multiscale, "name": name}]
    group.attrs["ome"] = ome
