"""Neuroglancer precomputed volumes that stand nowhere: their info and chunks are made when a viewer asks for them."""

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from gennari.errors import InputError
from gennari.records import IGNORE
from gennari.sources.precomputed_files import CHUNK_PX, PROPERTIES, SLAB_UM


def volume_info(levels: Sequence[tuple[float, tuple[int, int]]], segmentation: bool) -> dict[str, object]:
    """The `info` of a section as a volume one voxel thick.

    Args:
        levels: pixel size in µm and (rows, cols), the finest first; the place of each is its key.
        segmentation: labels with names in `segment_properties`; else grey values.
    """
    scales = [
        {
            "key": str(key),
            "size": [cols, rows, 1],
            "resolution": [1e3 * spacing_um, 1e3 * spacing_um, 1e3 * SLAB_UM],
            "voxel_offset": [0, 0, 0],
            "chunk_sizes": [[CHUNK_PX, CHUNK_PX, 1]],
            "encoding": "raw",
        }
        for key, (spacing_um, (rows, cols)) in enumerate(levels)
    ]
    return {
        "@type": "neuroglancer_multiscale_volume",
        "type": "segmentation" if segmentation else "image",
        "data_type": "uint8",
        "num_channels": 1,
        "scales": scales,
        **({PROPERTIES: PROPERTIES} if segmentation else {}),
    }


def chunk_start(name: str) -> tuple[int, int]:
    """(row, col) of the first pixel of a chunk called `x0-x1_y0-y1_0-1`; InputError if it is none of ours."""
    found = re.fullmatch(r"(\d{1,9})-\d{1,9}_(\d{1,9})-\d{1,9}_0-1", name)
    if not found or int(found[1]) % CHUNK_PX or int(found[2]) % CHUNK_PX:
        raise InputError(f"a chunk is called x0-x1_y0-y1_0-1 on a grid of {CHUNK_PX}, got '{name[:60]}'; see info")
    return int(found[2]), int(found[1])


def chunk_bytes(values: UInt8[np.ndarray, "h w"], segmentation: bool) -> bytes:
    """A raw chunk, x fastest; labels become segment numbers, IGNORE none."""
    stored = np.where(values == IGNORE, 0, values + np.uint8(1)) if segmentation else values
    return np.ascontiguousarray(stored, np.uint8).tobytes()
