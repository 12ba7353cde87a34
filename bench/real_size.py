"""Pre-training at the paper's size: patches of 1019 px at 2 µm, drawn from a phantom's cells; the last line is JSON.

python bench/real_size.py RUN WORK --patches 8000 --draw-seconds 120 --train-seconds 120

RUN was begun by `gennari sample` on a phantom on the bundled surfaces, with a recipe whose patches are as wide as these
(2.04 mm) or wider, so that its guard bands serve. Of its pairs whole sources are taken, till they hold as many patches;
images of the data set are not read. Network, loss, optimiser and shape of the schedule (the rate halves after each 3/16
of the epochs) are the paper's; epochs are as many as the time allows. With --optimiser adamw the optimiser, cycle and
unit of distance are those of the recipes for two cores.
"""

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from drawn_patches import Drawn, Painter, draw_patches
from gennari.data.pair_batches import PairBatches
from gennari.data.patch_images import ImagesInMemory
from gennari.data.pixels import Normalisation
from gennari.execute import Tick, usable_cores
from gennari.nets.sizes import TextureConfig
from gennari.pipeline.learning import pairs_of
from gennari.pipeline.pretext_sets import few
from gennari.pipeline.sampling import pretext_brain
from gennari.pipeline.stages import Run, open_run
from gennari.recipes.presets import DEMO
from gennari.recipes.tables import FULL
from gennari.records import PairTable, PatchTable
from gennari.sources.tables import read_pairs, read_patches
from gennari.train.pretrain import PretrainResult, pretrain
from gennari.train.settings import PretrainSettings

GREY_PATCHES = 500
"""Patches whose pixels give the normalisation."""
PROBED = 16
"""Steps that are timed to choose the number of epochs."""
ROWS = 8
SHARED = Path("/dev/shm")
"""Where batches travel from loaders to the training."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="where patches and pairs stand")
    parser.add_argument("work", type=Path, help="folder of images and weights")
    parser.add_argument("--patches", type=int, default=8000)
    parser.add_argument("--patch-px", type=int, default=FULL.experiment.texture.patch_px)
    parser.add_argument("--draw-seconds", type=float, default=120.0, help="no patch is begun later")
    parser.add_argument("--train-seconds", type=float, default=120.0, help="epochs are chosen to take so long")
    parser.add_argument("--epochs", type=int, help="instead of --train-seconds")
    parser.add_argument("--batch", type=int, default=FULL.experiment.pretrain.batch, help="pairs in a step")
    parser.add_argument("--optimiser", choices=("paper", "adamw"), default="paper")
    parser.add_argument("--held-out", type=int, default=256, help="pairs that err_dist is measured on, at most")
    parser.add_argument("--workers", type=int, default=usable_cores(), help="processes that draw")
    parser.add_argument("--loaders", type=int, help="processes that make batches; as many as cores and memory allow")
    given = parser.parse_args()
    texture = FULL.experiment.texture.model_copy(update={"patch_px": given.patch_px})
    run = open_run(given.run)
    brain = pretext_brain(run)
    drawn = draw_patches(
        Painter.of(run.dataset, brain.name),
        brain,
        *_chosen(run, given.patches, texture),
        given.work / "patches.npy",
        side_px=texture.patch_px,
        spacing_um=texture.spacing_um,
        seconds=given.draw_seconds,
        workers=given.workers,
        tick=_say,
    )
    settings = _settings(FULL.experiment.pretrain, given.optimiser, given.batch)
    loaders = _loaders(given.batch, given.patch_px) if given.loaders is None else given.loaders
    training = Training.of(drawn, texture, settings.model_copy(update={"loaders": loaders}), given.held_out)
    epochs = given.epochs or training.epochs_in(given.train_seconds, given.work / "probe")
    found = {
        "patches_drawn": len(drawn.patches),
        "patches_wanted": given.patches,
        "patch_px": texture.patch_px,
        "spacing_um": texture.spacing_um,
        "drawing_seconds": round(drawn.seconds, 1),
        "drawing_patches_per_s": round(len(drawn.patches) / drawn.seconds, 2),
        "drawing_workers": given.workers,
        "optimiser": given.optimiser,
        **training.figures(epochs, given.work / f"pretrain-{given.optimiser}"),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }
    print(json.dumps(found))


@dataclass(frozen=True, kw_only=True)
class Training:
    """What is learned from, and how; epochs are still open."""

    drawn: Drawn
    texture: TextureConfig
    settings: PretrainSettings
    normalisation: Normalisation
    train: PairTable
    held_out: PairTable

    @classmethod
    def of(cls, drawn: Drawn, texture: TextureConfig, settings: PretrainSettings, held_out: int) -> "Training":
        """Of the patches that were drawn; the first of the held-out pairs."""
        rows = np.flatnonzero(drawn.patches.split == "train")[:: max(1, len(drawn.patches) // GREY_PATCHES)]
        held = pairs_of(drawn.patches, drawn.pairs, "test")
        if not len(held):
            raise SystemExit(f"no held-out pair among {len(drawn.patches)} patches; draw longer or more")
        some = np.sort(np.random.default_rng(0).permutation(len(held))[:held_out])
        return cls(
            drawn=drawn,
            texture=texture,
            settings=settings,
            normalisation=Normalisation.of(drawn.images, rows, 0),
            train=pairs_of(drawn.patches, drawn.pairs, "train"),
            held_out=held.take(some),
        )

    @property
    def steps_an_epoch(self) -> int:
        """Optimiser steps."""
        return max(1, round(len(self.train) / self.settings.batch))

    def epochs_in(self, seconds: float, folder: Path) -> int:
        """How many epochs take so long, by steps that are timed and thrown away."""
        clock = Clock(until=4 * self.settings.loaders + PROBED)
        with suppress(_Enough):
            self.run(1 + clock.until // self.steps_an_epoch, folder, clock)
        shutil.rmtree(folder, ignore_errors=True)
        timed = np.diff(clock.times[-PROBED:])  # what was made ahead before the first step is not counted
        print(f"a step takes {np.mean(timed):.3f} s", flush=True)
        return max(1, int(seconds / np.mean(timed)) // self.steps_an_epoch)

    def run(self, epochs: int, folder: Path, clock: "Clock") -> PretrainResult:
        """Pre-train."""
        total = epochs * self.steps_an_epoch
        settings = self.settings.model_copy(
            update={
                "epochs": epochs,
                "halve_every": max(1, round(epochs * 3 / 16)),
                "log_every": max(1, total // min(ROWS, epochs)),
                "checkpoint_every": total,
            }
        )
        return pretrain(
            settings, self.texture, self.drawn.images, self.drawn.patches, self.train, self.normalisation, folder,
            clock, validation=self.held_out,
        )  # fmt: skip

    def figures(self, epochs: int, folder: Path) -> dict[str, object]:
        """Train, and say how fast and how well."""
        shutil.rmtree(folder, ignore_errors=True)  # a begun training would hide its first steps
        cuda, clock = torch.cuda.is_available(), Clock()
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        done = self.run(epochs, folder, clock)
        patches = self._patches(epochs)[1:]  # of the steps after the first, where the clock begins
        took = np.diff(clock.times)
        constant = float(np.median(self.train.distance_mm))
        median = float(np.abs(self.held_out.distance_mm - constant).mean())
        errors = [row.err_dist_mm for row in done.history]
        return {
            "training_pairs": len(self.train),
            "held_out_pairs": len(self.held_out),
            "epochs": epochs,
            "steps": len(clock.times),
            "batch_pairs": self.settings.batch,
            "loaders": self.settings.loaders,
            "training_seconds": round(float(took.sum()), 1),
            "training_patches_per_s": round(float(patches.sum() / took.sum()), 2),
            "step_seconds_median": round(float(np.median(took)), 4),
            "median_step_patches_per_s": round(float(patches.mean() / np.median(took)), 2),
            "err_dist_mm": [[round(row.epoch, 2), round(row.err_dist_mm, 3)] for row in done.history],
            "median_predictor_err_dist_mm": round(median, 3),
            "err_dist_over_median_predictor": round(errors[-1] / median, 4),
            "loss": [round(row.loss, 4) for row in done.history],
            "data_wait_share": [round(row.data_wait_share, 4) for row in done.history],
            "gpu_peak_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2) if cuda else None,
        }

    def _patches(self, epochs: int) -> np.ndarray:
        """Patches of each step: those of a batch once. The batches are the training's own, of blank images."""
        blank = ImagesInMemory(images=np.zeros((len(self.drawn.patches), 1, 1), np.uint8))
        batches = PairBatches(
            images=blank, patches=self.drawn.patches, pairs=self.train, normalisation=self.normalisation,
            batch=self.settings.batch, seed=self.settings.seed,
        )  # fmt: skip
        steps = [(epoch, index) for epoch in range(epochs) for index in range(batches.per_epoch)]
        return np.array([len(batches.get(*step).rows) for step in steps])


class _Enough(Exception):
    """The probe has seen enough steps."""


@dataclass
class Clock:
    """Hears of every step; ends the training after so many."""

    until: int = 0
    times: list[float] = field(default_factory=list)

    def __call__(self, tick: Tick) -> None:
        """One more step is done."""
        self.times.append(time.perf_counter())
        if tick.done % 20 == 1 or tick.done == tick.total:
            print(f"{time.strftime('%T')} {tick.stage} {tick.done}/{tick.total} {tick.note}", flush=True)
        if self.until and tick.done >= self.until:
            raise _Enough


def _chosen(run: Run, count: int, texture: TextureConfig) -> tuple[PatchTable, PairTable]:
    """About so many patches of a run and the pairs among them: whole sources, in each part of the split its share."""
    wide_um, own = texture.patch_px * texture.spacing_um, run.experiment.texture
    if own.patch_px * own.spacing_um < wide_um:
        raise SystemExit(f"the run's guard bands must suit patches of {wide_um:g} µm; sample with wider ones")
    patches, pairs = read_patches(run.path("patches.parquet")), read_pairs(run.path("pairs.parquet"))
    rng, parts = np.random.default_rng(0), []
    for split in ("train", "test"):
        of_split = pairs_of(patches, pairs, split)
        parts.append(few(of_split, round(count * len(of_split) / len(pairs)), len(patches), rng))
    ends = [np.concatenate([getattr(part, name) for part in parts]) for name in ("first", "second", "distance_mm")]
    rows, where = np.unique(np.concatenate(ends[:2]), return_inverse=True)
    first, second = np.split(where.astype(np.int32), 2)
    return patches.take(rows), PairTable(first=first, second=second, distance_mm=ends[2])


def _settings(paper: PretrainSettings, optimiser: str, batch: int) -> PretrainSettings:
    if optimiser == "paper":
        return paper.model_copy(update={"batch": batch})
    names: Sequence[str] = ("rate", "schedule", "optimiser", "weight_penalty", "distance_scale_mm")
    return paper.model_copy(update={"batch": batch, **{name: getattr(DEMO.pretrain, name) for name in names}})


def _loaders(batch: int, side_px: int) -> int:
    """As many as cores and shared memory bear: each holds two steps ahead and makes a third."""
    step_bytes = 2 * batch * side_px**2 * 4
    room = shutil.disk_usage(SHARED).free // 2 if SHARED.is_dir() else 0
    return int(min(max(0, usable_cores() - 2), room // (3 * step_bytes)))


def _say(tick: Tick) -> None:
    if tick.done % 10 == 0 or tick.done == tick.total:
        print(f"{time.strftime('%T')} {tick.stage} {tick.amount} {tick.note}", flush=True)


if __name__ == "__main__":
    main()
