"""The pretext task: a Siamese network learns how far apart two patches lie along the cortex, and where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from gennari.data.pair_batches import PairBatch, PairBatches, further_targets
from gennari.data.patch_images import PatchImages
from gennari.data.pixels import Normalisation
from gennari.errors import InputError
from gennari.execute import Report
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import TextureConfig
from gennari.nets.weights import save_net
from gennari.records import PairTable, PatchTable
from gennari.sampling.near import add_near, equal_work
from gennari.train.checkpoint import LogRow, fingerprint
from gennari.train.contrast_term import keys_of_all
from gennari.train.devices import make_fabric
from gennari.train.distances import calibrate, predict_distances, read_by
from gennari.train.loop import Task, train
from gennari.train.pretext import pretext_terms
from gennari.train.settings import WITHOUT_EFFECT, PretrainSettings

KEPT = "kept"
"""Folder of weights kept on the way."""


@dataclass(frozen=True, kw_only=True)
class PretrainRow:
    """Means over an epoch (or `log_every` steps).

    Attributes:
        step: steps done.
        epoch: epochs done.
        loss: eq. (3), in the network's units.
        distance_loss: eq. (1).
        coordinate_loss: eq. (2), summed over both patches, without alpha.
        weight_norm: without lambda.
        curvature_loss: of that further target, in standard deviations, summed over both patches, without its weight; 0
            where it is not asked for. `plane_loss` the same.
        distance_share: the part of the gradient on f(x) that comes from eq. (1): its norm over the sum of the norms of
            all terms' gradients. `coordinate_share`, `curvature_share`, `plane_share` and `contrast_share` are the
            other terms'.
        err_dist_mm: mean error on the validation pairs; NaN without any. Where neither distances nor coordinates are
            taught, that of the features after a line fitted to the same pairs.
        data_wait_share: part of the time that the training waited for its batches.
    """

    step: int
    epoch: float
    rate: float
    loss: float
    distance_loss: float
    coordinate_loss: float
    weight_norm: float
    distance_share: float
    coordinate_share: float
    err_dist_mm: float
    data_wait_share: float = field(compare=False)  # the one value that a repeated run does not repeat
    curvature_loss: float = 0.0
    curvature_share: float = 0.0
    plane_loss: float = 0.0
    plane_share: float = 0.0
    contrast_loss: float = 0.0
    contrast_share: float = 0.0


@dataclass(frozen=True, kw_only=True)
class PretrainResult:
    """Where the weights are, and how training went."""

    weights: Path
    history: tuple[PretrainRow, ...]


def pretrain(
    settings: PretrainSettings,
    texture_config: TextureConfig,
    images: PatchImages,
    patches: PatchTable,
    pairs: PairTable,
    normalisation: Normalisation,
    out_dir: Path,
    tick: Report,
    validation: PairTable | None = None,
    fabric: Fabric | None = None,
    near: PairTable | None = None,
) -> PretrainResult:
    """Train a Siamese network, or resume, or return what is finished (Spitzer et al. 2018, section 3).

    Args:
        settings: all hyper-parameters.
        texture_config: of the texture branch.
        patches: what is known of each image; places on the inflated surface are the targets of eq. (2).
        normalisation: of grey values.
        tick: told of every step.
        fabric: launched; device, precision and processes. By default this process alone, in the settings' precision,
            on a CUDA device or the CPU.
        images: one a row of `patches`, of the config's patch size and spacing.
        pairs: training pairs only.
        validation: held-out pairs (rows of the same table); err_dist on them is logged and decides nothing.
        out_dir: receives `weights.safetensors` and, on the way, `checkpoint.safetensors`, from the first process; and
            `kept/` (`kept_weights`) where the settings ask for it.
        near: pairs that lie near each other, for a contrast (`pipeline/near.py`): a contrast alone learns from these,
            beside other terms every other pair is one of them. Either way an epoch runs as many patches as without.

        InputError: the loss is not finite or explodes, there is a contrast and no near pair, `out_dir` holds a
            checkpoint of other settings or data, or device and processes do not fit the settings.
        Interrupted: SIGINT or SIGTERM came; the same call goes on.
    """
    fabric = fabric or make_fabric(settings.precision)
    learned, count = _learned(settings, pairs, near)
    batches = PairBatches(
        images=images,
        patches=patches,
        pairs=learned,
        count=count,
        normalisation=normalisation,
        batch=settings.micro_batch or settings.batch,
        seed=settings.seed,
        augmentation=settings.augmentation,
        further=tuple(settings.further),
    )
    net = _network(settings, texture_config, batches)
    task = _task(settings, net, batches, validation, out_dir, fabric)
    history = train(net, task, out_dir / "checkpoint.safetensors", fabric, tick)
    weights = out_dir / "weights.safetensors"
    if fabric.is_global_zero:
        _save(net, settings, weights)
    fabric.barrier()  # no rank leaves before the weights are there
    steps = _steps_per_epoch(settings, batches)
    return PretrainResult(weights=weights, history=tuple(_row(row, steps) for row in history))


def _learned(settings: PretrainSettings, pairs: PairTable, near: PairTable | None) -> tuple[PairTable, int | None]:
    """The pairs to learn from, and how many make an epoch (None: all)."""
    if settings.contrast is None:
        return pairs, None
    if near is None or not len(near):
        raise InputError(
            f"a contrast needs pairs within {settings.contrast.radius_mm:g} mm of each other, got none; give `near`, "
            "enlarge radius_mm or sample more patches"
        )
    learned = near if settings.contrast_alone else add_near(pairs, near)
    return learned, equal_work(learned, pairs, settings.micro_batch or settings.batch)


def _task(
    settings: PretrainSettings,
    net: SiameseNet,
    batches: PairBatches,
    validation: PairTable | None,
    out_dir: Path,
    fabric: Fabric,
) -> Task[PairBatch]:
    across_ranks = settings.contrast is not None and settings.contrast.across_ranks and fabric.world_size > 1
    steps, pairs, normalisation = _steps_per_epoch(settings, batches), batches.pairs, batches.normalisation
    return Task(
        stage="pretrain",
        phases=(settings.phase(steps),),
        optimiser=settings.optimiser,
        parts=partial(_parts, batches.per_epoch, steps, settings.parts),
        batch=partial(_batch, batches, steps, settings.parts),
        weight=lambda batch: len(batch.first),
        loss=pretext_terms(net, settings, partial(keys_of_all, fabric) if across_ranks else None),
        who=lambda batch: f"patches {', '.join(map(str, batch.rows.tolist()))}",
        groups=lambda _phase: [(list(net.parameters()), 1.0)],
        start_training=lambda model: model.train(),
        observe=lambda: _validate(net, batches, validation, settings),
        log_every=settings.log_every or steps,
        checkpoint_every=settings.checkpoint_every,
        fingerprint=fingerprint(
            settings.model_dump_json(exclude=WITHOUT_EFFECT),
            net.config.model_dump_json(),
            repr((normalisation.mean, normalisation.std, len(batches.images), batches.images.side_px)),
            pairs.first,
            pairs.second,
            pairs.distance_mm,
            further_targets(batches.patches, batches.further),
        ),
        seed=settings.seed,
        loaders=settings.loaders,
        guard=settings.guard,
        sync_batch_norm=settings.sync_batch_norm,
        across_ranks=across_ranks,
        keep_every=settings.keep_every,
        keep=lambda step: _save(net, settings, out_dir / KEPT / f"{step:08d}.safetensors"),
    )


def kept_weights(out_dir: Path) -> dict[int, Path]:
    """Weights that a pre-training kept on its way, by the number of steps done, in their order."""
    return {int(path.stem): path for path in sorted((out_dir / KEPT).glob("*.safetensors"))}


def _save(net: SiameseNet, settings: PretrainSettings, path: Path) -> None:
    save_net(path, net, {"settings": settings.model_dump_json()})


def _steps_per_epoch(settings: PretrainSettings, batches: PairBatches) -> int:
    return -(-batches.per_epoch // settings.parts)


def _network(settings: PretrainSettings, config: TextureConfig, batches: PairBatches) -> SiameseNet:
    projection = settings.contrast.projection if settings.contrast else None
    net = SiameseNet(config, torch.Generator().manual_seed(settings.seed), batches.further, projection)
    used = np.unique(np.concatenate([batches.pairs.first, batches.pairs.second]))
    net.scale_mm.fill_(settings.distance_scale_mm)
    net.centre_mm.copy_(torch.from_numpy(batches.patches.inflated_mm[used].mean(axis=0)))
    if batches.further:
        targets = further_targets(batches.patches.take(used), batches.further)
        net.further_mean.copy_(torch.from_numpy(targets.mean(axis=0)))
        net.further_sd.copy_(torch.from_numpy(np.maximum(targets.std(axis=0), 1e-6)))
    return net.to(memory_format=torch.channels_last) if settings.channels_last else net  # pyright: ignore[reportCallIssue]


def _parts(per_epoch: int, steps_per_epoch: int, parts: int, step: int) -> int:
    """Micro-batches of a step; an epoch's last step has what is left."""
    return min(parts, per_epoch - step % steps_per_epoch * parts)


def _batch(batches: PairBatches, steps_per_epoch: int, parts: int, step: int, part: int) -> PairBatch:
    return batches.get(step // steps_per_epoch, step % steps_per_epoch * parts + part)


def _validate(
    net: SiameseNet, batches: PairBatches, pairs: PairTable | None, settings: PretrainSettings
) -> Mapping[str, float]:
    if pairs is None or not len(pairs):
        return {"err_dist_mm": float("nan")}
    predicted = predict_distances(net, batches.images, batches.normalisation, pairs, read_by(settings))
    if settings.contrast_alone:
        predicted = calibrate(predicted, pairs.distance_mm).apply(predicted)
    return {"err_dist_mm": float(np.abs(predicted - pairs.distance_mm).mean())}


def _row(row: LogRow, steps_per_epoch: int) -> PretrainRow:
    return PretrainRow(
        step=row.step, epoch=row.step / steps_per_epoch, rate=row.rate, data_wait_share=row.data_wait_share, **row.terms
    )
