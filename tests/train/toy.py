"""Trainings of seconds, for tests and for the processes that tests start: `python toy.py OUT KINDS [SLEEP_S]`."""

import dataclasses
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from safetensors.torch import save_file
from torch import Tensor, nn

from gennari.cli.launch import launched
from gennari.cli.outcome import guarded
from gennari.data.area_batches import LabelledSection
from gennari.data.augmentation import Augmentation
from gennari.data.pair_batches import PairBatch, PairBatches
from gennari.data.patch_images import ImagesInMemory
from gennari.data.pixels import Normalisation
from gennari.execute import Report, Tick
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import TextureConfig
from gennari.records import IGNORE, PairTable, PatchTable
from gennari.train import finetune, pretrain
from gennari.train.checkpoint import LogRow
from gennari.train.contrast import Contrast
from gennari.train.contrast_term import contrast_term, keys_of_all
from gennari.train.devices import make_fabric
from gennari.train.loop import Task, train
from gennari.train.settings import FinetuneSettings, Guard, Optimiser, Phase, PretrainSettings

CONFIG = TextureConfig(spacing_um=32, patch_px=16, channels=(4, 6), convs=(1, 1), padding="same", features=8)
NORMALISATION = Normalisation(mean=0.5, std=0.2)
# 73 pairs make 7 micro-batches of 10 or 11 and steps of 3, 3 and 1: uneven, and the last leaves a second rank idle
PRETRAIN = PretrainSettings(
    epochs=3,
    batch=30,
    micro_batch=10,
    alpha=1.0,
    distance_scale_mm=20,
    checkpoint_every=2,
    log_every=2,
    augmentation=Augmentation(mirror=0.5, gain=0.1),
)
CONTRAST = PRETRAIN.model_copy(update={"contrast": Contrast(radius_mm=20, mask_mm=25, projection=4)})
FINETUNE = FinetuneSettings(
    phases=(
        Phase(steps=4, rate=0.05, schedule="constant"),
        Phase(steps=5, rate=0.02, schedule="one-cycle", atlas=True, atlas_rate_factor=4.0),
    ),
    batch=4,
    micro_batch=2,
    window_px=32,
    atlas_widths=(2, 2),
    log_every=3,
    checkpoint_every=2,
    augmentation=Augmentation(mirror=0.5),
)


def quiet(tick: Tick) -> None:
    """Says nothing."""


def pair_batches(settings: PretrainSettings = PRETRAIN, pairs: int = 73) -> PairBatches:
    """Patches on a line, as bright as their place; distances along it."""
    rng = np.random.default_rng(0)
    place = rng.uniform(0, 100, pairs)
    images = np.clip(2 * place[:, None, None] + 20 + rng.normal(0, 5, (pairs, 16, 16)), 0, 255).astype(np.uint8)
    first = np.arange(pairs)
    second = (first + rng.integers(1, pairs, pairs)) % pairs
    zeros = np.zeros(pairs)
    columns = {name: zeros for name in PatchTable.__dataclass_fields__}
    patches = PatchTable(
        **columns
        | {
            "brain": np.full(pairs, "P"),
            "section": np.zeros(pairs, np.int32),
            "side": np.zeros(pairs, np.int8),
            "centre_um": np.zeros((pairs, 2)),
            "face": np.zeros(pairs, np.int32),
            "weights": np.full((pairs, 3), 1 / 3),
            "vertex": np.zeros(pairs, np.int32),
            "brain_mm": np.zeros((pairs, 3)),
            "inflated_mm": np.column_stack([place + 300, zeros, zeros]),
            "split": np.full(pairs, "train"),
        }
    )
    return PairBatches(
        images=ImagesInMemory(images=images),
        patches=patches,
        pairs=PairTable(
            first=first.astype(np.int32), second=second.astype(np.int32), distance_mm=np.abs(place - place[second])
        ),
        normalisation=NORMALISATION,
        batch=settings.micro_batch or settings.batch,
        seed=settings.seed,
        augmentation=settings.augmentation,
    )


def run_pretrain(
    out: Path,
    fabric: Fabric,
    tick: Report = quiet,
    settings: PretrainSettings = PRETRAIN,
    batches: PairBatches | None = None,
    near: PairTable | None = None,
) -> pretrain.PretrainResult:
    """The pretext task."""
    b = batches or pair_batches(settings)
    near = b.pairs.take(b.pairs.distance_mm < 20) if near is None else near
    return pretrain.pretrain(
        settings, CONFIG, b.images, b.patches, b.pairs, NORMALISATION, out, tick, validation=b.pairs, fabric=fabric,
        near=near,
    )  # fmt: skip


def broken_batches() -> PairBatches:
    """One pair has no finite distance."""
    batches = pair_batches()
    distance_mm = batches.pairs.distance_mm.copy()
    distance_mm[5] = np.inf
    return dataclasses.replace(batches, pairs=dataclasses.replace(batches.pairs, distance_mm=distance_mm))


def bad_step(batches: PairBatches) -> tuple[int, str]:
    """The step of PRETRAIN's first epoch that meets it, and the rows of its micro-batch."""
    for number in range(batches.per_epoch):
        batch = batches.get(0, number)
        if not torch.isfinite(batch.distance_mm).all():
            return number // PRETRAIN.parts, ", ".join(map(str, batch.rows.tolist()))
    raise AssertionError("all distances are finite")


def sections() -> list[LabelledSection]:
    """Dark left, bright right; a band is not annotated, so that windows hold different numbers of labels."""
    rng = np.random.default_rng(1)
    found = []
    for name in ("A 1", "A 2"):
        image = np.where(np.arange(60) < 30, 60, 190) + rng.normal(0, 10, (80, 60))
        labels = np.tile((np.arange(30) >= 15).astype(np.uint8), (40, 1))
        prior = np.stack([labels == 0, labels == 1]).astype(np.float16)
        labels[8:24] = IGNORE
        found.append(LabelledSection(image=image.astype(np.uint8), labels=labels, prior=prior, name=name))
    return found


def run_finetune(
    out: Path, fabric: Fabric, tick: Report = quiet, settings: FinetuneSettings = FINETUNE
) -> finetune.FinetuneResult:
    """The supervised task, in two phases."""
    return finetune.finetune(settings, CONFIG, sections(), NORMALISATION, None, out, tick, classes=3, fabric=fabric)


class Drawing(nn.Module):
    """A user's net whose layers draw from global generators; not from Python's, since the tests' type checks do too."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 8), nn.Linear(8, 1)
        for p in self.parameters():
            nn.init.constant_(p, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        """Dropout, and noise from numpy."""
        hidden = nn.functional.dropout(self.one(x), 0.5, self.training) + np.random.normal()
        return self.two(hidden)


def drawing_task(losses: Callable[[int], float] = lambda step: 1.0, **changes: object) -> Task[Tensor]:
    """Twelve steps on one batch a step; `losses` scales each step's."""
    seen = {"step": 0}

    def batch(step: int, part: int) -> Tensor:
        seen["step"] = step
        return torch.from_numpy(np.random.default_rng((step, part)).normal(size=(6, 4)).astype(np.float32))

    settings = {
        "stage": "toy",
        "phases": (Phase(steps=12, rate=0.01, schedule="constant"),),
        "optimiser": Optimiser(),
        "parts": lambda step: 1,
        "batch": batch,
        "weight": len,
        "loss": lambda net, x, phase: {"loss": losses(seen["step"]) * net(x).square().mean()},
        "who": lambda x: f"rows of step {seen['step']}",
        "groups": lambda phase: [],
        "start_training": lambda net: net.train(),
        "observe": dict,
        "log_every": 5,
        "checkpoint_every": 2,
        "fingerprint": "toy",
        "guard": Guard(),
    }
    return Task(**settings | changes)  # type: ignore[arg-type]


def run_drawing(
    out: Path, fabric: Fabric, tick: Report = quiet, **changes: object
) -> tuple[Drawing, tuple[LogRow, ...]]:
    """The toy net, and its history."""
    net = Drawing()
    task = drawing_task(**{"groups": lambda phase: [(list(net.parameters()), 1.0)]} | changes)  # type: ignore[arg-type]
    return net, train(net, task, out / "checkpoint.safetensors", fabric, tick)


def keep_nets(out: Path, rank: int) -> None:
    """Have both trainings leave each rank's own weights behind, beside the files of the first."""
    for module in (pretrain, finetune):

        def kept(net: nn.Module, task: Task, file: Path, *rest: object, inner=module.train) -> tuple[LogRow, ...]:
            history = inner(net, task, file, *rest)
            tensors = {name: value.contiguous() for name, value in net.state_dict().items()}
            save_file(tensors, out / f"{file.parent.name}-rank{rank}.safetensors")
            return history

        module.train = kept


ACROSS = Contrast(temperature=0.5, mask_mm=10.0, across_ranks=True)
ROWS = (5, 8)
"""Patches of either rank."""


def contrast_batch(start: int, stop: int) -> PairBatch:
    """Patches `start` .. `stop` of those of both ranks, each paired with the next one of them."""
    place = torch.from_numpy(np.random.default_rng(3).uniform(0, 40, sum(ROWS)).astype(np.float32))
    rows = torch.arange(start, stop)
    return PairBatch(
        images=torch.zeros(stop - start, 1, 16, 16),
        places_mm=torch.stack([place, 0 * place, 0 * place], dim=1)[rows],
        first=torch.arange(stop - start - 1),
        second=torch.arange(1, stop - start),
        distance_mm=torch.where(rows[:-1] % 2 == 0, 1.0, 30.0),
        rows=rows,
        further=torch.zeros(stop - start, 0),
    )


def vectors() -> Tensor:
    """Features of the patches of both ranks."""
    return torch.from_numpy(np.random.default_rng(4).normal(size=(sum(ROWS), 8)).astype(np.float32))


def run_negatives(out: Path, fabric: Fabric, tick: Report = quiet) -> None:
    """Each rank's loss against the keys of all, and the gradient on its own features of all losses' sum."""
    for kind in ("hard", "soft"):
        contrast = ACROSS.model_copy(update={"kind": kind})
        start = sum(ROWS[: fabric.global_rank])
        stop = start + ROWS[fabric.global_rank]
        own = vectors()[start:stop].requires_grad_()
        batch = contrast_batch(start, stop)
        loss = contrast_term(SiameseNet(CONFIG), contrast, own, batch, partial(keys_of_all, fabric))
        loss.backward()
        assert own.grad is not None
        out.mkdir(exist_ok=True, parents=True)
        save_file({"loss": loss.detach(), "gradient": own.grad}, out / f"{kind}-{fabric.global_rank}.safetensors")


def main(out: Path, kinds: str, sleep_s: float) -> None:
    """Run trainings one after the other, as one of the processes that torchrun may have started."""
    ranks = launched(os.environ)
    torch.set_num_threads(1)
    out.mkdir(exist_ok=True, parents=True)
    keep_nets(out, ranks.rank)
    for kind in kinds.split(","):
        fabric = make_fabric("auto", ranks)
        RUNS[kind](out / kind, fabric, lambda tick: time.sleep(sleep_s))


RUNS = {
    "pretrain": run_pretrain,
    "finetune": run_finetune,
    "contrast": partial(run_pretrain, settings=CONTRAST),
    "negatives": run_negatives,
    "broken": partial(run_pretrain, batches=broken_batches()),
}

if __name__ == "__main__":
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    sys.exit(guarded(lambda: main(Path(sys.argv[1]), sys.argv[2], seconds)))
