"""Where a patch lies: eq. (2) of Spitzer et al. 2018."""

from jaxtyping import Float
from torch import Tensor


def coordinate_loss(predicted: Float[Tensor, "b 3"], place: Float[Tensor, "b 3"]) -> Float[Tensor, ""]:
    """L1 between predicted and true place on the inflated surface (Spitzer et al. 2018, eq. (2)).

    A mean over patches and over the three coordinates, as in the authors' scripts (the paper prints a norm).
    """
    return (predicted - place).abs().mean()
