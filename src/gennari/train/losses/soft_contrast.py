"""The closer two patches lie, the more alike they look to the network."""

from jaxtyping import Bool, Float
from torch import Tensor

from gennari.train.losses.contrast import MASKED

TINY = 1e-12


def soft_contrast_loss(
    similarity: Float[Tensor, "b k"],
    distance_mm: Float[Tensor, "b k"],
    other: Bool[Tensor, "b k"],
    temperature: float,
    width_mm: float,
) -> Float[Tensor, ""]:
    """Cross-entropy between where an anchor's neighbours lie and where its features see them.

    The target of an anchor is w_j = exp(-d_j² / 2 width²) over its keys, divided by their sum; what is compared is the
    softmax of s_j / t over the same keys (the y-aware InfoNCE of Dufumier et al. 2021, eq. (2), of distances instead
    of labels). Departure: an anchor counts as much as its largest w, since without that one whose nearest key lies far
    away would be drawn to it all the same. 0 where no anchor has a key near.

    Args:
        similarity: of anchors and keys, cosines as a rule.
        distance_mm: between them.
        other: False where the key is the anchor itself.
        temperature: t.
        width_mm: of the Gaussian.
    """
    seen = (similarity / temperature).masked_fill(~other, MASKED).log_softmax(dim=1)
    weight = (-0.5 * (distance_mm / width_mm).square()).exp().masked_fill(~other, 0.0)
    counts = weight.max(dim=1).values
    target = weight / weight.sum(dim=1, keepdim=True).clamp(min=TINY)
    return -(counts * (target * seen).sum(dim=1)).sum() / counts.sum().clamp(min=TINY)
