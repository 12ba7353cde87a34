"""The one training loop, on Lightning Fabric: read it from top to bottom."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from gennari.errors import InputError
from gennari.execute import Report, Tick
from gennari.train.checkpoint import LogRow, read_checkpoint, write_checkpoint
from gennari.train.settings import Optimiser, Phase, learning_rate

Batch = TypeVar("Batch")


@dataclass(frozen=True, kw_only=True)
class Task(Generic[Batch]):
    """What is to be learned, and from what; a pure function of the step, so that a resumed run does the same.

    Attributes:
        stage: name for progress ticks.
        batches: step -> its micro-batches, whose gradients are averaged; steps count through all phases.
        loss: (net, micro-batch, phase) -> named terms; "loss" is what is minimised, all are logged as means.
        who: micro-batch -> what it was made of, for the message when the loss is not finite.
        groups: phase -> (parameters, factor on the learning rate).
        start_training: puts the net into its training mode.
        observe: called where a row of the history ends; further terms for it.
        fingerprint: of settings and data; a checkpoint with another one is refused.
    """

    stage: str
    phases: Sequence[Phase]
    optimiser: Optimiser
    batches: Callable[[int], Sequence[Batch]]
    loss: Callable[[nn.Module, Batch, Phase], Mapping[str, Tensor]]
    who: Callable[[Batch], str]
    groups: Callable[[Phase], Sequence[tuple[Sequence[nn.Parameter], float]]]
    start_training: Callable[[nn.Module], object]
    observe: Callable[[], Mapping[str, float]]
    log_every: int
    checkpoint_every: int
    fingerprint: str


def train(net: nn.Module, task: Task[Batch], checkpoint: Path, fabric: Fabric, tick: Report) -> tuple[LogRow, ...]:
    """Train `net` in place; resume from `checkpoint` if that file is there.

    A run that was killed and resumed ends with the same weights, bit by bit on the CPU, as one that was not.

    Args:
        net: on the CPU or where `fabric` puts it; its memory layout is kept.
        task: what to learn.
        checkpoint: file that says where the training stands.
        fabric: device and precision.
        tick: told of every step.

    Returns:
        The history, one row for `log_every` steps.

    Raises:
        InputError: the loss is not finite, or the checkpoint belongs to other settings or data.
    """
    progress, tensors = read_checkpoint(checkpoint, net, task.fingerprint)
    model = fabric.setup_module(net)
    total, before = sum(phase.steps for phase in task.phases), 0
    for number, phase in enumerate(task.phases):
        if number >= progress.phase:
            inner = _optimiser(task, phase)
            _restore(inner, tensors)
            optimiser = cast(torch.optim.Optimizer, fabric.setup_optimizers(inner))
            task.start_training(model)
            for step in range(progress.step, phase.steps):
                rate = learning_rate(phase, step)
                for group in inner.param_groups:
                    group["lr"] = rate * group["factor"]
                terms = _step(model, optimiser, task, phase, before + step, fabric)
                progress = progress.with_step(step + 1, terms)
                if progress.row_is_full(task.log_every) or step + 1 == phase.steps:
                    progress = progress.with_row(number, before + step + 1, rate, task.observe())
                    task.start_training(model)
                if (step + 1) % task.checkpoint_every == 0 and step + 1 < phase.steps:
                    write_checkpoint(checkpoint, net, inner, progress, task.fingerprint)
                tick(Tick(task.stage, before + step + 1, total, f"loss {terms['loss']:.4g}"))
            progress, tensors = progress.next_phase(), {}
            write_checkpoint(checkpoint, net, None, progress, task.fingerprint)
        before += phase.steps
    return progress.rows


def _step(
    model: nn.Module, optimiser: torch.optim.Optimizer, task: Task[Batch], phase: Phase, step: int, fabric: Fabric
) -> dict[str, float]:
    """One optimiser step; the means of the terms over its micro-batches."""
    sums: dict[str, float] = {}
    parts = task.batches(step)
    optimiser.zero_grad()
    for part in parts:
        terms = task.loss(model, fabric.to_device(part), phase)
        values = {name: float(value.detach()) for name, value in terms.items()}
        if not math.isfinite(values["loss"]):
            raise InputError(
                f"the loss must stay finite; at step {step} of {task.stage} it was {values['loss']} for "
                f"{task.who(part)}; try a lower rate or clip_norm (the last checkpoint is kept)"
            )
        fabric.backward(terms["loss"] / len(parts))
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value / len(parts)
    if task.optimiser.clip_norm is not None:
        fabric.clip_gradients(model, optimiser, max_norm=task.optimiser.clip_norm, error_if_nonfinite=False)
    optimiser.step()
    return sums


def _optimiser(task: Task[Batch], phase: Phase) -> torch.optim.Optimizer:
    settings = task.optimiser
    groups = [{"params": list(params), "factor": factor} for params, factor in task.groups(phase)]
    if settings.name == "adamw":
        return torch.optim.AdamW(groups, lr=phase.rate, weight_decay=settings.weight_decay)
    return torch.optim.SGD(
        groups,
        lr=phase.rate,
        momentum=settings.momentum,
        nesterov=settings.nesterov and settings.momentum > 0,
        weight_decay=settings.weight_decay,
    )


def _restore(optimiser: torch.optim.Optimizer, tensors: Mapping[int, Mapping[str, Tensor]]) -> None:
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for index, state in tensors.items():
        p = parameters[index]
        # AdamW's step counter stays on the CPU.
        optimiser.state[p] = {key: value if value.ndim == 0 else value.to(p.device) for key, value in state.items()}
