"""The contrastive term of one batch: which of its patches are alike, and which are not."""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from lightning_fabric import Fabric
from torch import Tensor

from gennari.data.pair_batches import PairBatch
from gennari.nets.siamese import SiameseNet
from gennari.train.contrast import Contrast
from gennari.train.losses.contrast import contrast_loss
from gennari.train.losses.soft_contrast import soft_contrast_loss
from gennari.train.parallel import gathered_rows


class Keys(NamedTuple):
    """Patches that anchors are compared with: those of the batch, perhaps those of other processes too.

    Attributes:
        vectors: of length 1, float32.
        places_mm: on the inflated surface, the right one mirrored.
        rows: of the PatchTable.
        start: where those of the batch itself begin.
    """

    vectors: Float[Tensor, "k f"]
    places_mm: Float[Tensor, "k 3"]
    rows: Int[Tensor, "k"]
    start: int = 0


Gather = Callable[[Keys], Keys]
"""Own keys to all; gradients find their way back."""


def keys_of_all(fabric: Fabric, own: Keys) -> Keys:
    """The keys of all processes, in their order."""
    vectors, start = gathered_rows(own.vectors, fabric)
    return Keys(vectors, gathered_rows(own.places_mm, fabric)[0], gathered_rows(own.rows, fabric)[0], start)


def contrast_term(
    net: SiameseNet, contrast: Contrast, features: Float[Tensor, "u f"], batch: PairBatch, gather: Gather | None = None
) -> Float[Tensor, ""]:
    """The loss of the batch's patches, each an anchor against all others, in float32 under autocast too.

    Args:
        net: for its projection.
        contrast: which loss.
        features: of the batch's patches.
        batch: with at least some pairs near each other.
        gather: keys of other processes.
    """
    with torch.autocast(features.device.type, enabled=False):
        features = features.float()
        vectors = F.normalize(features if net.projection is None else net.projection(features), dim=1)
        keys = Keys(vectors, batch.places_mm.float(), batch.rows)
        keys = keys if gather is None else gather(keys)
        similarity = vectors @ keys.vectors.T
        other = batch.rows[:, None] != keys.rows
        if contrast.kind == "soft":
            distance_mm = distances_mm(batch, keys)
            return soft_contrast_loss(similarity, distance_mm, other, contrast.temperature, contrast.width_mm)
        positive, negative = alike_and_not(batch, keys, contrast)
        return contrast_loss(similarity, positive & other, negative & other, contrast.temperature)


def alike_and_not(batch: PairBatch, keys: Keys, contrast: Contrast) -> tuple[Bool[Tensor, "u k"], Bool[Tensor, "u k"]]:
    """(positives, negatives): pairs within the radius along the cortex, and what lies beyond the mask."""
    measured = torch.full((len(batch.rows), len(keys.rows)), torch.inf, device=batch.rows.device)
    _put_measured(measured, batch, keys)
    positive = measured <= contrast.radius_mm
    return positive, (_straight_mm(batch, keys) >= contrast.mask_mm) & ~positive


def distances_mm(batch: PairBatch, keys: Keys) -> Float[Tensor, "u k"]:
    """Between patches: along the cortex where a pair was measured, else straight on the inflated surface."""
    found = _straight_mm(batch, keys)
    _put_measured(found, batch, keys)
    return found


def _straight_mm(batch: PairBatch, keys: Keys) -> Float[Tensor, "u k"]:
    # by matrix products, the default, places 100 mm off the centre would be 0.05 mm off
    return torch.cdist(batch.places_mm.float(), keys.places_mm, compute_mode="donot_use_mm_for_euclid_dist")


def _put_measured(distance_mm: Float[Tensor, "u k"], batch: PairBatch, keys: Keys) -> None:
    """Write the measured distances into a table, both ways round."""
    one, two, measured = batch.first, batch.second, batch.distance_mm.to(distance_mm.dtype)
    distance_mm[one, keys.start + two] = measured
    distance_mm[two, keys.start + one] = measured
