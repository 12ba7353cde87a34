"""How the terms of the pretext task add up: eq. (3) of Spitzer et al. 2018, its penalty on weights among them."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor


def weight_norm(parameters: Iterable[Tensor], squared: bool = True) -> Float[Tensor, ""]:
    """Sum of squares of all weights, or its root (Spitzer et al. 2018, the last term of eq. (3), prints the root).

    The gradient of the root at weights that are all zero is taken as zero.
    """
    if squared:
        return torch.stack([p.square().sum() for p in parameters]).sum()
    return torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(p) for p in parameters]))


def pretext_loss(
    distance: Float[Tensor, ""] | float,
    coordinates: Float[Tensor, ""] | float,
    norm: Float[Tensor, ""] | float,
    alpha: float,
    weight_penalty: float,
    further: Float[Tensor, ""] | float = 0.0,
) -> Float[Tensor, ""] | float:
    """l_dist + alpha (l_coord(x1) + l_coord(x2)) + lambda ||w|| (Spitzer et al. 2018, eq. (3)), and further targets.

    Args:
        distance: eq. (1).
        coordinates: the sum of eq. (2) over both patches.
        norm: of the convolutions' and batch norms' parameters; the final dense layers are left out.
        alpha: weight of the coordinates, 10 in the paper.
        weight_penalty: lambda, 0.001 in the paper.
        further: the further targets' losses, summed over both patches, and the contrast, weighted.
    """
    return distance + alpha * coordinates + weight_penalty * norm + further
