"""The extended U-Net: image and atlas branch go down, one up path reads both (Spitzer et al. 2018, section 2)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gennari.nets.encoders import make_texture
from gennari.nets.light import LightDecoder, middle
from gennari.nets.sizes import Decoder, TextureConfig, unet_sizes
from gennari.nets.texture import blocks, conv_block, down, initialise


class AreaUNet(nn.Module):
    """Window and atlas prior in, logits of the classes out.

    The atlas branch has the paper's blocks, whatever the image branch is, but no stem: its input lies on the stem's
    grid, so sizes agree at every level. Bottoms of both are concatenated, and so are the skips of both at every up
    level.

    Args:
        config: of the image branch; decides all sizes.
        classes: number of classes, tissue included.
        atlas_channels: areas in the prior; 0 builds no atlas branch.
        atlas_widths: width of each block of the atlas branch.
        generator: for the initial weights. The image branch draws first, then the rest.
        decoder: "unet"; or "light", which has no up path and reads its levels by a linear layer (`nets/light.py`).
    """

    def __init__(
        self,
        config: TextureConfig,
        classes: int,
        atlas_channels: int = 0,
        atlas_widths: Sequence[int] = (),
        generator: torch.Generator | None = None,
        decoder: Decoder = "unet",
    ):
        super().__init__()
        widths = tuple(atlas_widths) if atlas_channels else (0,) * len(config.channels)
        if len(widths) != len(config.channels):
            raise ValueError(f"atlas_widths must say one width a block ({len(config.channels)}), got {len(widths)}")
        self.config, self.classes = config, classes
        self.decoder: Decoder = decoder
        self.atlas_channels, self.atlas_widths = atlas_channels, widths if atlas_channels else ()
        self.texture = make_texture(config, generator)
        self.atlas = (
            blocks(atlas_channels, widths, config.convs, config.padding, conv_block) if atlas_channels else None
        )
        self.ups, self.up_blocks = nn.ModuleList(), nn.ModuleList()
        if decoder == "light":
            levels = slice(config.output_block, None)
            joined = [a + b for a, b in zip(config.channels[levels], widths[levels], strict=True)]
            self.classify = LightDecoder(joined, classes)
        else:
            self.classify = nn.Conv2d(self._up_path(widths), classes, 1)
        for module in (self.atlas, self.ups, self.up_blocks, self.classify):
            if module is not None:
                initialise(module, generator)

    def _up_path(self, widths: Sequence[int]) -> int:
        """Build it; the width of what it ends with."""
        config = self.config
        width = config.channels[-1] + widths[-1]
        for level in range(len(config.channels) - 2, config.output_block - 1, -1):
            self.ups.append(nn.ConvTranspose2d(width, config.channels[level], 2, stride=2))
            joined = 2 * config.channels[level] + widths[level]
            self.up_blocks.append(conv_block(joined, config.channels[level], 2, config.padding))
            width = config.channels[level]
        return width

    def forward(
        self, image: Float[Tensor, "b 1 h w"], atlas: Float[Tensor, "b a hs ws"] | None = None
    ) -> Float[Tensor, "b classes ho wo"]:
        """Logits.

        Args:
            image: normalised window.
            atlas: probabilities on the stem's grid. None: zeros stand for the branch's bottom and skips, and it does
                not run, so that its batch norm statistics stay as they are.
        """
        self._check(image, atlas)
        skips = [[x] for x in self.texture(image)]
        if atlas is not None and self.atlas is not None:
            for skip, x in zip(skips, down(self.atlas, atlas), strict=True):
                skip.append(x)
        if isinstance(self.classify, LightDecoder):
            h, w = (unet_sizes(self.config, side).output_px for side in image.shape[-2:])
            return self.classify([_join(maps) for maps in skips[self.config.output_block :]], (h, w))
        x = _join(skips.pop())
        for up, block, skip in zip(self.ups, self.up_blocks, reversed(skips[self.config.output_block :]), strict=True):
            x = _up(up, x)
            x = _first_channels(block, _join([x, *(middle(part, (x.shape[-2], x.shape[-1])) for part in skip)]))
        return self.classify(x)

    def _check(self, image: Tensor, atlas: Tensor | None) -> None:
        h, w = image.shape[-2:]
        stem = unet_sizes(self.config, h).stem_px, unet_sizes(self.config, w).stem_px
        if atlas is None:
            return
        if self.atlas is None or atlas.shape[1] != self.atlas_channels or tuple(atlas.shape[-2:]) != stem:
            raise ValueError(
                f"the atlas must have {self.atlas_channels} areas on the stem's grid {stem}, "
                f"got {atlas.shape[1]} areas on {tuple(atlas.shape[-2:])}"
            )


def _join(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _up(up: nn.Module, x: Tensor) -> Tensor:
    """Transposed convolution of the channels that are there; missing last ones (the atlas) count as zeros."""
    assert isinstance(up, nn.ConvTranspose2d)
    return F.conv_transpose2d(x, up.weight[: x.shape[1]], up.bias, stride=2)


def _first_channels(block: nn.Module, x: Tensor) -> Tensor:
    """Run a conv_block on the channels that are there; missing last ones (the atlas) count as zeros."""
    assert isinstance(block, nn.Sequential)
    conv = block[0]
    assert isinstance(conv, nn.Conv2d)
    x = F.conv2d(x, conv.weight[:, : x.shape[1]], conv.bias, padding=conv.padding)
    for layer in list(block)[1:]:
        x = layer(x)
    return x
