"""The losses: eq. (1) to (3) of Spitzer et al. 2018 for the pretext task, cross-entropy for the areas."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from gennari.records import IGNORE


def distance_loss(
    first: Float[Tensor, "p f"], second: Float[Tensor, "p f"], distance: Float[Tensor, "p"]
) -> Float[Tensor, ""]:
    """Mean over pairs of | ||f(x1) - f(x2)||² - y_dist | (Spitzer et al. 2018, eq. (1)).

    Args:
        first: features of the pairs' first patches.
        second: of their second patches.
        distance: geodesic distances in the network's unit.
    """
    return ((first - second).square().sum(dim=1) - distance).abs().mean()


def coordinate_loss(predicted: Float[Tensor, "b 3"], place: Float[Tensor, "b 3"]) -> Float[Tensor, ""]:
    """L1 between predicted and true place on the inflated surface (Spitzer et al. 2018, eq. (2)).

    A mean over patches and over the three coordinates, as in the authors' scripts (the paper prints a norm).
    """
    return (predicted - place).abs().mean()


def further_loss(predicted: Float[Tensor, "b t"], target: Float[Tensor, "b t"]) -> Float[Tensor, "t"]:
    """L1 of each further target (the paper's outlook), both standardised: a mean over patches."""
    return (predicted - target).abs().mean(dim=0)


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
        further: the further targets' losses, summed over both patches and weighted.
    """
    return distance + alpha * coordinates + weight_penalty * norm + further


def area_loss(logits: Float[Tensor, "b c h w"], labels: Int[Tensor, "b h w"]) -> Float[Tensor, ""]:
    """Mean cross-entropy over the labelled pixels; 0 where none is labelled (IGNORE everywhere)."""
    labelled = (labels != IGNORE).sum().clamp(min=1)
    return F.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="sum") / labelled
