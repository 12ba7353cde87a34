"""Weights on disk: safetensors with the network's config beside the tensors, and their way from net to net by name."""

from collections.abc import Callable, Mapping, Set
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import torch
from pydantic import BaseModel, ConfigDict, model_serializer
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from gennari.errors import InputError
from gennari.nets.area_unet import AreaUNet
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import KERNEL, Decoder, TextureConfig, dense_inputs
from gennari.sources.atomic import atomic_path
from gennari.sources.documents import load_json, parse

Net = TypeVar("Net", bound=nn.Module)
_TEXTURE = "texture."
_DROPPED = "projection."
"""A head that serves the training alone."""
_SPARE = 1_000_000
"""Numbers of a layer that nobody minds, whatever the file holds."""
_FREE = {"patch_px", "features", "output_level", "pooling"}
"""What may differ between two nets that share texture weights: it changes no layer of the branch."""


class NetRecord(BaseModel):
    """What a weights file says of the network it belongs to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    config: TextureConfig
    further: tuple[str, ...] = ()
    classes: int = 0
    atlas_channels: int = 0
    atlas_widths: tuple[int, ...] = ()
    decoder: Decoder = "unet"

    @model_serializer(mode="wrap")
    def _without_what_came_later(self, plain: Callable[["NetRecord"], dict[str, object]]) -> dict[str, object]:
        # an older gennari reads what it can build
        values = plain(self)
        return values if self.decoder != "unet" else {key: value for key, value in values.items() if key != "decoder"}


def describe(net: SiameseNet | AreaUNet) -> NetRecord:
    """The record of a network."""
    if isinstance(net, SiameseNet):
        return NetRecord(kind="siamese", config=net.config, further=net.further)
    return NetRecord(
        kind="area-unet",
        config=net.config,
        classes=net.classes,
        atlas_channels=net.atlas_channels,
        atlas_widths=net.atlas_widths,
        decoder=net.decoder,
    )


def save_net(path: Path, net: SiameseNet | AreaUNet, notes: Mapping[str, str] | None = None) -> None:
    """Write weights, buffers and record of a network; `notes` go into the metadata as they are."""
    kept = {name: value for name, value in net.state_dict().items() if not name.startswith(_DROPPED)}
    write_tensors(path, kept, {**(notes or {}), "net": describe(net).model_dump_json()})


def load_siamese(path: Path, trusted: str = "") -> SiameseNet:
    """The Siamese network of a weights file, in evaluation mode.

    Args:
        path: of the file.
        trusted: the encoder of the caller's own recipe. Weights whose encoder is a class by import path are read only
            where it is this one: what a file says is never enough to import and run code.

    Raises:
        InputError: no such file, cut short, of another network, with weights that are not finite, or with an encoder
            that is not trusted.
    """
    tensors, record = _read_net(path, "siamese", trusted)
    return _filled(partial(SiameseNet, record.config, further=record.further), tensors, record, path)


def load_area_unet(path: Path, trusted: str = "") -> AreaUNet:
    """The U-Net of a weights file, in evaluation mode; arguments and errors are those of `load_siamese`."""
    tensors, record = _read_net(path, "area-unet", trusted)
    build = partial(
        AreaUNet, record.config, record.classes, record.atlas_channels, record.atlas_widths, decoder=record.decoder
    )
    return _filled(build, tensors, record, path)


def transfer_texture(path: Path, net: SiameseNet | AreaUNet) -> None:
    """Copy the texture branch of a weights file into `net`, batch norm statistics included; nothing else is touched.

    Raises:
        InputError: the branches differ; the message names the setting, or the layers that are missing, left over or of
            another shape.
    """
    tensors, metadata = read_tensors(path)
    theirs, ours = _record(metadata, path).config, net.config
    branch = {name: value for name, value in tensors.items() if name.startswith(_TEXTURE)}
    wanted = {name: value for name, value in net.state_dict().items() if name.startswith(_TEXTURE)}
    _check_same(theirs, ours, {"encoder"}, path)
    _check_names(branch, wanted, path)
    _check_finite(branch, path)
    _check_same(theirs, ours, TextureConfig.model_fields.keys() - _FREE, path)
    net.load_state_dict(branch, strict=False)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file, atomically."""
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(plain, temporary, dict(metadata))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """(tensors, metadata) of a safetensors file, on the CPU.

    Raises:
        InputError: no such file, or cut short.
    """
    if not path.is_file():
        raise InputError(f"{path} must be a weights file, but there is none; was the training that writes it run?")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, AttributeError) as error:  # the last: a type torch does not know
        raise InputError(f"{path} must be a whole safetensors file ({error}); train again or restore it") from error


def _record(metadata: Mapping[str, str], path: Path) -> NetRecord:
    if "net" not in metadata:
        raise InputError(f"{path} must say which network it belongs to, but its metadata has no 'net'; is it ours?")
    return parse(load_json(metadata["net"], str(path)), NetRecord, str(path))


def _read_net(path: Path, kind: str, trusted: str) -> tuple[dict[str, Tensor], NetRecord]:
    tensors, metadata = read_tensors(path)
    record = _record(metadata, path)
    if record.kind != kind:
        raise InputError(f"{path} must hold a {kind} network, got a {record.kind}; give the other stage's weights")
    if record.config.foreign and record.config.encoder != trusted:
        raise InputError(
            f"code is run only for an encoder that the recipe itself names, but {path} asks for "
            f"'{record.config.encoder}'; if you trust that code, name it in the recipe"
        )
    return tensors, record


def _filled(build: Callable[[], Net], tensors: Mapping[str, Tensor], record: NetRecord, path: Path) -> Net:
    """A network of these weights; none is built for a record that asks for far more than the file holds."""
    held = sum(value.numel() for value in tensors.values())
    branch = 0 if record.config.foreign else sum(record.config.convs)
    layers = branch + len(record.atlas_widths) + len(record.further)
    if layers > len(tensors) or _largest_layer(record) > _SPARE + 8 * held:
        raise InputError(
            f"{path} speaks of a larger network than it holds ({len(tensors)} tensors of {held} numbers); copy it again"
        )
    net = build()
    _check_names(tensors, net.state_dict(), path)
    _check_finite(tensors, path)
    net.load_state_dict(dict(tensors))
    return net.eval().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _largest_layer(record: NetRecord) -> int:
    """At least how many numbers the largest layer of a network takes."""
    config, atlas = record.config, (record.atlas_channels, *record.atlas_widths)
    widths = () if config.foreign else (config.stem_channels, *config.channels)
    dense = config.features * dense_inputs(config) if record.kind == "siamese" else 0
    return max(
        config.stem_kernel**2 * config.stem_channels if widths else 0,
        *(KERNEL**2 * a * b for a, b in (*pairwise(widths), *pairwise(atlas))),
        KERNEL**2 * max(widths) ** 2 if widths and max(config.convs) > 1 else 0,
        dense,
        record.classes,
    )


def _check_same(theirs: TextureConfig, ours: TextureConfig, keys: Set[str], path: Path) -> None:
    for key in TextureConfig.model_fields:
        if key in keys and getattr(theirs, key) != getattr(ours, key):
            raise InputError(
                f"texture weights must come from a branch of the same config; {path} has "
                f"{key} = {getattr(theirs, key)}, the network {getattr(ours, key)}; use one preset for both"
            )


def _check_names(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: Path) -> None:
    missing, left = sorted(wanted.keys() - given.keys()), sorted(given.keys() - wanted.keys())
    shapes = [name for name in sorted(given.keys() & wanted.keys()) if given[name].shape != wanted[name].shape]
    if not (missing or left or shapes):
        return
    problems = [f"{what}: {_some(names)}" for what, names in (("missing", missing), ("left over", left)) if names]
    problems += [f"{name} has shape {tuple(given[name].shape)}, not {tuple(wanted[name].shape)}" for name in shapes[:1]]
    raise InputError(
        f"the weights in {path} must fit the network layer by layer; {'; '.join(problems)}; use the preset they were "
        f"trained with"
    )


def _check_finite(tensors: Mapping[str, Tensor], path: Path) -> None:
    """One NaN makes all outputs NaN, and the class of the largest output the first one, without a word."""
    for name, value in tensors.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise InputError(
                f"the weights in {path} must be finite, but {name} is not; train again, or take an earlier checkpoint"
            )


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
