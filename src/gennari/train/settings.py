"""Every number of the two trainings, and the learning rate as a function of the step. No torch here."""

import math
from collections.abc import Callable
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_serializer,
    model_validator,
)

from gennari.data.augmentation import Augmentation
from gennari.nets.sizes import Decoder
from gennari.train.contrast import Contrast

Schedule = Literal["halving", "one-cycle", "constant"]
Precision = Literal["auto", "fp32", "bf16"]
"""Of forward and backward passes; weights and losses are float32. "auto" is bf16 autocast on CUDA that has it."""


class Phase(BaseModel):
    """A stretch of training with its own learning rate.

    Attributes:
        steps: optimiser steps.
        rate: the first rate for "halving" and "constant", the highest for "one-cycle".
        halve_at: "halving" divides the rate by 2 at each of these steps of the phase.
        warm_fraction: "one-cycle" rises along a half cosine over this part of the steps, from rate / 25, and then
            falls to nearly zero along another.
        atlas: whether the atlas branch takes part.
        atlas_rate_factor: its rate over the rest's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: PositiveInt
    rate: PositiveFloat
    schedule: Schedule = "halving"
    halve_at: tuple[PositiveInt, ...] = ()
    warm_fraction: float = Field(default=0.3, gt=0, lt=1)
    atlas: bool = False
    atlas_rate_factor: PositiveFloat = 1.0


def learning_rate(phase: Phase, step: int) -> float:
    """The rate of a phase at step 0 .. steps - 1, and of nothing but these two."""
    if phase.schedule == "constant":
        return phase.rate
    if phase.schedule == "halving":
        return phase.rate * 0.5 ** sum(step >= at for at in phase.halve_at)
    top = phase.warm_fraction * (phase.steps - 1)
    low, start = phase.rate / 1e5, phase.rate / 25
    if step < top:
        return _half_cosine(start, phase.rate, step / top)
    return _half_cosine(phase.rate, low, (step - top) / max(phase.steps - 1 - top, 1))


def _half_cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * part))


class Optimiser(BaseModel):
    """How gradients become steps; momentum 0.9 with Nesterov as in the authors' scripts (the paper names SGD only)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["sgd", "adamw"] = "sgd"
    momentum: float = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = True
    weight_decay: NonNegativeFloat = 0.0
    """Decay inside the optimiser; the pretext task has its own term in the loss instead."""
    clip_norm: PositiveFloat | None = None
    """Gradients are scaled down to this norm where they exceed it."""


class Guard(BaseModel):
    """When a training is stopped because its loss explodes (one that is not finite always stops it).

    Attributes:
        factor: a step's loss has exploded if it is above this many times the lowest median of `window` steps in the
            phase, and above the first such median. None: never.
        window: steps of a median; none is judged before so many have been done in the phase.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    factor: float | None = Field(default=20.0, gt=1)
    window: PositiveInt = 50


class PretrainSettings(BaseModel):
    """The pretext task (Spitzer et al. 2018, sections 3.1 and 4).

    The paper gives no batch size and no unit of distance. Defaults are its published numbers where there are any.

    Attributes:
        batch: pairs in a step.
        micro_batch: pairs that batch norm sees at once, on one device; None: the whole batch.
        halve_every: epochs between halvings of the rate (schedule "halving").
        use_distance: whether eq. (1) is part of the loss.
        use_coordinates: whether eq. (2) is part of the loss.
        alpha: weight of eq. (2) in eq. (3).
        curvature_weight: weight of a further target, the mean curvature of the cortex (in its training standard
            deviations); 0 builds no head for it. The paper's outlook names it and the next.
        plane_weight: the same for the orientation of the sectioning plane towards the cortex.
        contrast: a contrastive term beside the others, or instead of them; None: none.
        weight_penalty: lambda of eq. (3).
        squared_norm: sum of squares (the usual meaning) or, as eq. (3) prints it, its root.
        distance_scale_mm: millimetres in one unit of the network's outputs.
        log_every: steps in one row of the history; None: one row an epoch.
        checkpoint_every: steps between checkpoints.
        keep_every: steps between weights that are kept beside the last ones, to see what was learned when; None: none.
        channels_last: memory layout; about a quarter faster on the CPU.
        loaders: processes that make batches ahead of the training, 0: none, the training makes them; the batches are
            the same.
        sync_batch_norm: under several processes, batch norm over the micro-batches that run at once (CUDA only).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    epochs: PositiveInt = 16
    batch: PositiveInt = 64
    micro_batch: PositiveInt | None = None
    rate: PositiveFloat = 0.01
    schedule: Schedule = "halving"
    halve_every: PositiveInt = 3
    optimiser: Optimiser = Optimiser()
    augmentation: Augmentation = Augmentation()
    use_distance: bool = True
    use_coordinates: bool = True
    alpha: NonNegativeFloat = 10.0
    curvature_weight: NonNegativeFloat = 0.0
    plane_weight: NonNegativeFloat = 0.0
    weight_penalty: NonNegativeFloat = 0.001
    squared_norm: bool = True
    distance_scale_mm: PositiveFloat = 1.0
    log_every: PositiveInt | None = None
    checkpoint_every: PositiveInt = 200
    keep_every: PositiveInt | None = None
    channels_last: bool = True
    loaders: NonNegativeInt = 0
    precision: Precision = "auto"
    sync_batch_norm: bool = False
    guard: Guard = Guard()
    contrast: Contrast | None = None

    @model_serializer(mode="wrap")
    def _without_what_is_not_asked_for(
        self, plain: Callable[["PretrainSettings"], dict[str, object]]
    ) -> dict[str, object]:
        # runs and cells are known by what their settings are written as: what came later is written where it is set
        return {key: value for key, value in plain(self).items() if getattr(self, key, None) or key not in _LATER}

    @model_validator(mode="after")
    def _learns(self) -> "PretrainSettings":
        if not (self.use_distance or self.use_coordinates or self.contrast):
            raise ValueError("the pretext task needs a target: use_distance, use_coordinates or contrast, got none")
        return self

    @property
    def contrast_alone(self) -> bool:
        """Whether neither distances nor coordinates are taught."""
        return not (self.use_distance or self.use_coordinates)

    @property
    def further(self) -> dict[str, float]:
        """The further targets that are asked for, and their weights."""
        weights = {"curvature": self.curvature_weight, "plane": self.plane_weight}
        return {name: weight for name, weight in weights.items() if weight > 0}

    @model_validator(mode="after")
    def _divides(self) -> "PretrainSettings":
        _check_parts(self.batch, self.micro_batch)
        return self

    @property
    def parts(self) -> int:
        """Micro-batches in a full step."""
        return self.batch // (self.micro_batch or self.batch)

    def phase(self, steps_per_epoch: int) -> Phase:
        """The one phase of the pretext task."""
        halvings = range(self.halve_every, self.epochs, self.halve_every)
        return Phase(
            steps=self.epochs * steps_per_epoch,
            rate=self.rate,
            schedule=self.schedule,
            halve_at=tuple(epoch * steps_per_epoch for epoch in halvings) if self.schedule == "halving" else (),
        )


_LATER = {"keep_every", "contrast"}
WITHOUT_EFFECT = {"guard", "checkpoint_every", "keep_every", "loaders"}
"""Settings that change no weight: a run that was stopped may go on with others."""


def _check_parts(batch: int, micro_batch: int | None) -> None:
    if micro_batch and batch % micro_batch:
        raise ValueError(f"batch must be a multiple of micro_batch, got {batch} and {micro_batch}")


_HALVE_AT = (3000, 5000, 6000)


class FinetuneSettings(BaseModel):
    """The supervised task (Spitzer et al. 2018, section 4): first without the atlas, then with it.

    Attributes:
        phases: in their order; the paper's by default.
        batch: windows in a step.
        micro_batch: windows that batch norm sees at once, on one device; None: the whole batch.
        window_px: side of the input window.
        classes_even: windows are centred near pixels of a class drawn evenly (our default; the paper draws windows at
            random, which False does).
        atlas_widths: width of each block of the atlas branch; () builds none.
        freeze_texture: keep the image branch's down path as it came (its batch norm statistics too).
        decoder: "unet"; or "light", a linear layer on the down path's levels: with `freeze_texture` a control that
            says what the features alone hold.
        log_every: steps in one row of the history.
        loaders: processes that make batches ahead of the training, 0: none, the training makes them; the batches are
            the same.
        sync_batch_norm: under several processes, batch norm over the micro-batches that run at once (CUDA only).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    phases: tuple[Phase, ...] = Field(
        default=(
            Phase(steps=8000, rate=0.05, halve_at=_HALVE_AT),
            Phase(steps=10000, rate=0.025, halve_at=_HALVE_AT, atlas=True, atlas_rate_factor=10.0),
        ),
        min_length=1,
    )
    batch: PositiveInt = 40
    micro_batch: PositiveInt | None = None
    window_px: PositiveInt = 2043
    classes_even: bool = True
    atlas_widths: tuple[PositiveInt, ...] = ()
    optimiser: Optimiser = Optimiser()
    augmentation: Augmentation = Augmentation()
    freeze_texture: bool = False
    decoder: Decoder = "unet"
    log_every: PositiveInt = 20
    checkpoint_every: PositiveInt = 200
    channels_last: bool = True
    loaders: NonNegativeInt = 0
    precision: Precision = "auto"
    sync_batch_norm: bool = False
    guard: Guard = Guard()

    @model_serializer(mode="wrap")
    def _without_what_is_not_asked_for(
        self, plain: Callable[["FinetuneSettings"], dict[str, object]]
    ) -> dict[str, object]:
        values = plain(self)  # as for PretrainSettings
        return values if self.decoder != "unet" else {key: value for key, value in values.items() if key != "decoder"}

    @model_validator(mode="after")
    def _consistent(self) -> "FinetuneSettings":
        _check_parts(self.batch, self.micro_batch)
        if any(phase.atlas for phase in self.phases) and not self.atlas_widths:
            raise ValueError("a phase with the atlas needs atlas_widths, one width a block; got none")
        return self

    @property
    def parts(self) -> int:
        """Micro-batches in a step."""
        return self.batch // (self.micro_batch or self.batch)
