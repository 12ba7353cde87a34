"""The one training loop, on Lightning Fabric: read it from top to bottom."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Generic, NoReturn, TypeVar

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from gennari.data.prefetch import Prefetched
from gennari.errors import InputError, Interrupted
from gennari.execute import Report, Tick
from gennari.train.checkpoint import LogRow, optimiser_state, restore_optimiser
from gennari.train.devices import set_up
from gennari.train.generators import own_generators
from gennari.train.guard import broken_law, is_bad
from gennari.train.parallel import average_gradients, check_parts, gathered, joined_statistics
from gennari.train.ranks import share
from gennari.train.settings import Guard, Optimiser, Phase, learning_rate
from gennari.train.stopping import stop_requests
from gennari.train.store import Store

Batch = TypeVar("Batch")


@dataclass(frozen=True, kw_only=True)
class Task(Generic[Batch]):
    """What is to be learned, and from what; a pure function of the step, so that a resumed run does the same.

    Attributes:
        stage: name for progress ticks.
        parts: step -> its number of micro-batches; steps count through all phases.
        batch: (step, part) -> the micro-batch.
        weight: micro-batch -> what it holds (pairs, labelled pixels); the step's loss is the mean over all of that.
        loss: (net, micro-batch, phase) -> named terms; "loss" is what is minimised, all are logged as means.
        who: micro-batch -> what it was made of, for the message when the loss is bad.
        groups: phase -> (parameters, factor on the learning rate).
        start_training: puts the net into its training mode.
        observe: called where a row of the history ends, by the first rank; further terms for it.
        fingerprint: of settings and data; a checkpoint with another one is refused.
        loaders: processes that make batches ahead; `parts` and `batch` must be picklable then.
        seed: of the global random generators, for layers that draw (batches have seeds of their own).
        across_ranks: the loss of a micro-batch waits for those of other ranks.
        keep_every: steps between calls of `keep`; None: never.
        keep: called by the first rank with the number of steps done.
    """

    stage: str
    phases: Sequence[Phase]
    optimiser: Optimiser
    parts: Callable[[int], int]
    batch: Callable[[int, int], Batch]
    weight: Callable[[Batch], float]
    loss: Callable[[nn.Module, Batch, Phase], Mapping[str, Tensor]]
    who: Callable[[Batch], str]
    groups: Callable[[Phase], Sequence[tuple[Sequence[nn.Parameter], float]]]
    start_training: Callable[[nn.Module], object]
    observe: Callable[[], Mapping[str, float]]
    log_every: int
    checkpoint_every: int
    fingerprint: str
    seed: int = 0
    loaders: int = 0
    guard: Guard = field(default_factory=Guard)
    sync_batch_norm: bool = False
    across_ranks: bool = False
    keep_every: int | None = None
    keep: Callable[[int], object] = lambda _step: None


def train(net: nn.Module, task: Task[Batch], checkpoint: Path, fabric: Fabric, tick: Report) -> tuple[LogRow, ...]:
    """Train `net` in place; resume from `checkpoint` if that file is there.

    A run that was killed and resumed ends with the same weights, bit by bit on the CPU, as one that was not. With
    several processes each runs its part of every step's micro-batches, and the result is that of one process.

    Args:
        net: on the CPU or where `fabric` puts it; its memory layout is kept. The same on every rank.
        task: what to learn.
        checkpoint: file that says where the training stands; only the first rank writes it.
        fabric: launched; device, precision and processes.
        tick: told of every step.

    Returns:
        The history, one row for `log_every` steps; on every rank the same.

    Raises:
        InputError: the loss is not finite or explodes, there are more processes than micro-batches, or the checkpoint
            belongs to other settings or data.
        Interrupted: SIGINT or SIGTERM came; the last whole step is in the checkpoint.
    """
    total, before = sum(phase.steps for phase in task.phases), 0
    check_parts({task.parts(step) for step in range(total)}, fabric, task.sync_batch_norm, task.across_ranks)
    store = Store(checkpoint, task.fingerprint, task.phases, fabric)
    progress, optimiser_was, generators_were = store.load(net)
    model = set_up(net, fabric, task.sync_batch_norm)
    batches = Prefetched(
        partial(_of_rank, task.parts, task.batch, fabric.global_rank, fabric.world_size), total, task.loaders
    )
    with own_generators(task.seed, fabric, generators_were), stop_requests() as asked, batches as ahead:
        for number, phase in enumerate(task.phases):
            if number >= progress.phase:
                optimiser = _optimiser(task.optimiser, task.groups(phase), phase)
                restore_optimiser(optimiser, optimiser_was)
                task.start_training(model)
                for step in range(progress.step, phase.steps):
                    rate = learning_rate(phase, step)
                    for group in optimiser.param_groups:
                        group["lr"] = rate * group["factor"]
                    limit = progress.level.limit(task.guard)
                    terms, stop = _step(model, optimiser, task, phase, before + step, ahead, limit, store, asked)
                    progress = progress.with_step(step + 1, terms, task.guard)
                    last = step + 1 == phase.steps
                    if progress.row_is_full(task.log_every) or last:
                        seen = fabric.broadcast(task.observe() if fabric.is_global_zero else {})
                        progress = progress.with_row(number, before + step + 1, rate, seen, ahead.wait_share())
                        task.start_training(model)
                    progress = progress.next_phase() if last else progress
                    if last or stop or (step + 1) % task.checkpoint_every == 0:
                        store.save(progress, net, {} if last else optimiser_state(optimiser))
                    if task.keep_every and (before + step + 1) % task.keep_every == 0 and fabric.is_global_zero:
                        task.keep(before + step + 1)
                    tick(Tick(task.stage, before + step + 1, total, f"loss {terms['loss']:.4g}"))
                    if stop:
                        raise Interrupted(f"stopped after step {before + step + 1} of {total} of {task.stage}")
                optimiser_was = {}
            before += phase.steps
    return progress.rows


def _step(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    task: Task[Batch],
    phase: Phase,
    step: int,
    ahead: Callable[[int], Sequence[Batch]],
    limit: float,
    store: Store,
    asked: Callable[[], bool],
) -> tuple[dict[str, float], bool]:
    """One optimiser step of all ranks; the means of the terms, and whether any rank was asked to stop."""
    fabric = store.fabric
    batches = ahead(step)
    weights = [float(task.weight(batch)) for batch in batches]
    own_parts = _parts_of_one(weights)
    optimiser.zero_grad()
    with joined_statistics(model, fabric):
        values = _backward(model, task, phase, batches, own_parts, fabric)
    own = (_mean(values, own_parts), math.fsum(weights), asked())
    means_of, weight_of, stops = zip(*gathered(own, fabric), strict=True)
    parts = _parts_of_one(weight_of)
    means = _mean(means_of, parts)

    def refuse(law: str, value: float, bad: float) -> NoReturn:
        named = [task.who(batch) for batch, of_one in zip(batches, values, strict=True) if is_bad(of_one["loss"], bad)]
        guilty = " and ".join(who for of_rank in gathered(named, fabric) for who in of_rank)
        raise InputError(
            f"{law}; at step {step} of {task.stage} it was {value:.4g} for {guilty}; try a lower rate or clip_norm, "
            f"{store.last}"
        )

    if is_bad(means["loss"], limit):
        refuse(broken_law(task.guard, means["loss"], limit), means["loss"], limit)
    parameters = [p for group in optimiser.param_groups for p in group["params"] if p.requires_grad]
    average_gradients(parameters, parts[fabric.global_rank], fabric)
    norm = torch.nn.utils.clip_grad_norm_(parameters, task.optimiser.clip_norm or math.inf)
    if not torch.isfinite(norm):
        refuse("the gradient must stay finite", float(norm), -1.0)
    optimiser.step()
    return means, any(stops)


def _of_rank(
    parts: Callable[[int], int], batch: Callable[[int, int], Batch], rank: int, size: int, step: int
) -> list[Batch]:
    """The micro-batches of a step that a rank runs."""
    return [batch(step, part) for part in share(parts(step), rank, size)]


def _backward(
    model: nn.Module, task: Task[Batch], phase: Phase, batches: Sequence[Batch], parts: Sequence[float], fabric: Fabric
) -> list[dict[str, float]]:
    """Add up the gradients of micro-batches, each times its part; the terms of each."""
    names, rows = [], []
    for batch, part in zip(batches, parts, strict=True):
        terms = task.loss(model, fabric.to_device(batch), phase)
        fabric.backward(terms["loss"] * part)
        names = list(terms)
        rows.append(torch.stack([value.detach().float() for value in terms.values()]))
    # one transfer for all: a GPU waits whenever a number is read
    return [dict(zip(names, row, strict=True)) for row in (torch.stack(rows).tolist() if rows else [])]


def _parts_of_one(weights: Sequence[float]) -> list[float]:
    """Weights that sum to 1; equal ones where nothing weighs anything (a batch without labels)."""
    total = sum(weights)
    return [weight / total if total else 1 / len(weights) for weight in weights]


def _mean(values: Sequence[Mapping[str, float]], parts: Sequence[float]) -> dict[str, float]:
    """Means of named values, each times its part."""
    sums: dict[str, float] = {}
    for of_one, part in zip(values, parts, strict=True):
        for name, value in of_one.items():
            sums[name] = sums.get(name, 0.0) + value * part
    return sums


def _optimiser(
    settings: Optimiser, groups: Sequence[tuple[Sequence[nn.Parameter], float]], phase: Phase
) -> torch.optim.Optimizer:
    named = [{"params": list(params), "factor": factor} for params, factor in groups]
    if settings.name == "adamw":
        return torch.optim.AdamW(named, lr=phase.rate, weight_decay=settings.weight_decay)
    return torch.optim.SGD(
        named,
        lr=phase.rate,
        momentum=settings.momentum,
        nesterov=settings.nesterov and settings.momentum > 0,
        weight_decay=settings.weight_decay,
    )
