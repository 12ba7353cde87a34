"""How far apart two patches lie: eq. (1) of Spitzer et al. 2018."""

from jaxtyping import Float
from torch import Tensor


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
