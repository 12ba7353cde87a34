"""The Siamese network of the pretext task: a patch in, a feature vector and a place on the inflated surface out."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gennari.nets.dense import Dense
from gennari.nets.sizes import TextureConfig, siamese_sizes
from gennari.nets.texture import TextureBranch, initialise


class SiameseNet(nn.Module):
    """f(x) of Spitzer et al. 2018, eq. (1), and the coordinate head d of eq. (2).

    The dense layer is linear (a sigmoid would cap the squared distance). Both outputs are in units of `scale_mm`;
    the coordinates are relative to `centre_mm`. Both are buffers: they are saved and travel with the weights.
    """

    scale_mm: Tensor
    centre_mm: Tensor

    def __init__(self, config: TextureConfig, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config
        self.texture = TextureBranch(config, generator)
        cells = siamese_sizes(config, config.patch_px).cells_px
        self.dense = Dense(cells * cells * config.channels[-1], config.features)
        self.head = Dense(config.features, 3)
        initialise(self.dense, generator)
        initialise(self.head, generator)
        self.register_buffer("scale_mm", torch.ones(()))
        self.register_buffer("centre_mm", torch.zeros(3))

    def forward(self, patches: Float[Tensor, "b 1 h w"]) -> tuple[Float[Tensor, "b f"], Float[Tensor, "b 3"]]:
        """(features, coordinates) of normalised patches."""
        features = self.features(patches)
        return features, self.coordinates(features)

    def features(self, patches: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b f"]:
        """f(x)."""
        bottom = F.max_pool2d(self.texture(patches)[-1], 2)
        return self.dense(bottom.flatten(1))  # (b, c, h, w) -> (b, c h w)

    def coordinates(self, features: Float[Tensor, "b f"]) -> Float[Tensor, "b 3"]:
        """d(f(x)), in units of `scale_mm` from `centre_mm`."""
        return self.head(features)

    def coordinates_mm(self, features: Float[Tensor, "b f"]) -> Float[Tensor, "b 3"]:
        """Predicted place on the inflated surface (right hemisphere mirrored)."""
        return self.coordinates(features) * self.scale_mm + self.centre_mm

    def distances_mm(self, first: Float[Tensor, "p f"], second: Float[Tensor, "p f"]) -> Float[Tensor, "p"]:
        """Predicted geodesic distance, ||f(x1) - f(x2)||² in mm."""
        return (first - second).square().sum(dim=1) * self.scale_mm
