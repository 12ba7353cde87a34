"""What features know of areas: a linear probe, multinomial logistic regression on frozen features."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int

STEPS = 200


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A linear classifier of standardised features.

    Attributes:
        mean, sd: of the features it learned from.
        weight: of each class.
    """

    mean: Float[np.ndarray, "f"]
    sd: Float[np.ndarray, "f"]
    weight: Float[np.ndarray, "c f"]
    bias: Float[np.ndarray, "c"]

    def classify(self, features: Float[np.ndarray, "n f"]) -> Int[np.ndarray, "n"]:
        """The class of each."""
        return (((features - self.mean) / self.sd) @ self.weight.T + self.bias).argmax(axis=1)


def fit_probe(
    features: Float[np.ndarray, "n f"], labels: Int[np.ndarray, "n"], classes: int, penalty: float = 1e-2
) -> Probe:
    """Minimise mean cross-entropy plus penalty / 2 times the sum of squared weights (not biases), by L-BFGS.

    Args:
        features: to learn from.
        labels: 0 <= label < classes.
        classes: how many; one that does not occur is never the answer of a place like those learned from.
        penalty: of the weights.

    Raises:
        ValueError: there is nothing to learn from.
    """
    if not len(features):
        raise ValueError("a probe needs at least one labelled feature vector, got none")
    mean, sd = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    x = torch.from_numpy(np.asarray((features - mean) / sd, np.float64))
    y = torch.from_numpy(np.asarray(labels, np.int64))
    weight = torch.zeros(classes, x.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = F.cross_entropy(x @ weight.T + bias, y) + 0.5 * penalty * weight.square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)  # pyright: ignore[reportArgumentType]
    return Probe(mean=mean, sd=sd, weight=weight.detach().numpy(), bias=bias.detach().numpy())
