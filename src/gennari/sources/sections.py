"""Section images as OME-Zarr 0.5 (zarr v3, sharded): writing pyramids and label maps, reading windows of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import tensorstore as ts
import zarr
from jaxtyping import Float32, UInt8
from pydantic import BaseModel, Field
from zarr.codecs import ZstdCodec

from gennari.errors import InputError
from gennari.records import IGNORE, LabelSet, Section, Window
from gennari.sources.atomic import atomic_path
from gennari.sources.documents import read_json
from gennari.sources.resample import area_mean, is_aligned, resample

CHUNK_PX = 512
SHARD_PX = 4096
"""Chunks are what is read, shards are files; every write here covers whole shards (two writers in one lose data)."""
_FILL = IGNORE
"""Empty glass and IGNORE: chunks that hold nothing else are not stored."""


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
    colours = [
        {"label-value": index, "rgba": [*(int(colour[k : k + 2], 16) for k in (1, 3, 5)), 255]}
        for index, colour in enumerate(label_set.colours)
    ]
    names = [{"label-value": index, "name": name} for index, name in enumerate(label_set.names)]
    _write(path, pyramid, spacing_um, {"image-label": {"colors": colours, "properties": names}})


def open_section(path: Path, section: Section) -> "ZarrSectionReader":
    """A reader of the image at `path`; the pixels are opened at the first read, in the process that reads.

    Raises:
        InputError: there is no such image, or it is not the section's (another shape or pixel size).
    """
    levels = _levels(path)
    shape = _open(path / levels[0].path).shape
    if abs(levels[0].spacing_um / section.spacing_um - 1) > 1e-4 or tuple(shape) != section.shape_px:
        raise InputError(
            f"{path} must have the shape and pixel size that the brain's index gives section {section.id} "
            f"({section.shape_px}, {section.spacing_um:g} µm), got {tuple(shape)}, {levels[0].spacing_um:g} µm; "
            "was the image replaced without its index?"
        )
    return ZarrSectionReader(path=path, section=section)


def read_full(path: Path, spacing_um: float) -> UInt8[np.ndarray, "h w"]:
    """A whole image at a coarser spacing, area averaged.

    Args:
        path: an OME-Zarr image.
        spacing_um: a whole multiple of the image's pixel size; the nearest stored level below it is used.

    Raises:
        InputError: there is no such image, it is damaged, or the spacing is no multiple of its own.
    """
    levels = _levels(path)
    fitting = [level for level in levels if _multiple(spacing_um, level.spacing_um)]
    if not fitting:
        raise InputError(
            f"a whole section is read at a multiple of its own pixel size ({levels[0].spacing_um:g} µm), "
            f"got {spacing_um:g} µm for {path}; choose a multiple"
        )
    level = fitting[-1]
    image = _fetch(path, _open(path / level.path), (slice(None), slice(None)))
    return area_mean(image, _multiple(spacing_um, level.spacing_um)) if level.spacing_um != spacing_um else image


def read_labels(path: Path) -> tuple[UInt8[np.ndarray, "h w"], float]:
    """The finest level of a label image and its pixel size in µm; raises InputError as `read_full` does."""
    level = _levels(path)[0]
    return _fetch(path, _open(path / level.path), (slice(None), slice(None))), level.spacing_um


@dataclass(frozen=True, kw_only=True)
class ZarrSectionReader:
    """Reads windows of one OME-Zarr section; open handles stay behind when it is pickled.

    Of the pyramid it takes the coarsest level whose pixels fill the window's exactly; for turned or shifted windows the
    coarsest one at least twice as fine as the window. Levels are rounded to whole grey values (at most 0.5 off).
    """

    path: Path
    section: Section

    def read(self, window: Window) -> Float32[np.ndarray, "h w"]:
        """Grey values 0..255: rotated, area-averaged to the window's spacing, padded with background, never moved.

        Raises:
            InputError: the stored pixels are damaged.
            ValueError: the window is of another section.
        """
        if (window.brain, window.section) != (self.section.brain, self.section.id):
            raise ValueError(
                f"the reader of section {self.section.id} of {self.section.brain} got a window of section "
                f"{window.section} of {window.brain}; open one reader a section"
            )
        level, array = self._stored[_choose(window, [level.spacing_um for level, _ in self._stored])]
        as_section = replace(self.section, spacing_um=level.spacing_um, shape_px=tuple(array.shape))
        return resample(
            lambda r0, r1, c0, c1: _fetch(self.path, array, (slice(r0, r1), slice(c0, c1))), window, as_section
        )

    @cached_property
    def _stored(self) -> "list[tuple[_Level, ts.TensorStore]]":
        return [(level, _open(self.path / level.path)) for level in _levels(self.path)]

    def __getstate__(self) -> Mapping[str, object]:
        return {"path": self.path, "section": self.section}


def _choose(window: Window, spacings_um: Sequence[float]) -> int:
    """Which level (finest first) a window is read from."""
    aligned = [k for k, spacing in enumerate(spacings_um) if is_aligned(window, spacing)]
    if aligned:
        return aligned[-1]
    finer = [k for k, spacing in enumerate(spacings_um) if 2 * spacing <= window.spacing_um * (1 + 1e-6)]
    return finer[-1] if finer else 0


def _write(
    path: Path, pyramid: Sequence[UInt8[np.ndarray, "_ _"]], spacing_um: float, extra: Mapping[str, object]
) -> None:
    spacings = [spacing_um * 2**level for level in range(len(pyramid))]
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in ("y", "x")]
    datasets = [_dataset(str(level), spacing, spacing_um) for level, spacing in enumerate(spacings)]
    name = path.name.split(".")[0]
    multiscales = [{"name": name, "axes": axes, "datasets": datasets, "type": "area mean"}]
    with atomic_path(path) as temporary:
        group = zarr.create_group(
            temporary, zarr_format=3, attributes={"ome": {"version": "0.5", "multiscales": multiscales, **extra}}
        )
        for level, image in enumerate(pyramid):
            shard = tuple(min(SHARD_PX, -(-size // CHUNK_PX) * CHUNK_PX) for size in image.shape)
            array = group.create_array(
                str(level),
                shape=image.shape,
                dtype="uint8",
                chunks=(CHUNK_PX, CHUNK_PX),
                shards=shard,
                fill_value=_FILL,
                compressors=ZstdCodec(level=1),
                dimension_names=("y", "x"),
            )
            array[:] = image


def _dataset(path: str, spacing_um: float, finest_um: float) -> dict[str, object]:
    # OME-Zarr places pixel centres: the first centre of a coarser level lies half the difference further in.
    shift = 0.5 * (spacing_um - finest_um)
    transforms = [{"type": "scale", "scale": [spacing_um] * 2}, {"type": "translation", "translation": [shift] * 2}]
    return {"path": path, "coordinateTransformations": transforms}


class _Transform(BaseModel):
    type: str
    scale: tuple[float, float] | None = None


class _Level(BaseModel):
    path: str
    transforms: list[_Transform] = Field(alias="coordinateTransformations", min_length=1)

    @property
    def spacing_um(self) -> float:
        scale = self.transforms[0].scale
        if scale is None:
            got = self.transforms[0].type
            raise InputError(
                f"level {self.path} of an OME-Zarr image must begin with a scale, got {got}; write it anew"
            )
        return scale[0]


class _Multiscale(BaseModel):
    datasets: list[_Level] = Field(min_length=1)


class _Ome(BaseModel):
    multiscales: list[_Multiscale] = Field(min_length=1)


class _Attributes(BaseModel):
    ome: _Ome


class _Group(BaseModel):
    attributes: _Attributes


def _levels(path: Path) -> list[_Level]:
    return read_json(path / "zarr.json", _Group).attributes.ome.multiscales[0].datasets


def _open(path: Path) -> ts.TensorStore:
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(path)}}
    try:
        return ts.open(spec, open=True, read=True).result()
    except ValueError as error:  # tensorstore says it in several lines; the first names what is wrong
        raise InputError(f"{path} must be a zarr array, but it cannot be opened; write the section again") from error


def _fetch(path: Path, array: ts.TensorStore, where: tuple[slice, slice]) -> UInt8[np.ndarray, "_ _"]:
    try:
        return np.asarray(array[where].read().result())
    except ValueError as error:
        raise InputError(f"{path} must hold whole chunks, but one is damaged; write the section again") from error


def _multiple(coarse_um: float, fine_um: float) -> int:
    """How many fine pixels make a coarse one, 0 if no whole number does."""
    factor = coarse_um / fine_um
    return round(factor) if round(factor) >= 1 and abs(factor - round(factor)) < 1e-6 * factor else 0
