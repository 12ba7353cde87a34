"""The two numbers that normalise grey values."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from gennari.data.patch_images import PatchImages
from gennari.execute import Report, Tick
from gennari.records import BACKGROUND_GREY

MOST_PX = 2**32
"""Pixels that statistics are taken over: all of 400,000 patches of 96 px, or 4136 patches of 1019 px."""
PX_AT_ONCE = 2**27


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """Networks see (grey / 255 - mean) / std."""

    mean: float
    std: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.mean) and self.std > 0):
            raise ValueError(f"a normalisation needs a finite mean and a positive std, got {self.mean}, {self.std}")

    @classmethod
    def of(
        cls, images: PatchImages, rows: Int[np.ndarray, "n"], seed: int, tick: Report | None = None
    ) -> "Normalisation":
        """The mean and standard deviation of grey values over 255; all pixels of an image count, background too.

        Args:
            images: of patches.
            rows: which of them; give only those of the training split. Where they hold more than MOST_PX pixels, as
                many as that are drawn from them.
            seed: of that draw.
            tick: told of the images read.
        """
        area = images.side_px**2
        most = max(1, MOST_PX // area)
        if len(rows) > most:
            rows = np.sort(np.random.default_rng((seed, most)).choice(rows, most, replace=False))
        counts = np.zeros(256, np.int64)  # of bytes: exact, and no float copy of the images
        at_once = max(1, PX_AT_ONCE // area)
        for begin in range(0, len(rows), at_once):
            block = images.read(rows[begin : begin + at_once])
            counts += np.bincount(block.ravel(), minlength=256)
            if tick:
                tick(Tick("grey values", begin + len(block), len(rows)))
        if not counts.any():
            raise ValueError("a normalisation needs at least one image, got none; is the training split empty?")
        grey = np.arange(256) / BACKGROUND_GREY
        mean = float(np.average(grey, weights=counts))
        return cls(mean=mean, std=float(np.sqrt(np.average((grey - mean) ** 2, weights=counts))))
