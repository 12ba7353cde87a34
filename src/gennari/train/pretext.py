"""What the pretext task minimises for one batch, and how much of the gradient each of its terms has."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from gennari.data.pair_batches import PairBatch
from gennari.nets.siamese import SiameseNet
from gennari.train.contrast_term import Gather, contrast_term
from gennari.train.losses.coordinates import coordinate_loss
from gennari.train.losses.distance import distance_loss
from gennari.train.losses.further import further_loss
from gennari.train.losses.penalty import pretext_loss, weight_norm
from gennari.train.settings import Phase, PretrainSettings


def pretext_terms(
    net: SiameseNet, settings: PretrainSettings, gather: Gather | None = None
) -> Callable[[nn.Module, PairBatch, Phase], Mapping[str, Tensor]]:
    """Eq. (3) of Spitzer et al. 2018, with further targets and a contrast where asked for, as a function of the batch.

    It gives "loss", each term without its weight (`<term>_loss`, `weight_norm`) and each term's share of the gradient
    on f(x) (`<term>_share`: its norm over the sum of the norms, so that shares sum to 1).

    Args:
        net: the network; the model that the function is given is this one, perhaps wrapped.
        settings: weights of the terms.
        gather: brings the contrast the patches of other processes.
    """

    def terms(model: nn.Module, batch: PairBatch, phase: Phase) -> Mapping[str, Tensor]:
        del phase
        features, read = model(batch.images)
        predicted, places = read[:, :3], (batch.places_mm - net.centre_mm) / net.scale_mm
        one, two = batch.first, batch.second
        losses = {
            "distance": distance_loss(features[one], features[two], batch.distance_mm / net.scale_mm),
            "coordinate": coordinate_loss(predicted[one], places[one]) + coordinate_loss(predicted[two], places[two]),
        }
        weights = {
            "distance": float(settings.use_distance),
            "coordinate": settings.alpha * settings.use_coordinates,
            **settings.further,
        }
        if net.further:
            further, targets = read[:, 3:], (batch.further - net.further_mean) / net.further_sd
            both = further_loss(further[one], targets[one]) + further_loss(further[two], targets[two])
            losses |= dict(zip(net.further, both.unbind(), strict=True))
        if settings.contrast:
            losses["contrast"] = contrast_term(net, settings.contrast, features, batch, gather)
            weights["contrast"] = settings.contrast.weight
        norm = weight_norm(net.texture.parameters(), settings.squared_norm)
        loss = pretext_loss(
            losses["distance"] if settings.use_distance else 0.0,
            losses["coordinate"] if settings.use_coordinates else 0.0,
            norm,
            settings.alpha,
            settings.weight_penalty,
            sum((weights[name] * losses[name] for name in losses if name not in ("distance", "coordinate")), start=0.0),
        )
        shares = gradient_shares({name: weights[name] * losses[name] for name in losses if weights[name]}, features)
        return {
            "loss": torch.as_tensor(loss),
            "weight_norm": norm,
            **{f"{name}_loss": value for name, value in losses.items()},
            **{f"{name}_share": shares.get(name, norm.new_zeros(())) for name in losses},
        }

    return terms


def gradient_shares(terms: Mapping[str, Tensor], features: Tensor) -> dict[str, Tensor]:
    """Each term's part of the gradient on the features: its norm over the sum of all norms; 0 where all are 0.

    The graph is kept. Only the way from the terms to the features is walked, not the network below.
    """
    norms = {name: torch.autograd.grad(term, features, retain_graph=True)[0].norm() for name, term in terms.items()}
    total = torch.stack(list(norms.values())).sum().clamp(min=1e-12)
    return {name: norm / total for name, norm in norms.items()}
