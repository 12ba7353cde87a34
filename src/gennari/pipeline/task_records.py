"""The sections of a stage as tasks, and what each leaves on disk: a receipt, or the reason why it failed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from gennari.errors import InputError
from gennari.sources.documents import read_json

FOLDER, PLAN = "tasks", "plan.json"
RECEIPT, FAILURE, CLAIM = ".json", ".failed.json", ".lock"
Now = Callable[[], datetime]
SectionFunction = Callable[[str, int, int], Sequence[Path]]
"""Called with brain, section and threads (its share of the machine): leaves outputs, says which; repeated, the same."""
AnyRecord = TypeVar("AnyRecord", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class SectionTask:
    """One section.

    Attributes:
        outputs: files and folders that it leaves, relative to the run.
    """

    brain: str
    section: int
    outputs: tuple[str, ...]

    @property
    def name(self) -> str:
        """How people call it."""
        return f"{self.brain} {self.section}"


@dataclass(frozen=True, kw_only=True)
class SectionWork:
    """What is done to each section. Picklable: workers are handed it.

    Attributes:
        stage: its name.
        root: folder of the run, absolute.
        function: does it.
        inputs: a hash of what a section is made from.
        rooms: the modules that decide what comes out, as `code_digest` takes them.
        code: hash of these.
        weights: hash of the networks that are used; empty if there are none.
        side_by_side: sections that one machine does at once where nobody says; what fills a GPU is done one by one.
        unit: what a task is, where it is not a section: then its number is that of a shard.
    """

    stage: str
    root: Path
    function: SectionFunction
    inputs: Callable[[str, int], str]
    rooms: tuple[str, ...]
    code: str
    weights: str = ""
    side_by_side: int = 1
    unit: str = "section"

    @property
    def folder(self) -> Path:
        """Where receipts and failures of its tasks stand."""
        return self.root / FOLDER / self.stage

    def path(self, task: SectionTask, ending: str) -> Path:
        """A file of a task: RECEIPT, FAILURE or CLAIM."""
        return task_path(self.root, self.stage, task.brain, task.section, ending)


class Record(BaseModel):
    """A file that a stage's tasks leave."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Plan(Record):
    """plan.json: the sections that a stage consists of, and what makes them; whoever counts reads this."""

    stage: str
    code: str
    weights: str
    sections: tuple[tuple[str, int], ...]
    unit: str = "section"


class TaskReceipt(Record):
    """Proof that a section is finished: made from what, by which code and weights, in how many seconds."""

    brain: str
    section: int
    inputs: str
    code: str
    weights: str
    seconds: float
    finished: str
    outputs: tuple[str, ...]


class TaskFailure(Record):
    """Why a section failed.

    Attributes:
        trace: the traceback.
        bad_input: it is for the user to mend.
    """

    brain: str
    section: int
    reason: str
    trace: str
    bad_input: bool
    failed: str


def is_finished(work: SectionWork, task: SectionTask) -> bool:
    """Whether a section has a receipt that holds: same inputs, code and weights, and all its outputs are there."""
    receipt = made_by(work.root, work.path(task, RECEIPT), work.code, work.weights)
    if receipt is None or not set(task.outputs) <= set(receipt.outputs):
        return False
    return receipt.inputs == work.inputs(task.brain, task.section)


def made_by(root: Path, path: Path, code: str, weights: str) -> TaskReceipt | None:
    """The receipt at `path` if it is of this code and these weights and its outputs stand; else None."""
    receipt = read_record(path, TaskReceipt)
    if receipt is None or (receipt.code, receipt.weights) != (code, weights):
        return None
    return receipt if all((root / output).exists() for output in receipt.outputs) else None


def read_record(path: Path, kind: type[AnyRecord]) -> AnyRecord | None:
    """A record; None where there is none or it is damaged, since a damaged one proves nothing."""
    try:
        return read_json(path, kind)
    except InputError:
        return None


def task_path(root: Path, stage: str, brain: str, section: int, ending: str) -> Path:
    """Where a section's file of a stage stands in a run."""
    return root / FOLDER / stage / brain / f"{section:04d}{ending}"


def utc_now() -> datetime:
    """What the clock says; nothing but people reads it."""
    return datetime.now(UTC)
