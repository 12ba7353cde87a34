"""Residual blocks: the texture branch's convolutions with shortcuts around every two of them (He et al. 2016)."""

from jaxtyping import Float
from torch import Tensor, nn

from gennari.nets.sizes import KERNEL, Padding
from gennari.nets.texture import conv_block

UNIT = 2
"""Convolutions that a shortcut spans; the last unit of an odd number of them spans one."""


class ResidualBlock(nn.Module):
    """As many 3x3 convolutions (batch norm, ReLU) as the paper's block, in units with a shortcut around each.

    A unit is ReLU(shortcut(x) + norm(conv(ReLU(norm(conv(x)))))), the basic block of He et al. 2016 ("Deep residual
    learning", Fig. 2). The shortcut is the identity, and where the width changes a 1x1 convolution with batch norm.
    With "valid" padding it is cropped to the middle, which is what the convolutions leave. So sizes and field of view
    are those of the paper's block, and layers have the same names.
    """

    def __init__(self, channels_in: int, channels: int, convs: int, padding: Padding):
        super().__init__()
        for name, layer in conv_block(channels_in, channels, convs, padding).named_children():
            self.add_module(name, layer)
        self.convs, self.rim_px = convs, 0 if padding == "same" else KERNEL // 2
        self.shortcut = None
        if channels_in != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, bias=False),  # the norm has a bias of its own
                nn.BatchNorm2d(channels),
            )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d hd wd"]:
        """All units."""
        for first in range(1, self.convs + 1, UNIT):
            last = min(first + UNIT - 1, self.convs)
            kept = _middle(x, (last + 1 - first) * self.rim_px)
            if first == 1 and self.shortcut is not None:
                kept = self.shortcut(kept)
            for i in range(first, last + 1):
                x = self.get_submodule(f"norm{i}")(self.get_submodule(f"conv{i}")(x))
                x = self.get_submodule(f"relu{i}")(x.add_(kept) if i == last else x)
        return x


def _middle(x: Tensor, rim_px: int) -> Tensor:
    return x[..., rim_px:-rim_px, rim_px:-rim_px] if rim_px else x
