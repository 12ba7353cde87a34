"""Both trainings with an encoder that is not the paper's."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from gennari.nets.weights import load_area_unet, load_siamese, read_tensors
from gennari.train.finetune import finetune
from gennari.train.pretrain import PretrainResult, pretrain


def _pretrained(toy: ModuleType, out: Path, fabric: Fabric, stop_at: int | None = None) -> PretrainResult:
    def tick(tick) -> None:
        if tick.done == stop_at:
            raise KeyboardInterrupt

    config = toy.CONFIG.model_copy(update={"encoder": "residual", "pooling": "global"})
    settings = toy.PRETRAIN.model_copy(update={"epochs": 12, "rate": 0.02})
    b = toy.pair_batches(settings)
    return pretrain(
        settings, config, b.images, b.patches, b.pairs, toy.NORMALISATION, out, tick, validation=b.pairs, fabric=fabric
    )


def test_a_residual_network_learns_distances_and_hands_its_branch_to_the_u_net(
    toy: ModuleType, tmp_path: Path, cpu: Fabric
):
    done = _pretrained(toy, tmp_path / "pretext", cpu)
    distances_mm = toy.pair_batches().pairs.distance_mm
    by_median_mm = float(np.abs(distances_mm - np.median(distances_mm)).mean())
    assert done.history[-1].err_dist_mm < 0.8 * by_median_mm
    config = load_siamese(done.weights).config
    assert (config.encoder, config.pooling) == ("residual", "global")
    frozen = toy.FINETUNE.model_copy(update={"freeze_texture": True})
    made = finetune(
        frozen, config, toy.sections(), toy.NORMALISATION, done.weights, tmp_path / "areas", toy.quiet, 3, cpu
    )
    ours, theirs = load_area_unet(made.weights).state_dict(), read_tensors(done.weights)[0]
    branch = [name for name in ours if name.startswith("texture.")]
    assert "texture.blocks.1.shortcut.0.weight" in branch
    assert all(torch.equal(ours[name], theirs[name]) for name in branch)


def test_a_residual_network_that_was_stopped_ends_with_the_same_bits(toy: ModuleType, tmp_path: Path, cpu: Fabric):
    straight = _pretrained(toy, tmp_path / "straight", cpu)
    with pytest.raises(KeyboardInterrupt):
        _pretrained(toy, tmp_path / "stopped", cpu, stop_at=7)
    again = _pretrained(toy, tmp_path / "stopped", cpu)
    ours, theirs = read_tensors(straight.weights)[0], read_tensors(again.weights)[0]
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
