"""What nobody annotated carries no loss, from the section's labels to the gradient."""

import dataclasses

import numpy as np
import torch

from gennari.data.area_batches import AreaBatches, LabelledSection
from gennari.data.augmentation import Augmentation
from gennari.data.pixels import Normalisation
from gennari.nets.area_unet import AreaUNet
from gennari.nets.sizes import TextureConfig
from gennari.records import IGNORE
from gennari.train.finetune import window_grid
from gennari.train.losses.areas import area_loss

CONFIG = TextureConfig(spacing_um=32, patch_px=16, channels=(4, 6), convs=(1, 1), padding="same", features=8)


def _batches(rng: np.random.Generator) -> AreaBatches:
    labels = np.full((40, 30), IGNORE, np.uint8)
    labels[10:20, 5:25] = rng.integers(0, 3, (10, 20))
    section = LabelledSection(image=rng.integers(0, 256, (80, 60), dtype=np.uint8), labels=labels)
    turning = Augmentation(mirror=0.5, quarter_turns=True, rotation_deg=180)
    return AreaBatches(
        sections=[section],
        grid=window_grid(CONFIG, 32),
        normalisation=Normalisation(mean=0.5, std=0.2),
        batch=16,
        seed=1,
        augmentation=turning,
    )


def test_pixels_nobody_annotated_get_no_gradient_and_all_others_do(rng: np.random.Generator):
    batch = _batches(rng).get(0)
    logits = AreaUNet(CONFIG, 3, generator=torch.Generator().manual_seed(0))(batch.image)
    logits.retain_grad()
    area_loss(logits, batch.labels).backward()
    assert logits.grad is not None
    touched = logits.grad.abs().sum(dim=1) > 0
    assert torch.equal(touched, batch.labels != IGNORE)
    assert 0.1 < touched.float().mean() < 0.9


def test_the_loss_does_not_change_with_what_is_predicted_where_nobody_annotated(rng: np.random.Generator):
    batch = _batches(rng).get(0)
    logits = torch.randn(16, 3, *batch.labels.shape[1:], generator=torch.Generator().manual_seed(0))
    unlabelled = (batch.labels == IGNORE)[:, None].expand_as(logits)
    assert torch.equal(area_loss(logits, batch.labels), area_loss(logits.masked_fill(unlabelled, 9.0), batch.labels))


def test_windows_beyond_the_section_are_not_annotated_there(rng: np.random.Generator):
    batches = _batches(rng)
    (section,) = batches.sections
    full = dataclasses.replace(section, labels=np.zeros_like(section.labels))
    batch = dataclasses.replace(batches, sections=[full], augmentation=Augmentation()).get(0)
    rows = batch.places[:, 1, None] + torch.arange(batch.labels.shape[1])
    cols = batch.places[:, 2, None] + torch.arange(batch.labels.shape[2])
    inside = ((rows >= 0) & (rows < 40))[:, :, None] & ((cols >= 0) & (cols < 30))[:, None, :]
    assert torch.equal(batch.labels == 0, inside)
