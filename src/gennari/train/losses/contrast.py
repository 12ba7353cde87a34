"""Patches that lie close together look alike to the network, others do not."""

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

MASKED = -1e9
"""Stands for a logit of minus infinity, whose gradient would not be finite where a whole row has it."""


def contrast_loss(
    similarity: Float[Tensor, "b k"],
    positive: Bool[Tensor, "b k"],
    negative: Bool[Tensor, "b k"],
    temperature: float,
) -> Float[Tensor, ""]:
    """Mean over positives of -log(e^(s+/t) / (e^(s+/t) + sum of e^(s-/t) over its anchor's negatives)).

    InfoNCE (van den Oord et al. 2018, eq. (4)) in the form of SimCLR's eq. (1) (Chen et al. 2020). Departures: which
    patches are positives is decided by the distance along the cortex, so an anchor may have several, none of which
    stands in another's denominator; what is neither positive nor negative stands in none. 0 without positives.

    Args:
        similarity: of anchors and keys, cosines as a rule.
        positive: which keys are to be near an anchor.
        negative: which are to be far from it.
        temperature: t.
    """
    logits = similarity / temperature
    far = logits.masked_fill(~negative, MASKED).logsumexp(dim=1, keepdim=True)  # (b, 1)
    each = F.softplus(far - logits)
    return each.masked_fill(~positive, 0.0).sum() / positive.sum().clamp(min=1)
