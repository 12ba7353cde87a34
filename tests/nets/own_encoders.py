"""Encoders of a user's own, as tests name them by import path."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from gennari.nets.sizes import TextureConfig
from gennari.nets.texture import TextureBranch


class Plain(nn.Module):
    """One convolution a level, on what the level above averages to."""

    def __init__(self, config: TextureConfig):
        super().__init__()
        self.stride = config.stem_stride
        widths = (1, *config.channels)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))

    def forward(self, image: Tensor) -> list[Tensor]:
        """All levels."""
        x, maps = functional.avg_pool2d(image, self.stride), []
        for layer in self.layers:
            x = torch.relu(layer(functional.avg_pool2d(x, 2) if maps else x))
            maps.append(x)
        return maps


class Short(Plain):
    """Its last level is missing."""

    def forward(self, image: Tensor) -> list[Tensor]:
        """All levels but one."""
        return super().forward(image)[:-1]


class Far(Plain):
    """Sees the whole window in every pixel."""

    def forward(self, image: Tensor) -> list[Tensor]:
        """All levels, each with the window's mean."""
        return [x + image.mean() for x in super().forward(image)]


class Broken(Plain):
    """Reads three channels."""

    def __init__(self, config: TextureConfig):
        super().__init__(config)
        self.layers[0] = nn.Conv2d(3, config.channels[0], 3, padding=1)


class TwoNumbers(nn.Module):
    """Gives no maps."""

    def __init__(self, config: TextureConfig):
        super().__init__()

    def forward(self, image: Tensor) -> tuple[float, float]:
        """No maps."""
        return 1.0, 2.0


class OneFurther(TextureBranch):
    """The paper's branch with one more convolution than its config declares."""

    def __init__(self, config: TextureConfig):
        convs = (config.convs[0] + 1, *config.convs[1:])
        super().__init__(config.model_copy(update={"convs": convs}))
