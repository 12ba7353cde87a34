"""Sampled patches packed into one array on disk, so that training reads each with one request and no resampling."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorstore as ts
import zarr
from jaxtyping import Int, UInt8
from zarr.codecs import ZstdCodec

from gennari.data.patch_images import PatchImages, check_rows
from gennari.errors import InputError
from gennari.execute import Report, run_tasks
from gennari.sources.atomic import atomic_path, move_into_place

SHARD_IMAGES = 128
"""Images of one file, what a worker holds in memory: 133 MB at 1019 px. A chunk is one image, since training asks for
single ones."""


def write_pack(
    path: Path, parts: Sequence[PatchImages], key: str, workers: int = 1, tick: Report | None = None
) -> None:
    """Write images to a folder as one sharded zarr v3 array; seen whole or not at all.

    Shards are written beside `path` by processes of which each has its own (two writers in one shard lose data), and
    moved into place together. What an interrupted call left there is kept by the next one with the same key.

    Args:
        path: the folder to write, `<name>.zarr`.
        parts: the images of each shard, equally many but for the last, which may have fewer. A worker reads one part
            at a time.
        key: tells these images from others; `open_pack` asks for it.
        workers: local processes.
        tick: told after each shard.

    Raises:
        InputError: images could not be read; the other shards are kept.
        ValueError: there is no part, one is empty, or they have different sizes.
    """
    begin_pack(path, parts, key)
    left = [(k, part) for k, part in enumerate(parts) if not shard_path(path, k).is_file()]
    work = partial(_write_shard, path, len(parts[0]))
    run_tasks(work, left, workers=workers, tick=tick, stage="pack shards", name=_shard_name)
    finish_pack(path)


def begin_pack(path: Path, parts: Sequence[PatchImages], key: str) -> None:
    """Make the folder beside `path` that shards are written to, unless it is there already for just these images.

    Of several processes one at a time may call it. Arguments and errors are those of `write_pack`.
    """
    _check(parts)
    _begin(_beside(path), _Begun(key=key, images=sum(map(len, parts)), shard=len(parts[0]), side_px=parts[0].side_px))


def write_shard(path: Path, length: int, number: int, images: PatchImages) -> None:
    """Write one shard of a pack that was begun; it is seen whole or not at all.

    Args:
        path: as `write_pack`.
        length: images of every shard but the last.
        number: of the shard, from 0.
        images: those of the shard.

    Raises:
        InputError: images cannot be read.
    """
    # Black images are written too: an image that is not there is one that was lost. The file driver writes beside the
    # shard's file and renames.
    pack = ts.open({**_spec(_beside(path)), "store_data_equal_to_fill_value": True}, open=True, write=True).result()
    begin = number * length
    pack[begin : begin + len(images)].write(images.read(np.arange(len(images)))).result()


def shard_path(path: Path, number: int) -> Path:
    """Where a shard stands until the pack is finished."""
    return _beside(path) / "images" / "c" / str(number) / "0" / "0"


def finish_pack(path: Path) -> None:
    """Let a pack whose shards are all written stand at `path`; done already, nothing happens."""
    if _beside(path).is_dir():
        move_into_place(_beside(path), path)


def open_pack(path: Path, key: str) -> "Pack":
    """The pack in a folder.

    Raises:
        InputError: there is none, it is not a whole one, or it was written with another key.
    """
    document = path / "zarr.json"
    if not document.is_file():
        raise InputError(f"{path} must be a pack of patches, but there is none; run `gennari pack`")
    try:
        found = str(json.loads(document.read_text())["attributes"]["key"])
    except (json.JSONDecodeError, KeyError) as error:
        raise InputError(f"{path} must be a whole pack of patches, but its index is damaged; pack them anew") from error
    if found != key:
        raise InputError(
            f"{path} must hold the patches of this run's table, but it was packed from other ones; "
            f"remove it, or run `gennari pack` again"
        )
    return Pack(path=path)


@dataclass(frozen=True, kw_only=True)
class Pack:
    """Packed images, row by row of their PatchTable; opened at the first read, handles stay behind when pickled."""

    path: Path

    @property
    def side_px(self) -> int:
        """Side of an image."""
        return self._images.shape[1]

    def __len__(self) -> int:
        return self._images.shape[0]

    def read(self, rows: Int[np.ndarray, "m"]) -> UInt8[np.ndarray, "m h w"]:
        """The images of these rows, in that order; raises InputError if their file is damaged."""
        check_rows(rows, len(self))
        try:
            return np.asarray(self._images[rows].read().result())
        except ValueError as error:
            raise InputError(
                f"{self.path} must hold whole images, but one is damaged or lost; pack them anew"
            ) from error

    @cached_property
    def _images(self) -> ts.TensorStore:
        try:
            return ts.open({**_spec(self.path), "fill_missing_data_reads": False}, open=True, read=True).result()
        except ValueError as error:  # tensorstore says it in several lines
            raise InputError(f"{self.path} must be a whole pack, but it cannot be opened; pack anew") from error

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path}


class _Begun(NamedTuple):
    """What a pack is, kept as attributes of its group."""

    key: str
    images: int
    shard: int
    side_px: int


def _check(parts: Sequence[PatchImages]) -> None:
    lengths, sides = [len(part) for part in parts], {part.side_px for part in parts}
    if not parts or len(sides) > 1 or set(lengths[:-1]) - {lengths[0]} or not 0 < lengths[-1] <= lengths[0]:
        raise ValueError(
            "write_pack needs parts of one image size and equally many images each (the last may have fewer), "
            f"got {lengths} images of {sorted(sides)} px"
        )


def _begin(folder: Path, begun: _Begun) -> None:
    document = folder / "zarr.json"
    if document.is_file() and json.loads(document.read_text())["attributes"] == begun._asdict():
        return
    shutil.rmtree(folder, ignore_errors=True)
    size_px = (begun.side_px, begun.side_px)
    with atomic_path(folder) as temporary:
        zarr.create_group(temporary, zarr_format=3, attributes=begun._asdict()).create_array(
            "images",
            shape=(begun.images, *size_px),
            dtype="uint8",
            chunks=(1, *size_px),
            shards=(begun.shard, *size_px),
            compressors=ZstdCodec(level=1),
            fill_value=0,
        )


def _write_shard(path: Path, length: int, task: tuple[int, PatchImages]) -> None:
    write_shard(path, length, *task)


def _spec(folder: Path) -> dict[str, object]:
    return {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(folder / "images")}}


def _beside(path: Path) -> Path:
    return path.with_name(f".part-{path.name}")


def _shard_name(task: tuple[int, PatchImages]) -> str:
    return f"shard {task[0]}"
