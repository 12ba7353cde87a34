"""The one checkpoint file of a training, shared by its ranks: the first writes and reads, all save and go on alike."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lightning_fabric import Fabric
from torch import Tensor, nn

from gennari.sources.atomic import remove_leftovers
from gennari.train.checkpoint import Checkpoint, Progress, read_checkpoint, write_checkpoint
from gennari.train.generators import generator_states
from gennari.train.parallel import gathered
from gennari.train.settings import Phase


class Store:
    """Loads and saves checkpoints of one training and knows which was the last.

    Args:
        path: of the file.
        fingerprint: of settings and data.
        phases: of the training, to count steps through all of them.
        fabric: processes and device.
    """

    def __init__(self, path: Path, fingerprint: str, phases: Sequence[Phase], fabric: Fabric) -> None:
        self.fabric = fabric
        self._path, self._fingerprint, self._phases = path, fingerprint, phases
        self._saved: Progress | None = None

    @property
    def last(self) -> str:
        """Which checkpoint to go back to, in words."""
        if self._saved is None:
            return "no checkpoint was written yet"
        done = sum(phase.steps for phase in self._phases[: self._saved.phase]) + self._saved.step
        return f"the last good checkpoint is {self._path} after {done} steps"

    def load(self, net: nn.Module) -> tuple[Progress, Mapping[int, Mapping[str, Tensor]], Mapping[str, Tensor] | None]:
        """Put the weights of the file, if there is one, into `net`.

        Returns:
            Progress, state of the optimiser, and states of this rank's random generators. A rank that the saved run did
            not have gets None for the last.

        Raises:
            InputError: the file is cut short, or belongs to other settings or data.
        """
        saved = None
        if self.fabric.is_global_zero:
            remove_leftovers(self._path)
            saved = read_checkpoint(self._path, self._fingerprint)
        saved = self.fabric.broadcast(saved)
        if saved is None:
            return Progress(), {}, None
        self._saved = saved.progress
        net.load_state_dict(dict(saved.net))
        known = self.fabric.global_rank < len(saved.generators)
        return saved.progress, saved.optimiser, saved.generators[self.fabric.global_rank] if known else None

    def save(self, progress: Progress, net: nn.Module, optimiser: Mapping[int, Mapping[str, Tensor]]) -> None:
        """Write where the training stands; every rank must call, since each has random generators of its own."""
        generators = gathered(generator_states(self.fabric.device), self.fabric)
        if self.fabric.is_global_zero:
            checkpoint = Checkpoint(progress=progress, net=net.state_dict(), optimiser=optimiser, generators=generators)
            write_checkpoint(self._path, checkpoint, self._fingerprint)
        self._saved = progress
