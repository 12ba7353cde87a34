"""What else may be read off a patch: the outlook of Spitzer et al. 2018."""

from jaxtyping import Float
from torch import Tensor


def further_loss(predicted: Float[Tensor, "b t"], target: Float[Tensor, "b t"]) -> Float[Tensor, "t"]:
    """L1 of each further target (the paper's outlook), both standardised: a mean over patches."""
    return (predicted - target).abs().mean(dim=0)
