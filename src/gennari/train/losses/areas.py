"""Which area a pixel belongs to."""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from gennari.records import IGNORE


def area_loss(logits: Float[Tensor, "b c h w"], labels: Int[Tensor, "b h w"]) -> Float[Tensor, ""]:
    """Mean cross-entropy over the labelled pixels; 0 where none is labelled (IGNORE everywhere)."""
    labelled = (labels != IGNORE).sum().clamp(min=1)
    return F.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="sum") / labelled
