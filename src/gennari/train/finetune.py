"""The supervised task: the extended U-Net learns areas from partly labelled sections, in phases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from gennari.data.area_batches import AreaBatch, AreaBatches, LabelledSection, WindowGrid
from gennari.data.pixels import Normalisation
from gennari.execute import Report
from gennari.nets.area_unet import AreaUNet
from gennari.nets.sizes import TextureConfig, unet_sizes
from gennari.nets.weights import read_tensors, save_net, transfer_texture
from gennari.records import IGNORE
from gennari.train.checkpoint import fingerprint
from gennari.train.devices import make_fabric
from gennari.train.loop import Task, train
from gennari.train.losses.areas import area_loss
from gennari.train.settings import WITHOUT_EFFECT, FinetuneSettings, Phase


@dataclass(frozen=True, kw_only=True)
class FinetuneRow:
    """Means over `log_every` steps.

    Attributes:
        phase: 0 for the first.
        step: steps done, through all phases.
        loss: cross-entropy over the labelled pixels.
        accuracy: share of the labelled pixels that are right.
        data_wait_share: part of the time that the training waited for its batches.
    """

    phase: int
    step: int
    rate: float
    loss: float
    accuracy: float
    data_wait_share: float = field(compare=False)  # the one value that a repeated run does not repeat


@dataclass(frozen=True, kw_only=True)
class FinetuneResult:
    """Where the weights are, and how training went."""

    weights: Path
    history: tuple[FinetuneRow, ...]


def finetune(
    settings: FinetuneSettings,
    texture_config: TextureConfig,
    sections: Sequence[LabelledSection],
    normalisation: Normalisation,
    init_weights: Path | None,
    out_dir: Path,
    tick: Report,
    classes: int,
    fabric: Fabric | None = None,
) -> FinetuneResult:
    """Train a U-Net, or resume, or return what is finished (Spitzer et al. 2018, sections 2 and 4).

    Args:
        settings: all hyper-parameters.
        texture_config: of the image branch.
        normalisation: of grey values.
        tick: told of every step.
        fabric: launched; device, precision and processes. By default this process alone, in the settings' precision,
            on a CUDA device or the CPU.
        sections: training sections only, on the grids of `texture_config`.
        init_weights: weights file whose texture branch the image branch starts from; None: from scratch. All other
            initial weights and all windows are the same with and without.
        out_dir: receives `weights.safetensors` and, on the way, `checkpoint.safetensors`, from the first process.
        classes: number of classes, tissue included.

    Raises:
        InputError: the window does not fit the network, `init_weights` does not fit it, the loss is not finite or
            explodes, `out_dir` holds a checkpoint of other settings or data, or device and processes do not fit the
            settings.
        Interrupted: SIGINT or SIGTERM came; the same call goes on.
    """
    fabric = fabric or make_fabric(settings.precision)
    net = _network(settings, texture_config, sections, init_weights, classes)
    task = _task(settings, net, sections, normalisation, init_weights)
    history = train(net, task, out_dir / "checkpoint.safetensors", fabric, tick)
    weights = out_dir / "weights.safetensors"
    if fabric.is_global_zero:
        save_net(weights, net, {"settings": settings.model_dump_json()})
    fabric.barrier()  # no rank leaves before the weights are there
    rows = tuple(
        FinetuneRow(phase=row.phase, step=row.step, rate=row.rate, data_wait_share=row.data_wait_share, **row.terms)
        for row in history
    )
    return FinetuneResult(weights=weights, history=rows)


def window_grid(config: TextureConfig, window_px: int) -> WindowGrid:
    """How a window of the network lies on image, output and stem grid.

    Raises:
        InputError: the window does not fit the network.
    """
    sizes = unet_sizes(config, window_px)
    return WindowGrid(
        image_px=window_px,
        image_before_px=sizes.before_px,
        stride_px=config.output_stride_px,
        output_px=sizes.output_px,
        atlas_px=sizes.atlas_px,
        atlas_before_px=sizes.atlas_before_px,
        atlas_stride_px=2**config.output_block,
    )


def _task(
    settings: FinetuneSettings,
    net: AreaUNet,
    sections: Sequence[LabelledSection],
    normalisation: Normalisation,
    init_weights: Path | None,
) -> Task[AreaBatch]:
    batches = AreaBatches(
        sections=sections,
        grid=window_grid(net.config, settings.window_px),
        normalisation=normalisation,
        batch=settings.micro_batch or settings.batch,
        seed=settings.seed,
        classes_even=settings.classes_even,
        augmentation=settings.augmentation,
    )
    return Task(
        stage="finetune",
        phases=settings.phases,
        optimiser=settings.optimiser,
        parts=partial(_parts, settings.parts),
        batch=partial(_batch, batches, settings.parts),
        weight=lambda batch: int((batch.labels != IGNORE).sum()),
        loss=_loss,
        who=lambda batch: f"windows {_places(batch, sections)}",
        groups=lambda phase: _groups(net, phase, settings.freeze_texture),
        start_training=lambda model: _training_mode(model, net, settings.freeze_texture),
        observe=dict,
        log_every=settings.log_every,
        checkpoint_every=settings.checkpoint_every,
        fingerprint=_fingerprint(settings, net, batches, init_weights),
        seed=settings.seed,
        loaders=settings.loaders,
        guard=settings.guard,
        sync_batch_norm=settings.sync_batch_norm,
    )


def _parts(parts: int, step: int) -> int:
    del step
    return parts


def _batch(batches: AreaBatches, parts: int, step: int, part: int) -> AreaBatch:
    return batches.get(step * parts + part)


def _network(
    settings: FinetuneSettings,
    config: TextureConfig,
    sections: Sequence[LabelledSection],
    init_weights: Path | None,
    classes: int,
) -> AreaUNet:
    prior = sections[0].prior
    areas = len(prior) if prior is not None and settings.atlas_widths else 0
    if any(phase.atlas for phase in settings.phases) and not areas:
        raise ValueError("a phase with the atlas needs sections with a prior; they have none")
    generator = torch.Generator().manual_seed(settings.seed)
    net = AreaUNet(config, classes, areas, settings.atlas_widths, generator, settings.decoder)
    if init_weights is not None:
        transfer_texture(init_weights, net)
    return net.to(memory_format=torch.channels_last) if settings.channels_last else net  # pyright: ignore[reportCallIssue]


def _loss(model: nn.Module, batch: AreaBatch, phase: Phase) -> Mapping[str, Tensor]:
    logits = model(batch.image, batch.atlas if phase.atlas else None)
    labelled = batch.labels != IGNORE
    right = ((logits.argmax(dim=1) == batch.labels) & labelled).sum() / labelled.sum().clamp(min=1)
    return {"loss": area_loss(logits, batch.labels), "accuracy": right}


def _groups(net: AreaUNet, phase: Phase, freeze_texture: bool) -> list[tuple[list[nn.Parameter], float]]:
    """The atlas branch has its own rate, and no part in a phase without it."""
    atlas = list(net.atlas.parameters()) if net.atlas is not None else []
    left_out = {id(p) for p in atlas} | ({id(p) for p in net.texture.parameters()} if freeze_texture else set())
    rest = [p for p in net.parameters() if id(p) not in left_out]
    return [(rest, 1.0), (atlas, phase.atlas_rate_factor)] if phase.atlas else [(rest, 1.0)]


def _training_mode(model: nn.Module, net: AreaUNet, freeze_texture: bool) -> None:
    model.train()
    if freeze_texture:
        net.texture.eval().requires_grad_(False)


def _places(batch: AreaBatch, sections: Sequence[LabelledSection]) -> str:
    """Section and first output pixel (row, col) of each window."""
    rows = batch.places.tolist()
    return ", ".join(f"{sections[i].name or f'section {i}'} at ({row}, {col})" for i, row, col in rows)


def _fingerprint(settings: FinetuneSettings, net: AreaUNet, batches: AreaBatches, init_weights: Path | None) -> str:
    start = read_tensors(init_weights)[0] if init_weights is not None else {}
    grey = (batches.normalisation.mean, batches.normalisation.std)
    return fingerprint(
        settings.model_dump_json(exclude=WITHOUT_EFFECT),
        net.config.model_dump_json(),
        repr((grey, net.classes, net.atlas_channels, [section.image.shape for section in batches.sections])),
        *(section.labels for section in batches.sections),
        *(start[name].numpy() for name in sorted(start)),
    )
