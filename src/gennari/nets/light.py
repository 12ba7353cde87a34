"""A light decoder: areas read off the encoder's maps by one linear layer, to see what these say by themselves."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class LightDecoder(nn.Module):
    """Logits as a linear function of every level's maps at a pixel (hypercolumns, Hariharan et al. 2015).

    A 1x1 convolution a level, to the classes; the levels' results are upsampled bilinearly to the finest and summed.
    A pixel reads the cell above it and those beside it, which is less than the U-Net's up path reads.

    Args:
        widths: of the levels, finest first.
        classes: number of classes.
    """

    def __init__(self, widths: Sequence[int], classes: int):
        super().__init__()
        self.levels = nn.ModuleList(nn.Conv2d(width, classes, 1, bias=i == 0) for i, width in enumerate(widths))

    def forward(self, maps: Sequence[Tensor], side_px: tuple[int, int]) -> Tensor:
        """Logits (b, classes, h, w) on the finest level's grid.

        Args:
            maps: (b, width, h, w) of each level, each twice as coarse as the one before and around the same middle;
                channels that are missing at the end (the atlas) count as zeros.
            side_px: (h, w) of the output, which is the middle of the finest map.
        """
        total: Tensor | None = None
        for level, (layer, x) in enumerate(zip(self.levels, maps, strict=True)):
            assert isinstance(layer, nn.Conv2d)
            x = F.conv2d(x, layer.weight[:, : x.shape[1]], layer.bias)
            if level:
                x = F.interpolate(x, scale_factor=2**level, mode="bilinear", align_corners=False)
            x = middle(x, side_px)
            total = x if total is None else total + x
        assert total is not None
        return total


def middle(x: Tensor, side_px: tuple[int, int]) -> Tensor:
    """The middle (h, w) of a map."""
    h, w = side_px
    top, left = (x.shape[-2] - h) // 2, (x.shape[-1] - w) // 2
    return x[..., top : top + h, left : left + w]
