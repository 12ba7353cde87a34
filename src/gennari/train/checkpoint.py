"""Where a training stands, in one file: all that goes on from there, replaced as a whole or not at all."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gennari.errors import InputError
from gennari.nets.weights import read_tensors, write_tensors
from gennari.train.guard import Level
from gennari.train.settings import Guard


@dataclass(frozen=True, kw_only=True)
class LogRow:
    """Means over the steps since the row before.

    Attributes:
        step: steps done since the beginning, through all phases.
        rate: learning rate of the last of them.
        data_wait_share: part of the time that the first rank waited for its batches.
    """

    phase: int
    step: int
    rate: float
    terms: Mapping[str, float]
    data_wait_share: float = field(default=0.0, compare=False)  # the one value that a repeated run does not repeat


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a training has come: phase and step say where in the schedule and, batches being pure, in the sampling.

    Attributes:
        step: steps done in the phase.
        count: steps in the row that is not full yet; `sums` are theirs.
        level: of the phase's losses, for the guard.
    """

    phase: int = 0
    step: int = 0
    count: int = 0
    sums: Mapping[str, float] = field(default_factory=dict)
    rows: tuple[LogRow, ...] = ()
    level: Level = field(default_factory=Level)

    def with_step(self, step: int, terms: Mapping[str, float], guard: Guard) -> "Progress":
        """After one more step of the phase."""
        sums = {name: self.sums.get(name, 0.0) + value for name, value in terms.items()}
        level = self.level.with_loss(terms["loss"], guard)
        return dataclasses.replace(self, step=step, count=self.count + 1, sums=sums, level=level)

    def row_is_full(self, length: int) -> bool:
        """Whether the open row holds `length` steps."""
        return self.count >= length

    def with_row(
        self, phase: int, step: int, rate: float, further: Mapping[str, float], data_wait_share: float = 0.0
    ) -> "Progress":
        """Close the open row."""
        means = {name: value / self.count for name, value in self.sums.items()}
        row = LogRow(phase=phase, step=step, rate=rate, terms={**means, **further}, data_wait_share=data_wait_share)
        return dataclasses.replace(self, count=0, sums={}, rows=(*self.rows, row))

    def next_phase(self) -> "Progress":
        """At the beginning of the next phase."""
        return dataclasses.replace(self, phase=self.phase + 1, step=0, level=Level())


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a training goes on from.

    Attributes:
        net: weights and buffers by name.
        optimiser: state of the optimiser's parameters by their index; empty at the beginning of a phase, since each
            phase starts its own.
        generators: for each rank, the states of its process's global random generators by name.
    """

    progress: Progress
    net: Mapping[str, Tensor]
    optimiser: Mapping[int, Mapping[str, Tensor]]
    generators: Sequence[Mapping[str, Tensor]]


def write_checkpoint(path: Path, checkpoint: Checkpoint, fingerprint: str) -> None:
    """Write the state after a step; a crash leaves the file that was there before."""
    tensors = {f"net.{name}": value for name, value in checkpoint.net.items()}
    for kind, parts in (("optimiser", checkpoint.optimiser), ("generators", dict(enumerate(checkpoint.generators)))):
        tensors |= {f"{kind}.{i}.{key}": value for i, values in parts.items() for key, value in values.items()}
    metadata = {"progress": json.dumps(dataclasses.asdict(checkpoint.progress)), "fingerprint": fingerprint}
    write_tensors(path, tensors, metadata)


def read_checkpoint(path: Path, fingerprint: str) -> Checkpoint | None:
    """The state that was written; None without a file, which is a new beginning.

    Raises:
        InputError: the file is cut short, malformed, or belongs to other settings or data.
    """
    if not path.is_file():
        return None
    tensors, metadata = read_tensors(path)
    if metadata.get("fingerprint") != fingerprint:
        raise InputError(
            f"{path} must come from the same settings and data to be resumed, but it does not; "
            f"restore the old settings, or give another output folder"
        )
    try:
        return _checkpoint(tensors, metadata)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path} must be a checkpoint that gennari wrote, but it cannot be read ({error!r}); remove it to "
            "begin anew"
        ) from error


def optimiser_state(optimiser: torch.optim.Optimizer) -> dict[int, dict[str, Tensor]]:
    """The tensors of an optimiser's state, by the index of the parameter."""
    state = {i: optimiser.state.get(p, {}) for i, p in enumerate(_parameters(optimiser))}
    return {i: {key: value for key, value in of.items() if value is not None} for i, of in state.items() if of}


def restore_optimiser(optimiser: torch.optim.Optimizer, state: Mapping[int, Mapping[str, Tensor]]) -> None:
    """Put `optimiser_state` back."""
    parameters = _parameters(optimiser)
    for index, values in state.items():
        p = parameters[index]
        # AdamW's step counter stays on the CPU.
        optimiser.state[p] = {key: value if value.ndim == 0 else value.to(p.device) for key, value in values.items()}


def fingerprint(*parts: str | np.ndarray) -> str:
    """A short hash of texts and arrays."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes()
        total.update(f"{len(data)}:".encode())
        total.update(data)
    return total.hexdigest()[:16]


def _checkpoint(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Checkpoint:
    net: dict[str, Tensor] = {}
    numbered: dict[str, dict[int, dict[str, Tensor]]] = {"optimiser": {}, "generators": {}}
    for name, value in tensors.items():
        kind, rest = name.split(".", 1)
        if kind == "net":
            net[rest] = value
        else:
            index, key = rest.split(".", 1)
            numbered[kind].setdefault(int(index), {})[key] = value
    plain = json.loads(metadata["progress"])
    rows, level = tuple(LogRow(**row) for row in plain.pop("rows")), plain.pop("level")
    return Checkpoint(
        progress=Progress(**plain, rows=rows, level=Level(**level | {"recent": tuple(level["recent"])})),
        net=net,
        optimiser=numbered["optimiser"],
        generators=[numbered["generators"][rank] for rank in sorted(numbered["generators"])],
    )


def _parameters(optimiser: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [p for group in optimiser.param_groups for p in group["params"]]
