"""The stages that learn: the pretext task, then areas with and without it."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from gennari.data.area_batches import LabelledSection
from gennari.data.pixels import Normalisation
from gennari.execute import Report, Tick, usable_cores
from gennari.metrics.distances import DistanceError, distance_error
from gennari.nets.weights import load_siamese
from gennari.pipeline.labelled import labelled_sections
from gennari.pipeline.near import near_pairs
from gennari.pipeline.packing import patch_images
from gennari.pipeline.sampling import sections_of
from gennari.pipeline.stages import Run, run_stage
from gennari.records import PairTable, PatchTable
from gennari.sources.atomic import write_json
from gennari.sources.documents import read_json
from gennari.sources.tables import read_pairs, read_patches, read_rows, write_rows
from gennari.train.devices import fastest_device, make_fabric
from gennari.train.distances import calibrate_on, predict_distances, read_by
from gennari.train.finetune import finetune
from gennari.train.pretrain import pretrain
from gennari.train.ranks import Ranks
from gennari.train.settings import PretrainSettings

ALONE = Ranks()
VARIANTS = ("baseline", "pretrained")
"""From random weights, and from the Siamese network's; everything else is the same."""
_ERROR, _CALIBRATED = "err_dist.parquet", "err_dist_calibrated.parquet"


def pretrain_stage(run: Run, tick: Report, ranks: Ranks = ALONE, loaders: int | None = None) -> bool:
    """Pre-train the Siamese network and measure err_dist on held-out pairs.

    Args:
        run: where.
        tick: told of every step.
        ranks: processes that train together; the first writes.
        loaders: instead of the recipe's number; the result is the same.
    """
    work = partial(_pretrain, run, loaders, tick, ranks)
    return run_stage(run, "pretrain", ("sample",), work, tick, record=ranks.first)


def finetune_stage(run: Run, tick: Report, ranks: Ranks = ALONE) -> bool:
    """Fine-tune the U-Net from random and from pre-trained weights; each is a stage of its own and can be resumed.

    The first of `ranks` writes.
    """

    @cache
    def sections() -> list[LabelledSection]:
        # read once for both variants, and not at all where both are finished
        chosen = [(run.dataset.brain(name), of_brain) for name, of_brain in sections_of(run, "train").items()]
        return labelled_sections(chosen, run.experiment.texture, tick)

    done = [
        run_stage(
            run,
            f"finetune-{variant}",
            ("sample", "pretrain"),
            lambda variant=variant: _finetune(run, variant, sections(), tick, ranks),
            tick,
            record=ranks.first,
        )
        for variant in VARIANTS
    ]
    return any(done)


def weights_path(run: Run, variant: str) -> Path:
    """Where a fine-tuned network's weights are."""
    return run.path("finetune", variant, "weights.safetensors")


def pairs_of(patches: PatchTable, pairs: PairTable, split: str) -> PairTable:
    """The pairs of one part of the split (no pair crosses it)."""
    return pairs.take(patches.split[pairs.first] == split)


def read_distance_error(run: Run) -> DistanceError:
    """err_dist of the pre-trained network on held-out pairs; after calibration if it was never taught a distance."""
    taught = run.experiment.pretrain.use_distance
    (row,) = read_rows(run.path("pretrain", _ERROR if taught else _CALIBRATED))
    return DistanceError(**row)  # pyright: ignore[reportArgumentType]


def _pretrain(run: Run, loaders: int | None, tick: Report, ranks: Ranks) -> list[Path]:
    _share_cores(ranks)
    experiment, out = run.experiment, run.path("pretrain")
    settings = experiment.pretrain.model_copy(update={} if loaders is None else {"loaders": loaders})
    patches, pairs = read_patches(run.path("patches.parquet")), read_pairs(run.path("pairs.parquet"))
    images = patch_images(run, patches, settings.loaders)
    normalisation = Normalisation.of(images, np.flatnonzero(patches.split == "train"), experiment.seed, tick)
    if ranks.first:
        write_json(run.path("normalisation.json"), asdict(normalisation))
    train, test = pairs_of(patches, pairs, "train"), pairs_of(patches, pairs, "test")
    fabric = make_fabric(settings.precision, ranks)
    near = _near(run, settings, patches, tick, fabric)
    result = pretrain(
        settings, experiment.texture, images, patches, train, normalisation, out, tick, validation=test,
        fabric=fabric, near=near,
    )  # fmt: skip
    if not ranks.first:
        return []
    write_rows(out / "history.parquet", result.history)
    net = load_siamese(result.weights, experiment.texture.encoder).to(fastest_device())
    by = read_by(settings)
    predicted = predict_distances(net, images, normalisation, test, by)
    error = distance_error(predicted, test.distance_mm, constant_mm=float(np.median(train.distance_mm)))
    write_rows(out / _ERROR, [error])
    files = ["history.parquet", _ERROR, "predicted.parquet"]
    told = {"true_mm": test.distance_mm, "predicted_mm": predicted}
    if not settings.use_distance:  # never taught one: beside the raw error, that after one affine calibration
        line = calibrate_on(net, images, normalisation, train, by)
        told["calibrated_mm"] = line.apply(predicted)
        error = distance_error(told["calibrated_mm"], test.distance_mm, constant_mm=error.constant_mm)
        write_rows(out / _CALIBRATED, [error])
        files.append(_CALIBRATED)
    rows = [dict(zip(told, map(float, row), strict=True)) for row in zip(*told.values(), strict=True)]
    write_rows(out / "predicted.parquet", rows)
    return [result.weights, *(out / name for name in files)]


def _near(run: Run, settings: PretrainSettings, patches: PatchTable, tick: Report, fabric: Fabric) -> PairTable | None:
    """Near pairs for a contrast; the first process draws them, the others wait and read."""
    if settings.contrast is None:
        return None
    if not fabric.is_global_zero:
        fabric.barrier()
        return near_pairs(run, patches, settings.contrast.radius_mm, tick)
    found = near_pairs(run, patches, settings.contrast.radius_mm, tick)
    fabric.barrier()
    return found


def _finetune(run: Run, variant: str, sections: Sequence[LabelledSection], tick: Report, ranks: Ranks) -> list[Path]:
    _share_cores(ranks)
    experiment, out = run.experiment, run.path("finetune", variant)
    result = finetune(
        experiment.finetune,
        experiment.texture,
        sections,
        normalisation(run),
        run.path("pretrain", "weights.safetensors") if variant == "pretrained" else None,
        out,
        lambda t: tick(Tick(f"{t.stage} {variant}", t.done, t.total, t.note)),
        classes=len(run.dataset.label_set.names),
        fabric=make_fabric(experiment.finetune.precision, ranks),
    )
    if not ranks.first:
        return []
    write_rows(out / "history.parquet", result.history)
    return [result.weights, out / "history.parquet"]


def _share_cores(ranks: Ranks) -> None:
    torch.set_num_threads(max(1, usable_cores() // ranks.local_size))


def normalisation(run: Run) -> Normalisation:
    """The grey-value statistics of the run's training patches."""
    return read_json(run.path("normalisation.json"), Normalisation)
