"""Batches of patch pairs for the pretext task, a pure function of (seed, epoch, index)."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gennari.data.augmentation import Augmentation
from gennari.data.patch_images import PatchImages
from gennari.data.pixels import Normalisation
from gennari.data.prepare import prepared
from gennari.records import PairTable, PatchTable

_ORDER, _CHANGES = 1, 2
"""Randomness has a purpose: numpy seeds that differ by trailing zeros alone are the same."""


class PairBatch(NamedTuple):
    """Pairs and the patches they are made of, each patch once.

    Hub patches occur in many pairs of a batch; running them once gives the same loss and gradient for less work (only
    batch norm's statistics count them once instead of many times).

    Attributes:
        images: (u, 1, h, w) float32, normalised.
        places_mm: (u, 3) on the inflated surface, right hemisphere mirrored.
        first: (p,) index into `images` of each pair's first patch; `second` of its second.
        distance_mm: (p,) along the cortex.
        rows: (u,) rows of the PatchTable.
    """

    images: Tensor
    places_mm: Tensor
    first: Tensor
    second: Tensor
    distance_mm: Tensor
    rows: Tensor


@dataclass(frozen=True, kw_only=True)
class PairBatches:
    """All batches of a set of pairs; picklable, as its images are.

    Attributes:
        images: one a row of `patches`.
        pairs: rows of `patches`; give only those of the training split.
        batch: pairs in a batch; the pairs of an epoch are dealt out evenly, so batches may differ by one.
    """

    images: PatchImages
    patches: PatchTable
    pairs: PairTable
    normalisation: Normalisation
    batch: int
    seed: int
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if len(self.images) != len(self.patches):
            raise ValueError(
                f"there must be one image a patch ({len(self.patches)}), got {len(self.images)}; "
                f"were images and table written by different runs?"
            )
        if not len(self.pairs):
            raise ValueError("PairBatches needs at least one pair, got none; is the training split empty?")
        self.pairs.check(len(self.patches))

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch."""
        return max(1, round(len(self.pairs) / self.batch))

    def get(self, epoch: int, index: int) -> PairBatch:
        """Batch `index` of an epoch; each pair comes once an epoch, in an order drawn from (seed, epoch)."""
        order = np.random.default_rng((self.seed, _ORDER, epoch)).permutation(len(self.pairs))
        chosen = np.array_split(order, self.per_epoch)[index]
        ends = np.concatenate([self.pairs.first[chosen], self.pairs.second[chosen]])
        rows, where = np.unique(ends, return_inverse=True)
        rng = np.random.default_rng((self.seed, _CHANGES, epoch, index))
        images, _ = prepared(self.images.read(rows), self.normalisation, self.augmentation, rng)
        return PairBatch(
            images=torch.from_numpy(images[:, None]),
            places_mm=_float(self.patches.inflated_mm[rows]),
            first=torch.from_numpy(where[: len(chosen)]),
            second=torch.from_numpy(where[len(chosen) :]),
            distance_mm=_float(self.pairs.distance_mm[chosen]),
            rows=torch.from_numpy(rows.astype(np.int64)),
        )


def _float(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float32))
