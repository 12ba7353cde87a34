"""Batches of section windows with area labels, a pure function of (seed, step)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from gennari.data.augmentation import Augmentation
from gennari.data.pixels import Normalisation
from gennari.data.prepare import Changes, blur, draw_changes, grey_tables
from gennari.data.prior import Prior
from gennari.data.turning import Cut, window_grey, window_labels, window_planes
from gennari.records import BACKGROUND_GREY, IGNORE


class AreaBatch(NamedTuple):
    """Windows of one batch.

    Attributes:
        image: (b, 1, h, w) float32, normalised.
        atlas: (b, a, h', w') float32 probabilities on the stem's grid; a may be 0.
        labels: (b, ho, wo) int64 on the output grid; IGNORE where nothing is said.
        places: (b, 3) int64: index of the section, row and col of the first output pixel.
    """

    image: Tensor
    atlas: Tensor
    labels: Tensor
    places: Tensor


@dataclass(frozen=True, kw_only=True)
class WindowGrid:
    """How a network's window lies on the three grids, all of which share the section's outer corner.

    Attributes:
        image_px: side of the image window; it begins `image_before_px` before the first output pixel's square.
        stride_px: image pixels along an output pixel.
        atlas_px: side of the atlas window; it begins `atlas_before_px` before the first output pixel's square.
        atlas_stride_px: atlas pixels along an output pixel.
    """

    image_px: int
    image_before_px: int
    stride_px: int
    output_px: int
    atlas_px: int
    atlas_before_px: int
    atlas_stride_px: int

    @property
    def image(self) -> Cut:
        """The window on the image's grid."""
        return Cut(side_px=self.image_px, before_px=self.image_before_px, inner_px=self.output_px * self.stride_px)

    @property
    def output(self) -> Cut:
        """The window on the output's grid."""
        return Cut(side_px=self.output_px, before_px=0, inner_px=self.output_px)

    @property
    def atlas(self) -> Cut:
        """The window on the atlas' grid."""
        inner_px = self.output_px * self.atlas_stride_px
        return Cut(side_px=self.atlas_px, before_px=self.atlas_before_px, inner_px=inner_px)


@dataclass(frozen=True, kw_only=True)
class LabelledSection:
    """One section as the networks see it.

    Attributes:
        image: grey values at the network's spacing.
        labels: class indices at the output spacing, IGNORE where nobody annotated.
        prior: area probabilities at the stem's spacing; None without an atlas.
        name: for messages.
    """

    image: UInt8[np.ndarray, "h w"]
    labels: UInt8[np.ndarray, "ho wo"]
    prior: Float[np.ndarray, "a hs ws"] | Prior | None = None
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class AreaBatches:
    """Windows drawn at random around labelled pixels; they keep the section's orientation.

    Attributes:
        batch: windows in a batch.
        classes_even: the pixel a window must show is drawn from a class, and each class that occurs is drawn equally
            often; otherwise from all labelled pixels alike.
    """

    sections: Sequence[LabelledSection]
    grid: WindowGrid
    normalisation: Normalisation
    batch: int
    seed: int
    classes_even: bool = True
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        for i, section in enumerate(self.sections):
            _check(section, self.grid, section.name or f"section {i}")
        if len({None if s.prior is None else len(s.prior) for s in self.sections}) > 1:
            raise ValueError("all sections must have priors over the same areas; some differ or have none")
        if not any((section.labels != IGNORE).any() for section in self.sections):
            raise ValueError(f"at least one pixel must be labelled; none is in {len(self.sections)} sections")

    def get(self, step: int) -> AreaBatch:
        """Batch number `step`."""
        rng = np.random.default_rng((self.seed, step))
        pixels, seen_at = self._shown(rng)
        shifts = self._prior_shifts(rng)
        changes = draw_changes(self.augmentation, self.batch, rng)
        places = self._places(pixels, seen_at, changes)
        tables = grey_tables(changes, self.normalisation)
        grid = self.grid
        image = np.empty((len(places), 1, grid.image_px, grid.image_px), np.float32)
        atlas = np.empty((len(places), self._areas, grid.atlas_px, grid.atlas_px), np.float32)
        labels = np.empty((len(places), grid.output_px, grid.output_px), np.int64)
        for i, (index, row, col) in enumerate(places):
            section, corner, turn = self.sections[index], np.array([row, col]), changes.turn(i)
            image[i, 0] = window_grey(section.image, corner * grid.stride_px, grid.image, turn, tables[i], _GLASS)
            blur(image[i, 0], float(changes.blur_px[i]))
            labels[i] = window_labels(section.labels, corner, grid.output, turn, IGNORE)
            if section.prior is not None:
                start = corner * grid.atlas_stride_px + shifts[i]
                atlas[i] = window_planes(section.prior, start, grid.atlas, turn)
        return AreaBatch(
            image=torch.from_numpy(image),
            atlas=torch.from_numpy(atlas),
            labels=torch.from_numpy(labels),
            places=torch.from_numpy(places),
        )

    def _places(self, pixels: np.ndarray, seen_at: np.ndarray, changes: Changes) -> np.ndarray:
        """(b, 3): section, row and col of each window's first output pixel.

        An exact turn keeps the pixel that must be shown in the window; any other would turn it out of a corner, so the
        window is moved to where it shows the pixel at the place that was drawn.
        """
        middle = (self.grid.output_px - 1) / 2
        offset = seen_at.copy()
        for i in range(self.batch):
            turn = changes.turn(i)
            if not turn.exact:
                offset[i] = np.rint(middle + turn.shown(seen_at[i] - middle))
        return np.column_stack([pixels[:, 0], pixels[:, 1:] - offset]).astype(np.int64)

    def _shown(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(b, 3) and (b, 2): section, row and col of the pixel each window must show, and where in the window."""
        pools = self._pixels
        if self.classes_even:
            drawn = [pools[i] for i in rng.integers(len(pools), size=self.batch)]
            pixels = np.stack([pool[rng.integers(len(pool))] for pool in drawn])
        else:
            ends = np.cumsum([len(pool) for pool in pools])
            number = rng.integers(ends[-1], size=self.batch)
            which = np.searchsorted(ends, number, side="right")
            pixels = np.stack([pools[c][n - ends[c]] for c, n in zip(which, number, strict=True)])
        # The pixel falls anywhere in the window, so that no class learns to be in the middle.
        return pixels, rng.integers(self.grid.output_px, size=(self.batch, 2))

    def _prior_shifts(self, rng: np.random.Generator) -> np.ndarray:
        reach = self.augmentation.prior_shift_px
        return rng.integers(-reach, reach + 1, size=(self.batch, 2))

    @property
    def _areas(self) -> int:
        prior = self.sections[0].prior
        return 0 if prior is None else len(prior)

    @cached_property
    def _pixels(self) -> list[np.ndarray]:
        """For each class that occurs, (n, 3) int32: section, row, col of its pixels.

        Of sections of more than POOLED_PX pixels every second, third ... pixel along each axis, so that the pools of a
        hundred 2 µm sections stay below some gigabytes: a window shows the pixel it is drawn for anywhere.
        """
        pools: dict[int, list[np.ndarray]] = {}
        for index, section in enumerate(self.sections):
            step = int(np.ceil(np.sqrt(section.labels.size / POOLED_PX)))
            labels = np.asarray(section.labels[::step, ::step])
            for label in np.unique(labels[labels != IGNORE]):
                places = step * np.argwhere(labels == label)
                pool = np.column_stack([np.full(len(places), index), places]).astype(np.int32)
                pools.setdefault(int(label), []).append(pool)
        return [np.concatenate(pools[label]) for label in sorted(pools)]


_GLASS = int(BACKGROUND_GREY)
POOLED_PX = 2**24
"""Pixels of a section that windows are drawn for, at most."""


def _check(section: LabelledSection, grid: WindowGrid, name: str) -> None:
    image, labels = np.array(section.image.shape), np.array(section.labels.shape)
    if (labels != -(-image // grid.stride_px)).any():
        raise ValueError(
            f"labels of {name} must lie on the output grid, {grid.stride_px} image pixels each: "
            f"{(-(-image // grid.stride_px)).tolist()}, got {labels.tolist()}; resample them to the output spacing"
        )
    if section.prior is None:
        return
    step = grid.stride_px // grid.atlas_stride_px
    if (np.array(section.prior.shape[1:]) != -(-image // step)).any():
        raise ValueError(
            f"the prior of {name} must lie on the stem's grid, {step} image pixels each: "
            f"{(-(-image // step)).tolist()}, got {list(section.prior.shape[1:])}; make it at the stem's spacing"
        )
