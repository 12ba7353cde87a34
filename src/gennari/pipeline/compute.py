"""How much arithmetic a training takes: for the control that is given as much as pre-training and fine-tuning."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from gennari.nets.area_unet import AreaUNet
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import TextureConfig, unet_sizes
from gennari.records import PairTable
from gennari.sampling.near import patches_run
from gennari.train.settings import FinetuneSettings, PretrainSettings

FORWARD_AND_BACK = 3
"""A training step costs about three forward passes: one forward, two back (for the input and for the weights)."""


def pretext_flop(settings: PretrainSettings, texture: TextureConfig, pairs: PairTable) -> int:
    """Floating point operations of a pre-training; a patch that occurs twice in a batch is run once."""
    return patches_flop(settings.epochs * patches_run(pairs, settings.batch), texture)


def patches_flop(passes: int, texture: TextureConfig) -> int:
    """Floating point operations of learning from so many patches, each seen once."""
    with torch.device("meta"):
        net, patch = SiameseNet(texture), torch.empty(1, 1, texture.patch_px, texture.patch_px)
    return FORWARD_AND_BACK * passes * _forward(net, patch)


def finetune_flop(settings: FinetuneSettings, texture: TextureConfig, classes: int, areas: int) -> int:
    """Floating point operations of a fine-tuning, phase by phase."""
    side, stem = settings.window_px, unet_sizes(texture, settings.window_px).stem_px
    with torch.device("meta"):
        net = AreaUNet(
            texture, classes, areas if settings.atlas_widths else 0, settings.atlas_widths, decoder=settings.decoder
        )
        image, atlas = torch.empty(1, 1, side, side), torch.empty(1, areas, stem, stem)
    return sum(
        FORWARD_AND_BACK * phase.steps * settings.batch * _forward(net, image, atlas if phase.atlas else None)
        for phase in settings.phases
    )


@torch.no_grad()
def _forward(net: nn.Module, *inputs: torch.Tensor | None) -> int:
    with FlopCounterMode(display=False) as counter:
        net.eval()(*inputs)
    return counter.get_total_flops()
