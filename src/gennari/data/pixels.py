"""Places to pixels: the grey values of patches, and the two numbers that normalise them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from gennari.execute import Report, Tick
from gennari.records import BACKGROUND_GREY, PatchTable, Section, SectionReader, Window


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """Networks see (grey / 255 - mean) / std."""

    mean: float
    std: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.mean) and self.std > 0):
            raise ValueError(f"a normalisation needs a finite mean and a positive std, got {self.mean}, {self.std}")

    @classmethod
    def from_images(cls, images: UInt8[np.ndarray, "..."]) -> "Normalisation":
        """The mean and standard deviation of these grey values over 255; all images count, background too."""
        counts = np.bincount(images.ravel(), minlength=256)  # of bytes: exact, and no float copy of the images
        grey = np.arange(256) / BACKGROUND_GREY
        mean = float(np.average(grey, weights=counts))
        return cls(mean=mean, std=float(np.sqrt(np.average((grey - mean) ** 2, weights=counts))))


def read_patch_images(
    open_reader: Callable[[Section], SectionReader],
    patches: PatchTable,
    sections: Iterable[Section],
    size_px: int,
    spacing_um: float,
    tick: Report,
) -> UInt8[np.ndarray, "n h w"]:
    """The images of patches, each upright by its `rotation_deg` (zeros there leave them as the section lies).

    Args:
        open_reader: gives the reader of a section; called once for each section that has patches.
        patches: where; row k of the result is patch k.
        sections: at least those that the patches lie in.
        size_px: images are square.
        spacing_um: of their pixels.
        tick: called after each section with the number of patches read.

    Raises:
        ValueError: a patch lies in a section that is not among `sections`.
    """
    known = {(section.brain, section.id): section for section in sections}
    places: dict[tuple[str, int], list[int]] = {}
    for row, key in enumerate(zip(patches.brain.tolist(), patches.section.tolist(), strict=True)):
        places.setdefault(key, []).append(row)
    for brain, number in places:
        if (brain, number) not in known:
            raise ValueError(f"patches must lie in the given sections, but {number} of {brain} is not among them")
    images = np.empty((len(patches), size_px, size_px), np.uint8)
    done = 0
    for key, rows in places.items():
        reader = open_reader(known[key])
        for row in rows:
            images[row] = np.rint(reader.read(_window(patches, row, size_px, spacing_um)))
        done += len(rows)
        tick(Tick("read patches", done, len(patches), f"section {key[1]} of {key[0]}"))
    return images


def _window(patches: PatchTable, row: int, size_px: int, spacing_um: float) -> Window:
    return Window(
        brain=str(patches.brain[row]),
        section=int(patches.section[row]),
        centre_um=(float(patches.centre_um[row, 0]), float(patches.centre_um[row, 1])),
        size_px=(size_px, size_px),
        spacing_um=spacing_um,
        rotation_deg=float(patches.rotation_deg[row]),
    )
