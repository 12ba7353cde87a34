"""What a viewer is shown of a section: planes read piece by piece at any of their levels, and tiles of them as PNG."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import imagecodecs
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from gennari.errors import InputError
from gennari.records import IGNORE, LabelSet, Section, SectionReader, Window

TILE_PX = 256
COARSEST_PX = 512
"""The coarsest level has at most so many pixels a side."""
Kind = Literal["image", "labels", "uncertainty", "lines"]
LINE_PX = 3
_UNCERTAIN_RGB = (213, 94, 0)


Lines = Sequence[Sequence[tuple[float, float]]]


class Level(NamedTuple):
    """A plane at one pixel size."""

    spacing_um: float
    shape_px: tuple[int, int]


class Piece(NamedTuple):
    """A rectangle of a level, within its shape."""

    level: int
    rows: slice
    cols: slice


@dataclass(frozen=True, kw_only=True)
class Plane:
    """One layer of a section.

    Attributes:
        name: as it stands in addresses.
        title: as people read it.
        kind: grey values; class indices (IGNORE: nothing is said); 0 certain .. 255 not at all; or 255 on lines.
        spacing_um: of the finest level; each further one is twice as coarse.
        shape_px: of the finest level.
        read: gives a piece; what it gives is never seen beyond the piece.
    """

    name: str
    title: str
    kind: Kind
    spacing_um: float
    shape_px: tuple[int, int]
    read: Callable[[Piece], UInt8[np.ndarray, "h w"]]

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """Finest first; all share the outer corner of pixel (0, 0), the last pixel of a coarser one may stick out."""
        found = [Level(self.spacing_um, self.shape_px)]
        while max(found[-1].shape_px) > COARSEST_PX:
            step = 2 ** len(found)
            rows, cols = (-(-side // step) for side in self.shape_px)
            found.append(Level(self.spacing_um * step, (rows, cols)))
        return tuple(found)

    def piece(self, level: int, first_px: tuple[int, int], side_px: int) -> Piece:
        """The piece of at most `side_px` from a pixel on; InputError if the plane has none there."""
        if not 0 <= level < len(self.levels):
            raise InputError(f"{self.title} has levels 0..{len(self.levels) - 1}, got {level}; ask for one of these")
        shape = self.levels[level].shape_px
        if not all(0 <= first < size for first, size in zip(first_px, shape, strict=True)):
            raise InputError(f"level {level} of {self.title} has {shape} px, got {first_px}; ask for a pixel within")
        rows, cols = (slice(first, min(first + side_px, size)) for first, size in zip(first_px, shape, strict=True))
        return Piece(level, rows, cols)


def image_plane(section: Section, reader: SectionReader) -> Plane:
    """The section's image: each piece is read from wherever it lies when it is asked for."""

    def read(piece: Piece) -> UInt8[np.ndarray, "h w"]:
        spacing_um = section.spacing_um * 2**piece.level
        sides = (piece.rows, piece.cols)
        row, col = (0.5 * (side.start + side.stop) * spacing_um for side in sides)
        rows, cols = (side.stop - side.start for side in sides)
        window = Window(
            brain=section.brain, section=section.id, centre_um=(row, col), size_px=(rows, cols), spacing_um=spacing_um
        )
        return np.rint(np.clip(reader.read(window), 0, 255)).astype(np.uint8)

    return Plane(
        name="image", title="section", kind="image", spacing_um=section.spacing_um, shape_px=section.shape_px, read=read
    )


def array_plane(name: str, title: str, kind: Kind, values: UInt8[np.ndarray, "h w"], spacing_um: float) -> Plane:
    """A plane that is held in memory; coarser levels take one pixel of each block, since classes have no mean."""

    def read(piece: Piece) -> UInt8[np.ndarray, "h w"]:
        step = 2**piece.level
        picked = [
            np.minimum(np.arange(side.start, side.stop) * step + step // 2, size - 1)
            for side, size in zip((piece.rows, piece.cols), values.shape, strict=True)
        ]
        return values[np.ix_(*picked)]

    rows, cols = values.shape
    return Plane(name=name, title=title, kind=kind, spacing_um=spacing_um, shape_px=(rows, cols), read=read)


def lines_plane(name: str, title: str, lines_um: Lines, section: Section) -> Plane:
    """Lines, drawn LINE_PX wide at whichever level they are read: from afar they are as thick as from near.

    Args:
        name: as it stands in addresses.
        title: as people read it.
        lines_um: each a chain of (x = col, y = row) in µm.
        section: whose.
    """

    def read(piece: Piece) -> UInt8[np.ndarray, "h w"]:
        spacing_um = section.spacing_um * 2**piece.level
        rows, cols = (side.stop - side.start for side in (piece.rows, piece.cols))
        canvas = Image.new("L", (cols, rows))
        draw = ImageDraw.Draw(canvas)
        for line in lines_um:
            at = np.floor(np.array(line) / spacing_um).astype(int) - (piece.cols.start, piece.rows.start)
            draw.line([(x, y) for x, y in at.tolist()], fill=255, width=LINE_PX)
        return np.asarray(canvas)

    return Plane(
        name=name, title=title, kind="lines", spacing_um=section.spacing_um, shape_px=section.shape_px, read=read
    )


def uncertainty_of(probabilities: UInt8[np.ndarray, "c h w"]) -> UInt8[np.ndarray, "h w"]:
    """One less the probability of the likeliest class, 255 for 1; so at most 255 (1 - 1 / c)."""
    return 255 - probabilities.max(axis=0)


def tile_png(plane: Plane, level: int, tile: tuple[int, int], label_set: LabelSet) -> bytes:
    """A tile (row, col of TILE_PX) for a page that only knows pictures; opaque for the image, else what lies over it.

    Raises:
        InputError: the plane has no such tile.
    """
    row, col = tile
    values = plane.read(plane.piece(level, (row * TILE_PX, col * TILE_PX), TILE_PX))
    return bytes(imagecodecs.png_encode(_coloured(plane.kind, values, label_set), level=1))


def class_rgba(label_set: LabelSet) -> UInt8[np.ndarray, "256 4"]:
    """A colour for each label; the first class (glass) and whatever is no class are clear."""
    table = np.zeros((IGNORE + 1, 4), np.uint8)
    for index, rgb in enumerate(rgb_of(label_set.colours)):
        table[index] = (*rgb, 255 if index else 0)
    return table


def rgb_of(colours: Sequence[str]) -> list[tuple[int, int, int]]:
    """'#rrggbb' as numbers."""
    return [(int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)) for colour in colours]


def _coloured(kind: Kind, values: UInt8[np.ndarray, "h w"], label_set: LabelSet) -> UInt8[np.ndarray, "h w *c"]:
    if kind == "image":
        return np.ascontiguousarray(values)
    if kind == "labels":
        return class_rgba(label_set)[values]
    heat = np.empty((*values.shape, 4), np.uint8)
    heat[..., :3], heat[..., 3] = _UNCERTAIN_RGB, values
    return heat
