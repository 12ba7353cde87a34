"""The pre-trainings of a comparison: one for each objective, encoder and seed, and what is known of it."""

import time
from pathlib import Path

import numpy as np
import torch

from gennari.execute import silent
from gennari.metrics.distances import DistanceError, distance_error
from gennari.nets.siamese import SiameseNet
from gennari.nets.weights import load_siamese
from gennari.pipeline.compare_arena import Arena, near_for, set_for
from gennari.pipeline.compare_borders import border_signal
from gennari.pipeline.compare_cells import BorderSignal, Pretrained
from gennari.pipeline.compare_plans import Plan
from gennari.pipeline.pretext_sets import patches_in, set_of_run
from gennari.pipeline.probing import probe_f1
from gennari.pipeline.reproduction import Work, save_untrained
from gennari.recipes.comparisons import Comparison
from gennari.sampling.near import patches_run
from gennari.sources.atomic import write_json
from gennari.sources.documents import read_json
from gennari.train.devices import fastest_device
from gennari.train.distances import calibrate_on, predict_distances, read_by
from gennari.train.pretrain import pretrain
from gennari.train.settings import PretrainSettings

Pretraining = tuple[str, str, int]
"""Objective, encoder, seed."""


def pretraining_of(recipe: Comparison, plan: Plan) -> Pretraining | None:
    """The pre-training that a planned cell starts from; None without any."""
    objective = recipe.objective(plan.objective)
    return None if objective.settings is None else (objective.taught_as or objective.name, plan.encoder, plan.seed)


def weights_of(arena: Arena, task: Pretraining) -> Path:
    """Where a pre-training's weights stand."""
    return arena.folder("pretext", *task) / "weights.safetensors"


def pretrain_by(arena: Arena, task: Pretraining) -> Pretrained:
    """Pre-train, or resume, or read what is finished; for worker processes.

    What was finished without its border signal is given one where that is asked for.
    """
    path = arena.folder("pretext", *task) / "result.json"
    if path.exists():
        known = read_json(path, Pretrained)
        if known.borders is None and arena.borders:
            torch.set_num_threads(arena.work.threads)
            known = known.model_copy(update={"borders": _borders(arena, _net(arena, task))})
            write_json(path, known)
        return known
    torch.set_num_threads(arena.work.threads)
    began = time.monotonic()
    settings, patches, passes = _train(arena, task)
    seconds = round(time.monotonic() - began, 1)
    work, fold = arena.work, arena.fold
    net = _net(arena, task)
    error = _error(work, net, settings)
    known = probe_f1(net, work.store, work.normalisation, fold.train, fold.test, work.dataset.label_set, task[2])
    result = Pretrained(
        patches=patches,
        patch_passes=passes,
        err_dist_mm=round(error.mean_mm, 3),
        err_dist_median_mm=round(error.median_predictor_mm, 3),
        probe_f1=round(known, 4),
        borders=_borders(arena, net) if arena.borders else None,
        seconds=seconds,
    )
    write_json(path, result)
    return result


def _net(arena: Arena, task: Pretraining) -> SiameseNet:
    return load_siamese(weights_of(arena, task), arena.recipe.encoder(task[1]).texture.encoder).to(fastest_device())


def _borders(arena: Arena, net: SiameseNet) -> BorderSignal:
    return border_signal(arena.work.run(), net, arena.work.normalisation, silent)


def _train(arena: Arena, task: Pretraining) -> tuple[PretrainSettings, int, int]:
    """Write the weights; (settings, patches learned from, patches that went through the network)."""
    objective, texture, seed = arena.recipe.objective(task[0]), arena.recipe.encoder(task[1]).texture, task[2]
    assert objective.settings is not None, "the unpre-trained objective is not pre-trained"
    settings = objective.settings.model_copy(update={"seed": seed})
    chosen, grey = set_for(arena, objective, seed, silent), arena.work.normalisation
    if not objective.trained:
        save_untrained(weights_of(arena, task), texture, chosen, grey, seed)
        return settings, 0, 0
    pretrain(
        settings, texture, chosen.images, chosen.patches, chosen.train, grey, arena.folder("pretext", *task), silent,
        validation=chosen.held_out, near=near_for(arena, objective, chosen, silent),
    )  # fmt: skip
    batch = settings.micro_batch or settings.batch
    return settings, patches_in(chosen.train), settings.epochs * patches_run(chosen.train, batch)


def _error(work: Work, net: SiameseNet, settings: PretrainSettings) -> DistanceError:
    """On the unlabelled brain's held-out pairs, whatever was learned from; calibrated where no distance was taught."""
    main = set_of_run(work.run())
    assert main.held_out is not None, "the unlabelled brain has held-out sections"
    by = read_by(settings)
    predicted = predict_distances(net, main.images, work.normalisation, main.held_out, by)
    if not settings.use_distance:
        predicted = calibrate_on(net, main.images, work.normalisation, main.train, by).apply(predicted)
    return distance_error(predicted, main.held_out.distance_mm, constant_mm=float(np.median(main.train.distance_mm)))
