"""Where a training stands, in one file: weights, optimiser state and history, replaced as a whole or not at all."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gennari.errors import InputError
from gennari.nets.weights import read_tensors, write_tensors


@dataclass(frozen=True, kw_only=True)
class LogRow:
    """Means over the steps since the row before.

    Attributes:
        step: steps done since the beginning, through all phases.
        rate: learning rate of the last of them.
    """

    phase: int
    step: int
    rate: float
    terms: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a training has come; `sums` and `count` belong to the row that is not full yet."""

    phase: int = 0
    step: int = 0
    count: int = 0
    sums: Mapping[str, float] = field(default_factory=dict)
    rows: tuple[LogRow, ...] = ()

    def with_step(self, step: int, terms: Mapping[str, float]) -> "Progress":
        """After one more step of the phase."""
        sums = {name: self.sums.get(name, 0.0) + value for name, value in terms.items()}
        return dataclasses.replace(self, step=step, count=self.count + 1, sums=sums)

    def row_is_full(self, length: int) -> bool:
        """Whether the open row holds `length` steps."""
        return self.count >= length

    def with_row(self, phase: int, step: int, rate: float, further: Mapping[str, float]) -> "Progress":
        """Close the open row."""
        means = {name: value / self.count for name, value in self.sums.items()}
        row = LogRow(phase=phase, step=step, rate=rate, terms={**means, **further})
        return dataclasses.replace(self, count=0, sums={}, rows=(*self.rows, row))

    def next_phase(self) -> "Progress":
        """At the beginning of the next phase."""
        return dataclasses.replace(self, phase=self.phase + 1, step=0)


def write_checkpoint(
    path: Path, net: nn.Module, optimiser: torch.optim.Optimizer | None, progress: Progress, fingerprint: str
) -> None:
    """Write the state after a step; `optimiser` is None between phases, since each phase starts its own."""
    tensors = {f"net.{name}": value for name, value in net.state_dict().items()}
    if optimiser is not None:
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        for index, p in enumerate(parameters):
            for key, value in optimiser.state.get(p, {}).items():
                if value is not None:
                    tensors[f"optimiser.{index}.{key}"] = value
    metadata = {"progress": json.dumps(dataclasses.asdict(progress)), "fingerprint": fingerprint}
    write_tensors(path, tensors, metadata)


def read_checkpoint(path: Path, net: nn.Module, fingerprint: str) -> tuple[Progress, dict[int, dict[str, Tensor]]]:
    """Load the net's part into `net`; (progress, optimiser state by parameter). A missing file is a new beginning.

    Raises:
        InputError: the file is cut short, or belongs to other settings or data.
    """
    if not path.is_file():
        return Progress(), {}
    tensors, metadata = read_tensors(path)
    if metadata.get("fingerprint") != fingerprint:
        raise InputError(
            f"{path} must come from the same settings and data to be resumed, but it does not; "
            f"restore the old settings, or give another output folder"
        )
    net.load_state_dict({name.removeprefix("net."): t for name, t in tensors.items() if name.startswith("net.")})
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = value
    plain = json.loads(metadata["progress"])
    rows = tuple(LogRow(**row) for row in plain.pop("rows"))
    return Progress(**plain, rows=rows), state


def fingerprint(*parts: str | np.ndarray) -> str:
    """A short hash of texts and arrays."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes()
        total.update(f"{len(data)}:".encode())
        total.update(data)
    return total.hexdigest()[:16]
