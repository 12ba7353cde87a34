"""Batches of patch pairs for the pretext task, a pure function of (seed, epoch, index)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
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
        further: (u, t) further targets in their own units; t may be 0.
    """

    images: Tensor
    places_mm: Tensor
    first: Tensor
    second: Tensor
    distance_mm: Tensor
    rows: Tensor
    further: Tensor


@dataclass(frozen=True, kw_only=True)
class PairBatches:
    """All batches of a set of pairs; picklable, as its images are.

    Attributes:
        images: one a row of `patches`.
        pairs: rows of `patches`; give only those of the training split.
        batch: pairs in a batch; the pairs of an epoch are dealt out evenly, so batches may differ by one.
        further: names of further targets, keys of FURTHER_TARGETS.
        count: pairs in an epoch, drawn anew for each; None: all of them. With more than there are, some come again.
    """

    images: PatchImages
    patches: PatchTable
    pairs: PairTable
    normalisation: Normalisation
    batch: int
    seed: int
    augmentation: Augmentation = field(default_factory=Augmentation)
    further: Sequence[str] = ()
    count: int | None = None

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
        return max(1, round((self.count or len(self.pairs)) / self.batch))

    def get(self, epoch: int, index: int) -> PairBatch:
        """Batch `index` of an epoch; each pair comes once an epoch, in an order drawn from (seed, epoch)."""
        chosen = np.array_split(self._order(epoch), self.per_epoch)[index]
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
            further=_float(further_targets(self.patches.take(rows), self.further)),
        )

    def _order(self, epoch: int) -> Int[np.ndarray, "c"]:
        rng, pairs = np.random.default_rng((self.seed, _ORDER, epoch)), len(self.pairs)
        count = self.count or pairs
        return np.concatenate([rng.permutation(pairs) for _ in range(-(-count // pairs))])[:count]


FURTHER_TARGETS: Mapping[str, Callable[[PatchTable], np.ndarray]] = MappingProxyType(
    {
        "curvature": lambda patches: patches.curvature_per_mm,
        "plane": lambda patches: np.cos(np.deg2rad(patches.plane_angle_deg)),
    }
)
"""What a patch may be asked for beside its place: the mean curvature of the mid surface in 1/mm, and |n · across|, how
much of the section's normal lies along the cortex's: 0 where layers are cut at right angles. The normal's sign and its
bearing along the sheet are left out: a patch does not show them, and mirroring or turning it leaves the rest true."""


def further_targets(patches: PatchTable, names: Sequence[str]) -> Float[np.ndarray, "n t"]:
    """Values of the named targets for each patch."""
    columns = [np.asarray(FURTHER_TARGETS[name](patches), float) for name in names]
    return np.stack(columns, axis=1) if columns else np.empty((len(patches), 0))


def _float(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float32))
