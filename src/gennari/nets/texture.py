"""The texture branch: stem and blocks that the Siamese network and the U-Net's image branch have in common."""

from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gennari.nets.sizes import KERNEL, Padding, TextureConfig

Block = Callable[[int, int, int, Padding], nn.Module]
"""(channels in, channels, convolutions, padding) to a block of that many 3x3 convolutions."""


class TextureBranch(nn.Module):
    """Image in, one feature map a block out (Spitzer et al. 2018, section 2; widths from the authors' scripts).

    Departure: a ReLU follows the stem (`config.stem_relu`); without one the stem is only a linear part of block 1.
    With "same" padding the stem pads so that its pixel i covers input pixels i * stride .. i * stride + stride - 1.

    Args:
        config: decides all sizes.
        generator: for the initial weights.
        block: makes each block; the paper's `conv_block` by default.
    """

    def __init__(self, config: TextureConfig, generator: torch.Generator | None = None, block: Block | None = None):
        super().__init__()
        self.config = config
        self.stem = nn.Conv2d(1, config.stem_channels, config.stem_kernel, stride=config.stem_stride)
        self.blocks = blocks(config.stem_channels, config.channels, config.convs, config.padding, block or conv_block)
        initialise(self, generator)

    def forward(self, image: Float[Tensor, "b 1 h w"]) -> list[Tensor]:
        """Outputs of the blocks before pooling, finest first; the last is the bottom.

        Args:
            image: normalised grey values at the network's spacing.
        """
        x = self.stem(self._padded(image))
        return down(self.blocks, F.relu(x, inplace=True) if self.config.stem_relu else x)

    def _padded(self, image: Tensor) -> Tensor:
        config = self.config
        if config.padding == "valid":
            return image
        before, total = config.stem_before_px, config.stem_kernel - config.stem_stride
        return F.pad(image, (before, total - before, before, total - before))


def blocks(
    channels_in: int, channels: Sequence[int], convs: Sequence[int], padding: Padding, block: Block
) -> nn.ModuleList:
    """One block for each entry of `channels`."""
    widths = [channels_in, *channels]
    return nn.ModuleList(block(widths[i], widths[i + 1], convs[i], padding) for i in range(len(channels)))


def conv_block(channels_in: int, channels: int, convs: int, padding: Padding) -> nn.Sequential:
    """`convs` times 3x3 convolution, batch norm, ReLU."""
    layers: list[tuple[str, nn.Module]] = []
    for i in range(convs):
        width = channels if i else channels_in
        layers += [
            (f"conv{i + 1}", nn.Conv2d(width, channels, KERNEL, padding=KERNEL // 2 if padding == "same" else 0)),
            (f"norm{i + 1}", nn.BatchNorm2d(channels)),
            (f"relu{i + 1}", nn.ReLU(inplace=True)),
        ]
    return nn.Sequential(OrderedDict(layers))


def down(modules: nn.ModuleList, x: Float[Tensor, "b c h w"]) -> list[Tensor]:
    """Run the blocks with 2x2 max pooling between them; the output of each block before pooling."""
    outputs: list[Tensor] = []
    for block in modules:
        x = block(F.max_pool2d(outputs[-1], 2) if outputs else x)
        outputs.append(x)
    return outputs


def initialise(net: nn.Module, generator: torch.Generator | None = None) -> None:
    """He-normal weights for every convolution (He et al. 2015) and zero biases; dense layers keep a gain of 1."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            # A transposed convolution's weight is (in, out, k, k), and since its stride equals its kernel each output
            # pixel sums over `in` values only.
            weight = module.weight if isinstance(module, nn.Conv2d) else module.weight.transpose(0, 1)[..., :1, :1]
            std = (2 / weight[0].numel()) ** 0.5
            nn.init.normal_(module.weight, 0, std, generator=generator)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, module.in_features**-0.5, generator=generator)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
