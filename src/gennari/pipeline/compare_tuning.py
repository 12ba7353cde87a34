"""The fine-tunings of a comparison: one for each objective, encoder, label budget, seed and rate, measured."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict

from gennari.execute import silent
from gennari.nets.area_unet import AreaUNet
from gennari.nets.weights import load_area_unet
from gennari.pipeline.cell_work import judged_by_annotations, lengthened, measured, tail_of, with_rate
from gennari.pipeline.cells import CellResult
from gennari.pipeline.compare_arena import Arena, geometry_of
from gennari.pipeline.compare_cells import ComparedCell, Pretrained
from gennari.pipeline.compare_plans import Plan
from gennari.pipeline.compare_pretraining import pretraining_of, weights_of
from gennari.pipeline.scoring import SectionResult
from gennari.sources.atomic import write_json
from gennari.sources.documents import read_json
from gennari.train.devices import fastest_device
from gennari.train.finetune import finetune
from gennari.train.settings import FinetuneSettings


@dataclass(frozen=True)
class Trial:
    """One fine-tuning of a plan at one rate; "val" only chooses the rate, and no tested section is looked at."""

    plan: Plan
    rate: float
    judged_on: Literal["val", "test"]

    @property
    def name(self) -> str:
        """Of its folder; the training that chose the rate is the one that is tested."""
        return f"{self.plan.file}-rate-{self.rate:g}"


class Tuned(BaseModel):
    """What a finished fine-tuning is known by.

    Attributes:
        val_dice: over areas, on annotated pixels of validation sections.
        loss_tail: (step, loss) of the last third.
        sections: the tested ones; empty for a trial that chooses a rate.
        seconds: of the training, however often it was interrupted, as far as the last call knows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    val_dice: float
    iterations: int
    loss_tail: tuple[tuple[int, float], ...]
    sections: tuple[SectionResult, ...]
    seconds: float


class _Trained(BaseModel):
    """training.json beside the weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    loss_tail: tuple[tuple[int, float], ...]
    seconds: float


def run_trial(arena: Arena, trial: Trial) -> Tuned:
    """Fine-tune, or resume, and measure; for worker processes."""
    work = arena.work
    torch.set_num_threads(work.threads)
    trained = _train(arena, trial)
    net = tuned_net(arena, trial)
    label_set, store, grey = work.dataset.label_set, work.store, work.normalisation
    val_dice = judged_by_annotations(store, grey, net, arena.fold.val, label_set, atlas=True)
    tested = arena.fold.test if trial.judged_on == "test" else ()
    sections = measured(store, grey, net, tested, label_set, atlas=True)
    return Tuned(
        val_dice=val_dice,
        iterations=sum(phase.steps for phase in _settings(arena, trial).phases),
        loss_tail=trained.loss_tail,
        sections=tuple(sections),
        seconds=trained.seconds,
    )


def tuned_net(arena: Arena, trial: Trial) -> AreaUNet:
    """The network of a finished fine-tuning."""
    path = _folder(arena, trial) / "weights.safetensors"
    # the encoder that the comparison's own recipe names, whatever the weights say
    trusted = arena.recipe.encoder(trial.plan.encoder).texture.encoder
    return load_area_unet(path, trusted).to(fastest_device())


def _folder(arena: Arena, trial: Trial) -> Path:
    return arena.folder("finetune", trial.name)


def _train(arena: Arena, trial: Trial) -> _Trained:
    plan, out, began = trial.plan, _folder(arena, trial), time.monotonic()
    work, told = arena.work, out / "training.json"
    task = pretraining_of(arena.recipe, plan)
    init = weights_of(arena, task) if task else None
    sections = [work.store.labelled(*place) for place in arena.subsets[plan.budget]]
    done = finetune(
        _settings(arena, trial), arena.recipe.encoder(plan.encoder).texture, sections, work.normalisation, init, out,
        silent, classes=len(work.dataset.label_set.names),
    )  # fmt: skip
    if not told.exists():
        seconds = round(time.monotonic() - began, 1)
        write_json(told, _Trained(loss_tail=tail_of(done.history), seconds=seconds))
    return read_json(told, _Trained)


def _settings(arena: Arena, trial: Trial) -> FinetuneSettings:
    settings = with_rate(arena.work.recipe.experiment.finetune, trial.rate)
    objective = arena.recipe.objective(trial.plan.objective)
    control = {"freeze_texture": True, "decoder": "light"} if objective.frozen else {}
    return lengthened(settings, objective.steps_factor).model_copy(update={"seed": trial.plan.seed, **control})


def key_of(arena: Arena, plan: Plan) -> str:
    """A hash of all that decides a cell but its rate, which the cell names."""
    recipe = arena.recipe
    parts = (
        recipe.base.model_dump_json(exclude={"seeds", "control_seeds", "rates"}),
        recipe.objective(plan.objective).words,
        recipe.encoder(plan.encoder).model_dump_json(),
        repr((arena.fold, arena.subsets[plan.budget], plan.seed)),
        arena.work.fingerprint,
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def cell_of(
    arena: Arena, trial: Trial, tuned: Tuned, pretrained: Pretrained | None, missing: Sequence[str]
) -> ComparedCell:
    """The cell of a tested trial."""
    plan, label_set = trial.plan, arena.work.dataset.label_set
    result = CellResult(
        row=plan.row, seed=plan.seed, split="blocks", geometry=geometry_of(arena), rate=trial.rate,
        key=key_of(arena, plan), patches=pretrained.patches if pretrained else 0, iterations=tuned.iterations,
        distance=None, loss_tail=tuned.loss_tail, sections=tuned.sections,
        seconds=tuned.seconds + (pretrained.seconds if pretrained else 0), classes=label_set.names,
        first_area=label_set.first_area,
    )  # fmt: skip
    return ComparedCell(
        objective=plan.objective, encoder=plan.encoder, budget=plan.budget,
        labels_sections=len(arena.subsets[plan.budget]), missing=tuple(missing), val_dice=tuned.val_dice,
        pretrained=pretrained, seconds=tuned.seconds, result=result,
    )  # fmt: skip
