"""The pretext task: a Siamese network learns how far apart two patches lie along the cortex, and where."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from lightning_fabric import Fabric
from torch import Tensor, nn

from gennari.data.pair_batches import PairBatch, PairBatches
from gennari.data.pixels import Normalisation
from gennari.execute import Report
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import TextureConfig
from gennari.nets.weights import save_net
from gennari.records import PairTable, PatchTable
from gennari.train.checkpoint import LogRow, fingerprint
from gennari.train.devices import make_fabric
from gennari.train.distances import predict_distances
from gennari.train.loop import Task, train
from gennari.train.losses import coordinate_loss, distance_loss, pretext_loss, weight_norm
from gennari.train.settings import WITHOUT_EFFECT, Phase, PretrainSettings


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
        distance_share: the part of the gradient on f(x) that comes from eq. (1): its norm over the sum of the norms of
            both terms' gradients.
        err_dist_mm: mean error on the validation pairs; NaN without any.
    """

    step: int
    epoch: float
    rate: float
    loss: float
    distance_loss: float
    coordinate_loss: float
    weight_norm: float
    distance_share: float
    err_dist_mm: float


@dataclass(frozen=True, kw_only=True)
class PretrainResult:
    """Where the weights are, and how training went."""

    weights: Path
    history: tuple[PretrainRow, ...]


def pretrain(
    settings: PretrainSettings,
    texture_config: TextureConfig,
    images: UInt8[np.ndarray, "n h w"],
    patches: PatchTable,
    pairs: PairTable,
    normalisation: Normalisation,
    out_dir: Path,
    tick: Report,
    validation: PairTable | None = None,
    fabric: Fabric | None = None,
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
        out_dir: receives `weights.safetensors` and, on the way, `checkpoint.safetensors`, from the first process.

    Raises:
        InputError: the loss is not finite or explodes, `out_dir` holds a checkpoint of other settings or data, or
            device and processes do not fit the settings.
        Interrupted: SIGINT or SIGTERM came; the same call goes on.
    """
    fabric = fabric or make_fabric(settings.precision)
    batches = PairBatches(
        images=images,
        patches=patches,
        pairs=pairs,
        normalisation=normalisation,
        batch=settings.micro_batch or settings.batch,
        seed=settings.seed,
        augmentation=settings.augmentation,
    )
    net = _network(settings, texture_config, batches)
    task = _task(settings, net, batches, validation)
    history = train(net, task, out_dir / "checkpoint.safetensors", fabric, tick)
    weights = out_dir / "weights.safetensors"
    if fabric.is_global_zero:
        save_net(weights, net, {"settings": settings.model_dump_json()})
    fabric.barrier()  # no rank leaves before the weights are there
    steps = _steps_per_epoch(settings, batches)
    return PretrainResult(weights=weights, history=tuple(_row(row, steps) for row in history))


def _task(
    settings: PretrainSettings, net: SiameseNet, batches: PairBatches, validation: PairTable | None
) -> Task[PairBatch]:
    steps, pairs, normalisation = _steps_per_epoch(settings, batches), batches.pairs, batches.normalisation
    return Task(
        stage="pretrain",
        phases=(settings.phase(steps),),
        optimiser=settings.optimiser,
        parts=lambda step: _parts(batches, step, steps, settings),
        batch=lambda step, part: batches.get(step // steps, step % steps * settings.parts + part),
        weight=lambda batch: len(batch.first),
        loss=_loss(net, settings),
        who=lambda batch: f"patches {', '.join(map(str, batch.rows.tolist()))}",
        groups=lambda _phase: [(list(net.parameters()), 1.0)],
        start_training=lambda model: model.train(),
        observe=lambda: _validate(net, batches, validation, settings),
        log_every=settings.log_every or steps,
        checkpoint_every=settings.checkpoint_every,
        fingerprint=fingerprint(
            settings.model_dump_json(exclude=WITHOUT_EFFECT),
            net.config.model_dump_json(),
            repr((normalisation.mean, normalisation.std, batches.images.shape)),
            pairs.first,
            pairs.second,
            pairs.distance_mm,
        ),
        seed=settings.seed,
        guard=settings.guard,
        sync_batch_norm=settings.sync_batch_norm,
    )


def _steps_per_epoch(settings: PretrainSettings, batches: PairBatches) -> int:
    return -(-batches.per_epoch // settings.parts)


def _network(settings: PretrainSettings, config: TextureConfig, batches: PairBatches) -> SiameseNet:
    net = SiameseNet(config, torch.Generator().manual_seed(settings.seed))
    used = np.unique(np.concatenate([batches.pairs.first, batches.pairs.second]))
    net.scale_mm.fill_(settings.distance_scale_mm)
    net.centre_mm.copy_(torch.from_numpy(batches.patches.inflated_mm[used].mean(axis=0)))
    return net.to(memory_format=torch.channels_last) if settings.channels_last else net  # pyright: ignore[reportCallIssue]


def _parts(batches: PairBatches, step: int, steps_per_epoch: int, settings: PretrainSettings) -> int:
    """Micro-batches of a step; an epoch's last step has what is left."""
    return min(settings.parts, batches.per_epoch - step % steps_per_epoch * settings.parts)


def _loss(net: SiameseNet, settings: PretrainSettings) -> Callable[[nn.Module, PairBatch, Phase], Mapping[str, Tensor]]:
    """Eq. (3) of one batch and its terms. The model is `net`, perhaps wrapped."""

    def terms(model: nn.Module, batch: PairBatch, phase: Phase) -> Mapping[str, Tensor]:
        del phase
        features, predicted = model(batch.images)
        places = (batch.places_mm - net.centre_mm) / net.scale_mm
        one, two = batch.first, batch.second
        distance = distance_loss(features[one], features[two], batch.distance_mm / net.scale_mm)
        coordinates = coordinate_loss(predicted[one], places[one]) + coordinate_loss(predicted[two], places[two])
        norm = weight_norm(net.texture.parameters(), settings.squared_norm)
        loss = pretext_loss(
            distance if settings.use_distance else 0.0,
            coordinates if settings.use_coordinates else 0.0,
            norm,
            settings.alpha,
            settings.weight_penalty,
        )
        parts = (distance * settings.use_distance, settings.alpha * coordinates * settings.use_coordinates)
        return {
            "loss": torch.as_tensor(loss),
            "distance_loss": distance,
            "coordinate_loss": coordinates,
            "weight_norm": norm,
            "distance_share": _share(*parts, features),
        }

    return terms


def _share(one: Tensor, other: Tensor, features: Tensor) -> Tensor:
    """The first term's part of the gradient on the features."""
    norms = [torch.autograd.grad(term, features, retain_graph=True)[0].norm() for term in (one, other)]
    return norms[0] / (norms[0] + norms[1]).clamp(min=1e-12)


def _validate(
    net: SiameseNet, batches: PairBatches, pairs: PairTable | None, settings: PretrainSettings
) -> Mapping[str, float]:
    if pairs is None or not len(pairs):
        return {"err_dist_mm": float("nan")}
    by = "features" if settings.use_distance else "coordinates"
    predicted = predict_distances(net, batches.images, batches.normalisation, pairs, by)
    return {"err_dist_mm": float(np.abs(predicted - pairs.distance_mm).mean())}


def _row(row: LogRow, steps_per_epoch: int) -> PretrainRow:
    return PretrainRow(step=row.step, epoch=row.step / steps_per_epoch, rate=row.rate, **row.terms)
