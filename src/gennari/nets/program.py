"""A trained U-Net as a program of torch.export: grey values in, probabilities out, no code of ours needed to run it."""

import copy
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export, load, save

from gennari.nets.area_unet import AreaUNet
from gennari.nets.sizes import unet_sizes
from gennari.sources.atomic import atomic_path

TOLERANCE = 1e-5
"""Probabilities of program and network differ by no more: what another order of sums does in float32."""
CHECKED = 3
"""Windows of a parity check."""


class GreyToProbabilities(nn.Module):
    """A U-Net with what stands around it: grey values 0..255 of windows in, probabilities of the classes out."""

    def __init__(self, net: AreaUNet, mean: float, std: float):
        super().__init__()
        self.net, self.mean, self.std = net, mean, std

    def forward(self, grey: Tensor, atlas: Tensor | None = None) -> Tensor:
        """Probabilities (b, classes, ho, wo) of windows (b, 1, h, w) and, if given, their prior (b, a, hs, ws)."""
        return self.net((grey / 255 - self.mean) / self.std, atlas).softmax(dim=1)


def write_program(path: Path, net: AreaUNet, mean: float, std: float, window_px: int, with_atlas: bool) -> float:
    """Write a .pt2 file for windows of one size and any batch, atomically, once it agrees with the network.

    Args:
        path: of the file, which `torch.export.load` reads.
        net: on the CPU, in evaluation mode.
        mean: of the normalisation.
        std: of the normalisation.
        window_px: side of the windows.
        with_atlas: whether the program takes the prior as its second input; the network without it is another one.

    Returns:
        The largest difference of a probability between the file, read back, and the network.

    Raises:
        ValueError: the difference is above TOLERANCE.
    """
    # weights of a net that is laid out channels last are kept in a way that the file's reader warns of
    plain = copy.deepcopy(net).to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
    whole = GreyToProbabilities(plain, mean, std).eval()
    with torch.no_grad():
        program = _export(whole, _windows(net, window_px, with_atlas, 2))
        with atomic_path(path) as temporary:
            save(program, temporary)
            difference = _difference(load(temporary), whole, _windows(net, window_px, with_atlas, CHECKED))
            if not difference <= TOLERANCE:
                raise ValueError(
                    f"an exported program must agree with its network to {TOLERANCE:g}, got {difference:g}; is the "
                    "network in evaluation mode, and this version of torch one that constraints.txt names?"
                )
    return difference


def _export(whole: GreyToProbabilities, inputs: tuple[Tensor, ...]) -> ExportedProgram:
    batch = Dim("batch", min=1)
    return export(whole, inputs, dynamic_shapes=tuple({0: batch} for _ in inputs), strict=False)


def _difference(program: ExportedProgram, whole: GreyToProbabilities, inputs: tuple[Tensor, ...]) -> float:
    return float((program.module()(*inputs) - whole(*inputs)).abs().max())


def _windows(net: AreaUNet, window_px: int, with_atlas: bool, count: int) -> tuple[Tensor, ...]:
    """Random grey values and priors, the same for the same count."""
    generator = torch.Generator().manual_seed(count)
    grey = 255 * torch.rand(count, 1, window_px, window_px, generator=generator)
    if not with_atlas:
        return (grey,)
    side = unet_sizes(net.config, window_px).atlas_px
    return grey, torch.rand(count, net.atlas_channels, side, side, generator=generator)
