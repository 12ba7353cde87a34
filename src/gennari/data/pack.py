"""Sampled patches packed into one array on disk, so that training reads them in large pieces."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import tensorstore as ts
import zarr
from jaxtyping import Int, UInt8
from zarr.codecs import ZstdCodec

from gennari.errors import InputError
from gennari.sources.atomic import atomic_path

SHARD_IMAGES = 256
"""Images of one file; a chunk is one image, since training asks for single ones."""


def write_pack(
    path: Path,
    blocks: Iterable[UInt8[np.ndarray, "_ h w"]],
    rows: Int[np.ndarray, "n"],
    size_px: tuple[int, int],
    key: str = "",
) -> None:
    """Write images to a folder as one sharded zarr v3 array, atomically.

    Args:
        path: the folder to write, `<name>.zarr`.
        blocks: the images in pieces of any length, so that they need not fit into memory together.
        rows: which row of the PatchTable each image is.
        size_px: (h, w) of an image.
        key: whatever tells this pack from another (the table's hash, spacing, size); kept, given back by `open_pack`.

    Raises:
        ValueError: the blocks hold more or fewer images than `rows` names.
    """
    with atomic_path(path) as temporary:
        group = zarr.create_group(temporary, zarr_format=3, attributes={"rows": rows.tolist(), "key": key})
        images = group.create_array(
            "images",
            shape=(len(rows), *size_px),
            dtype="uint8",
            chunks=(1, *size_px),
            shards=(SHARD_IMAGES, *size_px),
            compressors=ZstdCodec(level=1),
            fill_value=0,
        )
        begin, rest = 0, np.empty((0, *size_px), np.uint8)
        for block in blocks:  # whole shards only: a shard that is written twice is read and packed twice
            rest = np.concatenate([rest, block])
            whole = len(rest) // SHARD_IMAGES * SHARD_IMAGES
            begin = _put(images, begin, rest[:whole])
            rest = rest[whole:]
        begin = _put(images, begin, rest)
        if begin != len(rows):
            raise ValueError(f"write_pack needs one image for each row it is given ({len(rows)}), got {begin}")


def open_pack(path: Path) -> "Pack":
    """The pack in a folder; raises InputError if there is none or it is not a whole one."""
    document = path / "zarr.json"
    if not document.is_file():
        raise InputError(f"{path} must be a pack of patches, but there is none; pack the patches first")
    try:
        attributes = json.loads(document.read_text())["attributes"]
        rows, key = np.array(attributes["rows"], np.int64), str(attributes["key"])
    except (json.JSONDecodeError, KeyError, ValueError) as error:
        raise InputError(f"{path} must be a whole pack of patches, but its index is damaged; pack them anew") from error
    return Pack(path=path, rows=rows, key=key)


@dataclass(frozen=True, kw_only=True)
class Pack:
    """Packed images; opened at the first read, open handles stay behind when it is pickled.

    Attributes:
        rows: which row of the PatchTable each image is.
        key: as it was given to `write_pack`.
    """

    path: Path
    rows: Int[np.ndarray, "n"]
    key: str

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, which: Int[np.ndarray, "m"]) -> UInt8[np.ndarray, "m h w"]:
        """Images number `which` (0 <= i < len), in that order; raises InputError if their file is damaged."""
        if which.size and not (which.min() >= 0 and which.max() < len(self)):
            raise ValueError(f"images must be asked for by 0 <= i < {len(self)}, got {which.min()}..{which.max()}")
        try:
            return np.asarray(self._images[which].read().result())
        except ValueError as error:
            raise InputError(f"{self.path} must hold whole images, but one is damaged; pack them anew") from error

    @cached_property
    def _images(self) -> ts.TensorStore:
        kvstore = {"driver": "file", "path": str(self.path / "images")}
        return ts.open({"driver": "zarr3", "kvstore": kvstore}, open=True, read=True).result()

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "rows": self.rows, "key": self.key}


def _put(images: zarr.Array, begin: int, block: UInt8[np.ndarray, "_ h w"]) -> int:
    end = begin + len(block)
    if len(block) and end <= images.shape[0]:
        images[begin:end] = block
    return end
