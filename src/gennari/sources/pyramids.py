"""A section's image as it is stored, whatever its format: levels of pixels that are fetched when they are asked for."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float32, UInt8

from gennari.errors import InputError
from gennari.records import BACKGROUND_GREY, Section, Window
from gennari.sources.manifests import MAX_SIDE_PX
from gennari.sources.resample import Fetch, area_mean, is_aligned, resample

MAX_BLOCK_PX = 100_000_000
"""More pixels than these are not decoded at once: an image that is no pyramid of tiles may not have more."""
MAX_WHOLE_PX = 2**34
"""Of a grid that a whole section is read onto: the largest one of BigBrain at 1 µm has 10^10 pixels."""
_BAND_PX = 2**25
"""Whole sections are averaged in bands of about so many stored pixels."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """One level of a pyramid.

    Attributes:
        factor: its pixel size over that of the finest level.
        shape_px: (rows, cols).
        fetch: gives grey values of a part of it, uint8.
    """

    factor: float
    shape_px: tuple[int, int]
    fetch: Fetch


@dataclass(frozen=True, kw_only=True)
class Pyramid:
    """The stored levels of one image, the finest first; they share the outer corner of their first pixel.

    Attributes:
        spacing_um: pixel size of the finest level as the file says it; None where it says nothing.
        held_bytes: what stays in memory once a pixel was read; 0 where only what is asked for is read.
    """

    levels: tuple[Level, ...]
    spacing_um: float | None
    held_bytes: int = 0

    def __post_init__(self) -> None:
        sides = [side for level in self.levels for side in level.shape_px]
        if not self.levels or not 1 <= min(sides) <= max(sides) <= MAX_SIDE_PX:
            raise InputError(
                f"an image of a section has levels of 1 to {MAX_SIDE_PX:,} px a side, got "
                f"{[level.shape_px for level in self.levels][:4]}; is its head damaged?"
            )
        if self.spacing_um is not None and not 0 < self.spacing_um < float("inf"):
            raise InputError(
                f"an image's pixel size lies above 0 µm, but it says {self.spacing_um:g}; correct its head"
            )

    @property
    def shape_px(self) -> tuple[int, int]:
        """Of the finest level."""
        return self.levels[0].shape_px


@dataclass(frozen=True, kw_only=True)
class PyramidReader:
    """A `SectionReader` of a stored image; picklable: what is open stays behind.

    Of the pyramid it takes the coarsest level whose pixels fill the window's exactly; for turned or shifted windows the
    coarsest one at least twice as fine as the window. Levels are rounded to whole grey values (at most 0.5 off).

    Attributes:
        location: of the image, a path or a URL.
        section: what the image shows.
        open_pyramid: opens the image at `location`.
    """

    location: str
    section: Section
    open_pyramid: Callable[[str], Pyramid]

    def read(self, window: Window) -> Float32[np.ndarray, "h w"]:
        """Grey values 0..255: rotated, area-averaged to the window's spacing, padded with background, never moved.

        Raises:
            InputError: the stored pixels are damaged, or do not come.
            ValueError: the window is of another section.
        """
        if (window.brain, window.section) != (self.section.brain, self.section.id):
            raise ValueError(
                f"the reader of section {self.section.id} of {self.section.brain} got a window of section "
                f"{window.section} of {window.brain}; open one reader a section"
            )
        level = self._chosen(window)
        return resample(level.fetch, window, self._as_section(level))

    def whole(self, spacing_um: float) -> UInt8[np.ndarray, "h w"]:
        """The whole section on a grid of this spacing, area averaged and rounded.

        Args:
            spacing_um: the section's own or a coarser one, not necessarily a multiple of it.

        Raises:
            InputError: a finer spacing than the section's own, or as `read`.
        """
        own_um, shape = self.section.spacing_um, self.section.grid_shape(spacing_um)
        if shape[0] * shape[1] > MAX_WHOLE_PX:
            raise InputError(
                f"a whole section is read as at most {MAX_WHOLE_PX / 1e9:.0f} Gpx, but {self.location} at "
                f"{spacing_um:g} µm has {shape[0]} x {shape[1]}; is its pixel size right?"
            )
        out = np.empty(shape, np.uint8)
        height, width = shape
        step = max(int(_BAND_PX * (own_um / spacing_um) ** 2) // width, 1)
        for first in range(0, height, step):
            rows = slice(first, min(first + step, height))
            out[rows] = self.part(spacing_um, rows, slice(0, width))
        return out

    def part(self, spacing_um: float, rows: slice, cols: slice) -> UInt8[np.ndarray, "h w"]:
        """A rectangle of `whole(spacing_um)`, of which nothing else is read.

        Args:
            spacing_um: as there.
            rows: of the grid that `whole` gives.
            cols: likewise.

        Raises:
            InputError: as `whole`.
        """
        own_um = self.section.spacing_um
        if spacing_um < own_um * (1 - 1e-6):
            raise InputError(
                f"a whole section is read at its own pixel size ({own_um:g} µm) or coarser, got {spacing_um:g} µm for "
                f"{self.location}; choose a coarser spacing, or sections that were scanned finer"
            )
        fitting = [(k, multiple(spacing_um, own_um * k.factor)) for k in self._levels]
        fitting = [(level, factor) for level, factor in fitting if factor]
        if fitting:
            return _means(*fitting[-1], rows, cols)
        window = Window(
            brain=self.section.brain,
            section=self.section.id,
            centre_um=(0.5 * (rows.start + rows.stop) * spacing_um, 0.5 * (cols.start + cols.stop) * spacing_um),
            size_px=(rows.stop - rows.start, cols.stop - cols.start),
            spacing_um=spacing_um,
        )
        return np.rint(self.read(window)).astype(np.uint8)

    @property
    def held_bytes(self) -> int:
        """What it keeps in memory once a pixel was read."""
        return self._pyramid.held_bytes

    def _chosen(self, window: Window) -> Level:
        """The level, of those finest first, that a window is read from."""
        spacings_um = [self.section.spacing_um * level.factor for level in self._levels]
        aligned = [k for k, spacing in enumerate(spacings_um) if is_aligned(window, spacing)]
        finer = [k for k, spacing in enumerate(spacings_um) if 2 * spacing <= window.spacing_um * (1 + 1e-6)]
        return self._levels[aligned[-1] if aligned else finer[-1] if finer else 0]

    def _as_section(self, level: Level) -> Section:
        return replace(self.section, spacing_um=self.section.spacing_um * level.factor, shape_px=level.shape_px)

    @cached_property
    def _pyramid(self) -> Pyramid:
        return self.open_pyramid(self.location)

    @cached_property
    def _levels(self) -> tuple[Level, ...]:
        # a pad of one pixel beyond the section is not looked at
        finest, *coarser = self._pyramid.levels
        rows, cols = (min(pair) for pair in zip(finest.shape_px, self.section.shape_px, strict=True))
        return replace(finest, shape_px=(rows, cols)), *coarser

    def __getstate__(self) -> Mapping[str, object]:
        return {"location": self.location, "section": self.section, "open_pyramid": self.open_pyramid}


def whole_multiple(pyramid: Pyramid, spacing_um: float, where: str) -> UInt8[np.ndarray, "h w"]:
    """A whole image that says its own pixel size, at a whole multiple of it.

    Args:
        pyramid: the image; the coarsest level that divides the spacing is read.
        spacing_um: wanted.
        where: the image's place, for a message.

    Raises:
        InputError: the spacing is no multiple of the image's own, or the image says none.
    """
    own_um = pyramid.spacing_um
    if own_um is None:
        raise InputError(
            f"{where} must say its pixel size to be read by itself, but it says none; read it as a section of a data "
            "set, whose index says it"
        )
    fitting = [level for level in pyramid.levels if multiple(spacing_um, own_um * level.factor)]
    if not fitting:
        raise InputError(
            f"a whole section is read at a multiple of its own pixel size ({own_um:g} µm), "
            f"got {spacing_um:g} µm for {where}; choose a multiple"
        )
    rows, cols = (-(-side // multiple(spacing_um, own_um)) for side in pyramid.shape_px)
    level, out = fitting[-1], np.empty((rows, cols), np.uint8)
    factor = multiple(spacing_um, own_um * level.factor)
    step = max(_BAND_PX // max(cols * factor**2, 1), 1)
    for first in range(0, rows, step):
        band = slice(first, min(first + step, rows))
        out[band] = _means(level, factor, band, slice(0, cols))
    return out


def multiple(coarse_um: float, fine_um: float) -> int:
    """How many fine pixels make a coarse one, 0 if no whole number does."""
    factor = coarse_um / fine_um
    return round(factor) if round(factor) >= 1 and abs(factor - round(factor)) < 1e-6 * factor else 0


def check_block(shape_px: tuple[int, ...], what: str, mend: str) -> None:
    """Refuse to decode more than MAX_BLOCK_PX at once; raises InputError, before memory is taken.

    Args:
        shape_px: of what would be decoded.
        what: names it in the message.
        mend: what to do.
    """
    if math.prod(shape_px) > MAX_BLOCK_PX or min(shape_px) < 1:
        shape = " x ".join(str(side) for side in shape_px)
        raise InputError(
            f"at most {MAX_BLOCK_PX // 1_000_000} Mpx are decoded at once, but {what} has {shape} px; {mend}"
        )


def _means(level: Level, factor: int, rows: slice, cols: slice) -> UInt8[np.ndarray, "h w"]:
    """Block means of a part of a level; background where a level ends early (rounded down)."""
    out = np.full((rows.stop - rows.start, cols.stop - cols.start), BACKGROUND_GREY, np.uint8)
    (r0, r1), (c0, c1) = (
        (side.start * factor, min(side.stop * factor, size))
        for side, size in zip((rows, cols), level.shape_px, strict=True)
    )
    if r0 < r1 and c0 < c1:
        means = area_mean(level.fetch(r0, r1, c0, c1), factor)
        out[: means.shape[0], : means.shape[1]] = means
    return out
