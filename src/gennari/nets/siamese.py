"""The Siamese network of the pretext task: a patch in, a feature vector and a place on the inflated surface out."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gennari.nets.dense import Dense
from gennari.nets.encoders import make_texture
from gennari.nets.sizes import TextureConfig, dense_inputs
from gennari.nets.texture import initialise


class SiameseNet(nn.Module):
    """f(x) of Spitzer et al. 2018, eq. (1), and the coordinate head d of eq. (2).

    The dense layer is linear (a sigmoid would cap the squared distance). Both outputs are in units of `scale_mm`;
    the coordinates are relative to `centre_mm`. Both are buffers: they are saved and travel with the weights.

    Further targets (the paper's outlook) have a linear head of their own, built only where they are asked for; its
    outputs are standardised: times `further_sd` plus `further_mean` they are in the target's own unit.

    Args:
        config: of the texture branch.
        generator: for the initial weights.
        further: names of the further targets.
        projection: width of a head that features pass before a contrast compares them. It serves the training alone
            and is not saved; None builds none.
    """

    scale_mm: Tensor
    centre_mm: Tensor
    further_mean: Tensor
    further_sd: Tensor

    def __init__(
        self,
        config: TextureConfig,
        generator: torch.Generator | None = None,
        further: Sequence[str] = (),
        projection: int | None = None,
    ) -> None:
        super().__init__()
        self.config, self.further = config, tuple(further)
        self.texture = make_texture(config, generator)
        self.dense = Dense(dense_inputs(config), config.features)
        self.head = Dense(config.features, 3)
        initialise(self.dense, generator)
        initialise(self.head, generator)
        self.register_buffer("scale_mm", torch.ones(()))
        self.register_buffer("centre_mm", torch.zeros(3))
        self.further_head = nn.Linear(config.features, len(self.further)) if self.further else None
        if self.further_head is not None:
            initialise(self.further_head, generator)
            self.register_buffer("further_mean", torch.zeros(len(self.further)))
            self.register_buffer("further_sd", torch.ones(len(self.further)))
        self.projection = None
        if projection is not None:
            width = config.features
            self.projection = nn.Sequential(Dense(width, width), nn.ReLU(), Dense(width, projection))
            initialise(self.projection, generator)

    def forward(self, patches: Float[Tensor, "b 1 h w"]) -> tuple[Float[Tensor, "b f"], Float[Tensor, "b t"]]:
        """(features, what is read from them) of normalised patches: three coordinates, then the further targets."""
        features = self.features(patches)
        coordinates = self.coordinates(features)
        if self.further_head is None:
            return features, coordinates
        return features, torch.cat([coordinates, self.further_head(features)], dim=1)

    def features(self, patches: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b f"]:
        """f(x)."""
        bottom = self.texture(patches)[-1]
        if self.config.pooling == "global":
            return self.dense(bottom.mean(dim=(2, 3)))
        return self.dense(F.max_pool2d(bottom, 2).flatten(1))  # (b, c, h, w) -> (b, c h w)

    def coordinates(self, features: Float[Tensor, "b f"]) -> Float[Tensor, "b 3"]:
        """d(f(x)), in units of `scale_mm` from `centre_mm`."""
        return self.head(features)

    def coordinates_mm(self, features: Float[Tensor, "b f"]) -> Float[Tensor, "b 3"]:
        """Predicted place on the inflated surface (right hemisphere mirrored)."""
        return self.coordinates(features) * self.scale_mm + self.centre_mm

    def distances_mm(self, first: Float[Tensor, "p f"], second: Float[Tensor, "p f"]) -> Float[Tensor, "p"]:
        """Predicted geodesic distance, ||f(x1) - f(x2)||² in mm."""
        return (first - second).square().sum(dim=1) * self.scale_mm
