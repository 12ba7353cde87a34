"""Where the pixels of patches come from: memory or the sections themselves; `data/pack.py` has the third, a pack."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int, UInt8

from gennari.records import PatchTable, Section, SectionReader, Window
from gennari.sources.pyramids import PyramidReader

OPEN_READERS = 256
"""Sections that one source keeps open at a time; the one opened first is closed first."""
HELD_BYTES = 2**30
"""Images that are decoded as a whole (PNG, MINC2) stay with their reader: so much of them is kept, or the last one."""


@runtime_checkable
class PatchImages(Protocol):
    """Square images of patches, by row of their PatchTable; picklable, opens its files lazily.

    Every source of the same patches gives the same pixels.
    """

    @property
    def side_px(self) -> int:
        """Side of an image."""
        ...

    def __len__(self) -> int:
        """How many there are."""
        ...

    def read(self, rows: Int[np.ndarray, "m"]) -> UInt8[np.ndarray, "m h w"]:
        """The images of these rows (0 <= row < len), in that order."""
        ...


@dataclass(frozen=True, kw_only=True)
class ImagesInMemory:
    """Images that fit into memory."""

    images: UInt8[np.ndarray, "n s s"]

    @classmethod
    def of(cls, source: PatchImages) -> "ImagesInMemory":
        """All images of a source, read once."""
        return cls(images=source.read(np.arange(len(source))))

    @property
    def side_px(self) -> int:
        """Side of an image."""
        return self.images.shape[1]

    def __len__(self) -> int:
        return len(self.images)

    def read(self, rows: Int[np.ndarray, "m"]) -> UInt8[np.ndarray, "m h w"]:
        """The images of these rows, in that order."""
        check_rows(rows, len(self))
        return self.images[rows]


@dataclass(frozen=True, kw_only=True)
class SectionImages:
    """Images cut from the sections when they are asked for, each upright by its `rotation_deg`.

    Open readers stay behind when it is pickled.

    Attributes:
        patches: where.
        sections: at least those that the patches lie in.
        open_reader: gives the reader of a section.
        side_px: images are square.
        spacing_um: of their pixels.
    """

    patches: PatchTable
    sections: Sequence[Section]
    open_reader: Callable[[Section], SectionReader]
    side_px: int
    spacing_um: float

    def __post_init__(self) -> None:
        for brain, number in sorted(set(self._places)):
            if (brain, number) not in self._known:
                raise ValueError(f"patches must lie in the given sections, but {number} of {brain} is not among them")

    def __len__(self) -> int:
        return len(self.patches)

    @property
    def key(self) -> str:
        """A hash of what decides the pixels, beside the sections' own: two sources with one key hold the same."""
        digest = hashlib.sha256(repr((self.side_px, self.spacing_um, self._places)).encode())
        for column in (self.patches.centre_um, self.patches.rotation_deg):
            digest.update(np.ascontiguousarray(column, "<f8").tobytes())
        return digest.hexdigest()[:16]

    def read(self, rows: Int[np.ndarray, "m"]) -> UInt8[np.ndarray, "m h w"]:
        """The images of these rows, in that order; read section by section.

        Raises:
            InputError: as the sections' readers.
        """
        check_rows(rows, len(self))
        images = np.empty((len(rows), self.side_px, self.side_px), np.uint8)
        for place in sorted(range(len(rows)), key=lambda place: self._places[rows[place]]):
            row = int(rows[place])
            images[place] = np.rint(self._reader(self._places[row]).read(self._window(row)))
        return images

    def parts(self, length: int) -> list["SectionImages"]:
        """The same images in runs of `length` (the last may be shorter), each with the sections it needs."""
        return [self.part(length, number) for number in range(-(-len(self) // length))]

    def part(self, length: int, number: int) -> "SectionImages":
        """One of `parts`, from 0."""
        rows = np.arange(number * length, min((number + 1) * length, len(self)))
        needed = dict.fromkeys(self._places[row] for row in rows)
        return replace(self, patches=self.patches.take(rows), sections=[self._known[place] for place in needed])

    def _reader(self, place: tuple[str, int]) -> SectionReader:
        if place not in self._open:
            reader = self.open_reader(self._known[place])
            room = HELD_BYTES - _held_bytes(reader)
            while self._open and (len(self._open) >= OPEN_READERS or sum(map(_held_bytes, self._open.values())) > room):
                del self._open[next(iter(self._open))]
            self._open[place] = reader
        return self._open[place]

    def _window(self, row: int) -> Window:
        brain, section = self._places[row]
        row_um, col_um = self.patches.centre_um[row]
        return Window(
            brain=brain,
            section=section,
            centre_um=(float(row_um), float(col_um)),
            size_px=(self.side_px, self.side_px),
            spacing_um=self.spacing_um,
            rotation_deg=float(self.patches.rotation_deg[row]),
        )

    @cached_property
    def _places(self) -> list[tuple[str, int]]:
        return list(zip(self.patches.brain.tolist(), self.patches.section.tolist(), strict=True))

    @cached_property
    def _known(self) -> Mapping[tuple[str, int], Section]:
        return {(section.brain, section.id): section for section in self.sections}

    @cached_property
    def _open(self) -> dict[tuple[str, int], SectionReader]:
        return {}

    def __getstate__(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, kw_only=True)
class ImagesOfParts:
    """Chosen images of several sources as one table of them.

    Attributes:
        parts: sources, each with the rows of it that are taken, in order; all have images of one size.
    """

    parts: tuple[tuple[PatchImages, Int[np.ndarray, "_"]], ...]

    def __post_init__(self) -> None:
        sides = [images.side_px for images, _ in self.parts]
        if len(set(sides)) != 1:
            raise ValueError(f"parts of one set must have images of one size, got sides of {sides} px")

    @property
    def side_px(self) -> int:
        """Side of an image."""
        return self.parts[0][0].side_px

    def __len__(self) -> int:
        return sum(len(taken) for _, taken in self.parts)

    def read(self, rows: Int[np.ndarray, "m"]) -> UInt8[np.ndarray, "m h w"]:
        """The images of these rows, in that order."""
        check_rows(rows, len(self))
        out, begin = np.empty((len(rows), self.side_px, self.side_px), np.uint8), 0
        for images, taken in self.parts:
            here = np.flatnonzero((rows >= begin) & (rows < begin + len(taken)))
            if here.size:
                out[here] = images.read(taken[rows[here] - begin])
            begin += len(taken)
        return out


def _held_bytes(reader: SectionReader) -> int:
    return reader.held_bytes if isinstance(reader, PyramidReader) else 0


def check_rows(rows: Int[np.ndarray, "m"], count: int) -> None:
    """Raise ValueError unless 0 <= row < count for all rows."""
    if rows.size and not (rows.min() >= 0 and rows.max() < count):
        raise ValueError(f"images must be asked for by 0 <= row < {count}, got {rows.min()}..{rows.max()}")
