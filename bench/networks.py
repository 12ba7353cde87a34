"""What bench/training.py times: forward passes and training steps, and how many operations and bytes they take."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from gennari.nets.area_unet import AreaUNet
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import KERNEL, PRESETS, TextureConfig, siamese_sizes, unet_sizes
from gennari.train.losses.areas import area_loss
from gennari.train.losses.coordinates import coordinate_loss
from gennari.train.losses.distance import distance_loss
from gennari.train.losses.penalty import pretext_loss, weight_norm

CLASSES = 16
Kind = Literal["branch", "unet"]
Pass = Literal["forward", "step"]


@dataclass(frozen=True, kw_only=True)
class Work:
    """One network at one size: what is timed."""

    kind: Kind
    side_px: int
    batch: int

    @property
    def config(self) -> TextureConfig:
        """Preset s2; the Siamese network's dense layer fits the size."""
        side = self.side_px if self.kind == "branch" else PRESETS["s2"].patch_px
        return PRESETS["s2"].model_copy(update={"patch_px": side})

    def passes(self, ours: bool, device: torch.device, autocast: bool = False) -> dict[Pass, Callable[[], object]]:
        """A forward pass (evaluation) and a training step, with plain SGD as in the paper.

        Args:
            ours: the memory layout that gennari trains in; else plain eager torch, all tensors contiguous.
            device: where.
            autocast: bf16 where torch deems it safe.
        """
        layout = torch.channels_last if ours else torch.contiguous_format
        net = self.network().to(device).to(memory_format=layout)  # pyright: ignore[reportCallIssue]
        images = torch.randn(self.batch, 1, self.side_px, self.side_px, device=device)
        loss = self._pretext(images, device) if self.kind == "branch" else self._areas(images, device)
        optimiser = torch.optim.SGD(net.parameters(), lr=1e-6, momentum=0.9, nesterov=True)

        def forward() -> None:
            net.eval()
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=autocast):
                net.features(images) if isinstance(net, SiameseNet) else net(images, None)

        def step() -> None:
            net.train()
            optimiser.zero_grad()
            with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
                value = loss(net)
            value.backward()
            optimiser.step()

        return {"forward": forward, "step": step}

    def network(self) -> nn.Module:
        """The network, on the CPU."""
        generator = torch.Generator().manual_seed(0)
        if self.kind == "branch":
            return SiameseNet(self.config, generator)
        return AreaUNet(self.config, CLASSES, 0, (), generator)

    def _pretext(self, images: Tensor, device: torch.device) -> Callable[[nn.Module], Tensor]:
        """Eq. (3) of pairs (k, k + 1)."""
        distance, place = torch.rand(self.batch, device=device), torch.rand(self.batch, 3, device=device)

        def loss(net: nn.Module) -> Tensor:
            features, predicted = net(images)
            near = distance_loss(features, features.roll(1, 0), distance)
            where = 2 * coordinate_loss(predicted, place)
            return torch.as_tensor(pretext_loss(near, where, weight_norm(net.texture.parameters()), 10.0, 0.001))

        return loss

    def _areas(self, images: Tensor, device: torch.device) -> Callable[[nn.Module], Tensor]:
        out = unet_sizes(self.config, self.side_px).output_px
        labels = torch.randint(CLASSES, (self.batch, out, out), device=device)
        return lambda net: area_loss(net(images, None).float(), labels)


@cache
def counted(work: Work) -> dict[Pass, tuple[float, float]]:
    """(operations, bytes) of one image, forward and in a training step; counted over two images on the CPU."""
    pair = Work(kind=work.kind, side_px=work.side_px, batch=2)
    found: dict[Pass, tuple[float, float]] = {}
    for name, run in pair.passes(ours=True, device=torch.device("cpu")).items():
        run()
        with FlopCounterMode(display=False) as flops, Traffic() as traffic:
            run()
        found[name] = (flops.get_total_flops() / pair.batch, traffic.bytes / pair.batch)
    _cross_check(work, found["forward"][0])
    return found


class Traffic(TorchDispatchMode):
    """Counts the bytes of the tensors that each operation reads and writes, as if each came from memory once.

    That is what eager execution moves at least, while its tensors are larger than the caches.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Run the operation and count it, unless it only looks at a tensor in another way."""
        out = func(*args, **(kwargs or {}))
        returns = func._schema.returns
        if not any(r.alias_info is not None and not r.alias_info.is_write for r in returns):
            read = [] if func._schema.name.startswith("aten::empty") else tree_leaves((args, kwargs))
            both = [*read, *tree_leaves(out)]
            self.bytes += sum(t.numel() * t.element_size() for t in both if isinstance(t, Tensor))
        return out


def _cross_check(work: Work, flops: float) -> None:
    """The counter against the convolutions' sizes, which `nets/sizes.py` computes without torch."""
    if work.kind != "branch":
        return
    config, sizes = work.config, siamese_sizes(work.config, work.side_px)
    total = 2 * config.stem_kernel**2 * config.stem_channels * sizes.stem_px**2
    width = config.stem_channels
    for channels, sides in zip(config.channels, sizes.blocks, strict=True):
        for side in sides:
            total += 2 * KERNEL**2 * width * channels * side**2
            width = channels
    total += 2 * config.features * config.channels[-1] * sizes.cells_px**2
    if abs(flops / total - 1) > 1e-3:
        raise RuntimeError(f"operations of the branch must be {total:.4g} by its sizes, but {flops:.4g} were counted")
