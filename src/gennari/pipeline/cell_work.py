"""One cell of the table: a U-Net fine-tuned, its maps of the held-out sections measured."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from gennari.apply.segment import Segmentation, segment
from gennari.apply.tissue import find_tissue
from gennari.data.pixels import Normalisation
from gennari.execute import silent
from gennari.metrics.overlap import confusion
from gennari.nets.area_unet import AreaUNet
from gennari.nets.sizes import TextureConfig, output_spacing_um
from gennari.nets.weights import load_area_unet
from gennari.pipeline.compute import finetune_flop, pretext_flop
from gennari.pipeline.folds import Fold
from gennari.pipeline.learning import pairs_of
from gennari.pipeline.reproduction import Work
from gennari.pipeline.row_plans import Row
from gennari.pipeline.scoring import SectionResult, area_dice, counts_of, score_section
from gennari.pipeline.section_store import Place, SectionStore
from gennari.records import IGNORE, LabelSet
from gennari.sources.tables import read_pairs, read_patches
from gennari.train.devices import fastest_device
from gennari.train.finetune import FinetuneRow, finetune
from gennari.train.settings import FinetuneSettings

TAIL_POINTS = 12
"""Of a fine-tuning's loss that are kept: the last third of its history, thinned."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One fine-tuning.

    Attributes:
        rate: of its first phase; the others keep their proportion to it.
        steps_factor: times the recipe's steps.
        judged_on: the part of the fold whose sections are measured.
    """

    row: Row
    seed: int
    rate: float
    steps_factor: float
    fold: Fold
    judged_on: Literal["val", "test"]

    @property
    def name(self) -> str:
        """Of its folder; the training tried on validation sections is the one that is tested, if its rate won."""
        parts = [self.row.name, self.fold.name, str(self.seed), f"rate-{self.rate:g}"]
        return "-".join(part for part in parts if part)


class Judged(BaseModel):
    """What a finished fine-tuning is known by.

    Attributes:
        dice: over areas, on annotated pixels for a trial that chooses a rate, on all pixels otherwise.
        loss_tail: (step, loss) of the last third.
        sections: as they were measured; empty for a trial that chooses a rate.
        seconds: the last call took.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dice: float
    iterations: int
    loss_tail: tuple[tuple[int, float], ...]
    sections: tuple[SectionResult, ...]
    seconds: float


def run_trial(work: Work, trial: Trial) -> Judged:
    """Fine-tune, or resume, and measure; made for worker processes."""
    torch.set_num_threads(work.threads)
    began = time.monotonic()
    experiment, out = work.recipe.experiment, work.root / "finetune" / trial.name
    label_set, init = work.dataset.label_set, None
    if trial.row.pretext is not None:
        init = work.pretext_folder(trial.row.pretext, trial.seed) / "weights.safetensors"
    settings = settings_of(work, trial)
    done = finetune(
        settings, experiment.texture, [work.store.labelled(*place) for place in trial.fold.train],
        work.normalisation, init, out, silent, classes=len(label_set.names),
    )  # fmt: skip
    net = load_area_unet(done.weights, experiment.texture.encoder).to(fastest_device())
    places, sections = getattr(trial.fold, trial.judged_on), []
    if trial.judged_on == "val":
        dice = judged_by_annotations(work.store, work.normalisation, net, places, label_set, trial.row.atlas)
    else:
        sections = measured(work.store, work.normalisation, net, places, label_set, trial.row.atlas)
        dice = area_dice(counts_of(sections).sum(axis=0), label_set)
    return Judged(
        dice=dice,
        iterations=sum(phase.steps for phase in settings.phases),
        loss_tail=tail_of(done.history),
        sections=tuple(sections),
        seconds=round(time.monotonic() - began, 1),
    )


def steps_factor(work: Work, row: Row) -> float:
    """How many times the recipe's steps a row is fine-tuned."""
    if row.longer != "total":
        return 3.0 if row.longer == "3x" else 1.0
    experiment, label_set = work.recipe.experiment, work.dataset.label_set
    run = work.run()
    patches, pairs = read_patches(run.path("patches.parquet")), read_pairs(run.path("pairs.parquet"))
    once = finetune_flop(experiment.finetune, experiment.texture, len(label_set.names), len(label_set.areas))
    return 1 + pretext_flop(experiment.pretrain, experiment.texture, pairs_of(patches, pairs, "train")) / once


def settings_of(work: Work, trial: Trial) -> FinetuneSettings:
    """The numbers of one fine-tuning."""
    settings = lengthened(with_rate(work.recipe.experiment.finetune, trial.rate), trial.steps_factor)
    phases = tuple(phase.model_copy(update={"atlas": phase.atlas and trial.row.atlas}) for phase in settings.phases)
    return settings.model_copy(update={"seed": trial.seed, "phases": phases})


def lengthened(settings: FinetuneSettings, factor: float) -> FinetuneSettings:
    """The same with so many times the steps in every phase, its schedule stretched."""
    phases = tuple(
        phase.model_copy(
            update={
                "steps": round(phase.steps * factor),
                "halve_at": tuple(round(at * factor) for at in phase.halve_at),
            }
        )
        for phase in settings.phases
    )
    return settings.model_copy(update={"phases": phases})


def with_rate(settings: FinetuneSettings, rate: float) -> FinetuneSettings:
    """The same with this rate in the first phase; the others keep their proportion to it."""
    first = settings.phases[0].rate
    phases = tuple(phase.model_copy(update={"rate": rate * phase.rate / first}) for phase in settings.phases)
    return settings.model_copy(update={"phases": phases})


def cell_key(work: Work, row: Row, seed: int, fold: Fold) -> str:
    """A hash of all that decides a cell but its rate, which the cell names: recipe, row, fold and data set."""
    recipe = work.recipe.model_dump_json(exclude={"seeds", "control_seeds", "rates"})
    text = "\n".join([recipe, repr((row, seed, fold)), work.fingerprint])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def predicted(store: SectionStore, grey: Normalisation, net: AreaUNet, place: Place, atlas: bool) -> Segmentation:
    """What a network says of a section of the store; `atlas` says whether it is shown the prior."""
    section, config = store.labelled(*place), net.config
    image = np.asarray(section.image)
    shape_px = (image.shape[0], image.shape[1])
    tissue = find_tissue(lambda rows, cols: image[rows, cols], shape_px, config.output_stride_px, config.spacing_um)
    return segment(net, image, section.prior if atlas else None, grey, near=tissue.near)


def measured(
    store: SectionStore,
    grey: Normalisation,
    net: AreaUNet,
    places: Sequence[Place],
    label_set: LabelSet,
    atlas: bool,
) -> list[SectionResult]:
    """Every section against its truth.

    Args:
        store: holds the sections.
        grey: what the network was trained with.
        net: on the device to use.
        places: which sections.
        label_set: of the truth.
        atlas: whether the network is shown the prior.
    """
    results = []
    for place in places:
        began = time.monotonic()
        labels = predicted(store, grey, net, place, atlas).labels
        results.append(scored(store, place, labels, label_set, net.config, time.monotonic() - began))
    return results


def scored(
    store: SectionStore, place: Place, labels: np.ndarray, label_set: LabelSet, config: TextureConfig, seconds: float
) -> SectionResult:
    """The map of a section, at the output spacing of a network, against its truth."""
    return score_section(
        store.truth(*place),
        labels,
        label_set,
        output_spacing_um(config),
        brain=place[0],
        section=place[1],
        annotated=np.asarray(store.labelled(*place).labels) != IGNORE,
        seconds=round(seconds, 1),
    )


def judged_by_annotations(
    store: SectionStore,
    grey: Normalisation,
    net: AreaUNet,
    places: Sequence[Place],
    label_set: LabelSet,
    atlas: bool,
) -> float:
    """Dice over areas on annotated pixels, which is all that a user has to choose by."""
    counts = np.zeros((len(label_set.names),) * 2, np.int64)
    for place in places:
        labels = predicted(store, grey, net, place, atlas).labels
        counts += confusion(np.asarray(store.labelled(*place).labels), labels, len(label_set.names))
    return area_dice(counts, label_set)


def tail_of(history: Sequence[FinetuneRow]) -> tuple[tuple[int, float], ...]:
    """A few points of the last third of a fine-tuning's loss."""
    last = history[-max(1, len(history) // 3) :]
    return tuple((row.step, round(row.loss, 4)) for row in last[:: max(1, len(last) // TAIL_POINTS)])
