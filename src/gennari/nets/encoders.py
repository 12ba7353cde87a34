"""The encoder slot: image in, one feature map a level out, for the Siamese network and the U-Net alike."""

import copy
from importlib import import_module

import torch
from torch import Tensor, nn

from gennari.errors import InputError
from gennari.nets.field_of_view import seen_by_cell_px
from gennari.nets.residual import ResidualBlock
from gennari.nets.sizes import TextureConfig, unet_sizes, valid_inputs
from gennari.nets.texture import TextureBranch


def make_texture(config: TextureConfig, generator: torch.Generator | None = None) -> nn.Module:
    """The texture branch that a config asks for: images (b, 1, h, w) to a list of maps, finest first.

    A class by import path is imported and called with the config alone, so the config must be the user's own (weights
    and models of others are refused before they come here). What it makes must hold to what the config declares: one
    map a block on the stem's grid, halved from block to block, `channels` wide and, with "valid" padding, cropped as
    the paper's; and no pixel may see further than `convs` 3x3 convolutions a block do, since tiles of a section are
    read with that much around them.

    Args:
        config: `encoder` says which; all else, how wide, how deep and on which grids.
        generator: for the initial weights.

    Raises:
        InputError: there is no such class, or what it gives is not what the config declares.
    """
    if config.encoder == "residual":
        return TextureBranch(config, generator, ResidualBlock)
    if config.encoder == "paper":
        return TextureBranch(config, generator)
    net = _built(_imported(config.encoder), config, generator)
    _check(net, config)
    return net


def _imported(path: str) -> type[nn.Module]:
    module, _, name = path.partition(":")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"encoder '{path}' must name a class that Python can import, but: {error}; install its package, or put its "
            "folder into PYTHONPATH"
        ) from error
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise InputError(f"encoder '{path}' must name a class of torch.nn.Module, got {found!r}; name another")
    return found


def _built(kind: type[nn.Module], config: TextureConfig, generator: torch.Generator | None) -> nn.Module:
    """Called with the config; its weights follow the generator, and torch's own is left as it was."""
    if generator is None:
        return kind(config)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(torch.randint(2**62, (), generator=generator, device="cpu")))
        return kind(config)


def _check(net: nn.Module, config: TextureConfig) -> None:
    """Passes of a copy over the smallest window in whose middle a bottom cell sees all that it may."""
    first, last = seen_by_cell_px(config, len(config.channels) - 1)
    span = last - first + 1 + 2 * config.period_px
    side = valid_inputs(config, span, 2 * span + 8 * config.period_px)[0]
    copied = copy.deepcopy(net).eval()
    device = next((p.device for p in net.parameters()), torch.device("cpu"))
    image = torch.zeros(1, 1, side, side, device=device)
    _check_shapes(_maps(copied, image, config), config, side)
    for level in range(len(config.channels) if device.type != "meta" else 0):
        _check_view(copied, image, config, level)


@torch.no_grad()
def _maps(net: nn.Module, image: Tensor, config: TextureConfig) -> object:
    try:
        return net(image)
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"encoder '{config.encoder}' must read images of shape (b, 1, h, w), but on {tuple(image.shape)} it fails: "
            f"{error}; mend it"
        ) from error


def _check_shapes(maps: object, config: TextureConfig, side: int) -> None:
    wanted = [(1, c, px, px) for c, px in zip(config.channels, unet_sizes(config, side).blocks, strict=True)]
    given = (
        [tuple(x.shape) if isinstance(x, Tensor) else type(x) for x in maps] if isinstance(maps, list | tuple) else maps
    )
    if given != wanted:
        raise InputError(
            f"encoder '{config.encoder}' must give the maps that its config declares (stride, channels, convs, "
            f"padding), a list of {wanted} for a window of {side} px, got {given}; mend one of the two"
        )


@torch.no_grad()
def _check_view(net: nn.Module, image: Tensor, config: TextureConfig, level: int) -> None:
    """The middle cell stays a number whatever is beyond the declared field of view: NaN passes every layer."""
    stride = config.stem_stride * 2**level
    cell = unet_sizes(config, image.shape[-1]).blocks[level] // 2
    first, last = (at + cell * stride for at in seen_by_cell_px(config, level))
    beyond = torch.full_like(image, torch.nan)
    beyond[..., first : last + 1, first : last + 1] = 0
    if not torch.isfinite(net(beyond)[level][..., cell, cell]).all():
        raise InputError(
            f"encoder '{config.encoder}' must see no further than its config declares, or tiles of a section would not "
            f"agree with the whole, but a cell of level {level} sees more than pixels {first} to {last}; declare more "
            "convs, or let it see less"
        )
