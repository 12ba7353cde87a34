"""How far a run is: stages, and of those that are made section by section what is done, at work, failed or left."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from gennari.pipeline.claims import is_claimed
from gennari.pipeline.stages import LOCK, open_run, receipts
from gennari.pipeline.task_records import (
    CLAIM,
    FAILURE,
    FOLDER,
    PLAN,
    RECEIPT,
    Plan,
    TaskFailure,
    made_by,
    read_record,
    task_path,
)  # fmt: skip
from gennari.sources.documents import read_json


class StageStatus(BaseModel):
    """One stage; a stage that is made as a whole is a stage of one, and a finished one has all that it consists of.

    Attributes:
        finished: it has its receipt.
        seconds: that the call which finished it took; None while it is not.
        total: sections, or what `unit` says.
        done: with a receipt.
        running: that a process works on now.
        broken_off: that a process worked on when it was killed.
        failed: with the reason why.
        made_otherwise: with a receipt of other code or weights than the stage is made with now; they are made again.
    """

    model_config = ConfigDict(frozen=True)

    stage: str
    finished: bool
    seconds: float | None
    total: int = 1
    done: int = 1
    running: int = 0
    broken_off: int = 0
    failed: tuple[TaskFailure, ...] = ()
    made_otherwise: int = 0
    unit: str = "section"

    @property
    def left(self) -> int:
        """Sections that nobody has begun."""
        return self.total - self.done - self.running - self.broken_off - len(self.failed)


class RunStatus(BaseModel):
    """A run; `busy` says that a process works in its folder now."""

    model_config = ConfigDict(frozen=True)

    busy: bool
    stages: tuple[StageStatus, ...]


def run_status(root: Path) -> RunStatus:
    """Count what a run has on disk; nothing is locked for longer than a moment, so work goes on meanwhile.

    Raises:
        InputError: it is no run.
    """
    run = open_run(root)
    seconds = {receipt.stage: receipt.seconds for receipt in receipts(run)}
    plans = [read_json(path, Plan) for path in sorted(run.path(FOLDER).glob(f"*/{PLAN}"))]
    in_sections = {plan.stage: _counted(run.root, plan, seconds.get(plan.stage)) for plan in plans}
    whole = [StageStatus(stage=stage, finished=True, seconds=took) for stage, took in seconds.items()]
    begun = [status for stage, status in in_sections.items() if stage not in seconds]
    stages = [in_sections.get(status.stage, status) for status in whole] + begun
    return RunStatus(busy=is_claimed(run.path(LOCK)), stages=tuple(stages))


def status_words(status: RunStatus) -> str:
    """A line a stage, and one for each failure."""
    width = max((len(stage.stage) for stage in status.stages), default=0)
    lines = []
    for stage in status.stages:
        lines.append(f"{stage.stage:<{width}}  {_stage_words(stage)}")
        lines += [f"{'':<{width}}  {failure.brain} {failure.section}: {failure.reason}" for failure in stage.failed]
    lines = lines or ["nothing is finished yet"]
    return "\n".join([*lines, "a process works in this run now"] if status.busy else lines)


def _counted(root: Path, plan: Plan, seconds: float | None) -> StageStatus:
    total, unit = len(plan.sections), plan.unit
    if seconds is not None:  # what the tasks left may have been put together since
        return StageStatus(stage=plan.stage, finished=True, seconds=seconds, total=total, done=total, unit=unit)
    done = running = broken_off = otherwise = 0
    failed: list[TaskFailure] = []
    for brain, section in plan.sections:
        receipt, failure, claim = (
            task_path(root, plan.stage, brain, section, ending) for ending in (RECEIPT, FAILURE, CLAIM)
        )
        if is_claimed(claim):
            running += 1
        elif made_by(root, receipt, plan.code, plan.weights):
            done += 1
        elif (record := read_record(failure, TaskFailure)) is not None:
            failed.append(record)
        elif claim.exists():
            broken_off += 1
        elif receipt.exists():
            otherwise += 1
    return StageStatus(
        stage=plan.stage, finished=False, seconds=None, total=total, done=done, running=running, broken_off=broken_off,
        failed=tuple(failed), made_otherwise=otherwise, unit=unit,
    )  # fmt: skip


def _stage_words(stage: StageStatus) -> str:
    if stage.finished:
        of_sections = f", {stage.total} {stage.unit}s" if stage.total > 1 else ""
        return f"finished in {stage.seconds:.1f} s{of_sections}"
    counts: Sequence[tuple[int, str]] = (
        (stage.running, "running"), (len(stage.failed), "failed"), (stage.broken_off, "broken off"),
        (stage.made_otherwise, "made by other code or weights"), (stage.left - stage.made_otherwise, "not begun"),
    )  # fmt: skip
    return ", ".join([f"{stage.done} of {stage.total} {stage.unit}s done", *(f"{n} {word}" for n, word in counts if n)])
