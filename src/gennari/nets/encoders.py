"""The encoder slot: image in, one feature map a level out, for the Siamese network and the U-Net alike."""

import torch
from torch import nn

from gennari.nets.residual import ResidualBlock
from gennari.nets.sizes import TextureConfig
from gennari.nets.texture import TextureBranch


def make_texture(config: TextureConfig, generator: torch.Generator | None = None) -> nn.Module:
    """The texture branch that a config asks for: images (b, 1, h, w) to a list of maps, finest first.

    Args:
        config: `encoder` says which; all else, how wide, how deep and on which grids.
        generator: for the initial weights.
    """
    if config.encoder == "residual":
        return TextureBranch(config, generator, ResidualBlock)
    return TextureBranch(config, generator)
