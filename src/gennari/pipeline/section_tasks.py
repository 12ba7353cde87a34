"""A stage as one task a section, on any executor: each is finished once, and what fails does not stop the rest."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from gennari.errors import InputError, Interrupted
from gennari.execute import ErrorWords, Report, TasksFailed, Tick, described, run_tasks, usable_cores
from gennari.pipeline.claims import claimed
from gennari.pipeline.digests import code_digest
from gennari.pipeline.executors import HERE, ExecutorChoice, open_executor
from gennari.pipeline.task_records import (
    CLAIM,
    FAILURE,
    PLAN,
    RECEIPT,
    Now,
    Plan,
    SectionTask,
    SectionWork,
    TaskFailure,
    TaskReceipt,
    is_finished,
    made_by,
    read_record,
    utc_now,
)  # fmt: skip
from gennari.sources.atomic import remove_leftovers, write_json


@dataclass(frozen=True, kw_only=True)
class Part:
    """The i-th of n parts of the sections, counted from 1: every n-th, since neighbours are of like size."""

    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> "Part":
        """'2/4'; raises InputError for what is none."""
        index, _, count = text.partition("/")
        if index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count):
            return cls(index=int(index), count=int(count))
        raise InputError(f"a part is i/N with 1 <= i <= N, such as 2/4, got '{text}'; correct --part")

    def of(self, tasks: Sequence[SectionTask]) -> Sequence[SectionTask]:
        """Its share of all tasks."""
        return tasks[self.index - 1 :: self.count]


WHOLE = Part()


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How the sections of a stage are spread over processes and machines, which changes nothing of what they leave."""

    executor: ExecutorChoice = HERE
    part: Part = WHOLE


ALONE = Spread()


def run_sections(
    work: SectionWork, tasks: Sequence[SectionTask], spread: Spread, tick: Report, now: Now = utc_now
) -> bool:
    """Do what is not yet done of a stage's sections, or of a part of them.

    Args:
        work: what is done to each.
        tasks: all sections of the stage.
        spread: where, and which part.
        tick: told of every section.
        now: the clock, for people who read receipts.

    Returns:
        Whether all of `tasks` are finished; where a part was asked for, the others may not be.

    Raises:
        InputError: sections failed for what a user gave; their reasons are named and stand on disk. The rest is done.
        Interrupted: a section was, or another process still works on one.
        TasksFailed: sections failed for another reason.
    """
    sections = tuple((task.brain, task.section) for task in tasks)
    plan = Plan(stage=work.stage, code=work.code, weights=work.weights, sections=sections, unit=work.unit)
    if read_record(work.folder / PLAN, Plan) != plan:
        write_json(work.folder / PLAN, plan)
    mine = spread.part.of(tasks)
    left = [task for task in mine if not is_finished(work, task)]
    before = len(mine) - len(left)
    if before:
        tick(Tick(work.stage, before, len(mine), "already finished"))
    if left:
        _run(work, left, spread.executor, lambda t: tick(t._replace(done=before + t.done, total=len(mine))), now)
    elsewhere = [task for task in mine if not _has_receipt(work, task)]
    if elsewhere:
        raise Interrupted(
            f"another process (a job that was left behind, or another part) still works on {len(elsewhere)} of the "
            f"{work.unit}s: {', '.join(task.name for task in elsewhere[:3])}"
        )
    return all(_has_receipt(work, task) for task in tasks)


def do_section(work: SectionWork, task: SectionTask, *, side_by_side: int, elsewhere: bool, now: Now) -> bool:
    """Do one section, wherever this is called; what it leaves is whole, and its receipt comes last.

    Args:
        work: what is done to it.
        task: which.
        side_by_side: how many such tasks share this machine.
        elsewhere: this is another process than the one that asks, so that its code may be another.
        now: the clock.

    Returns:
        Whether it is finished; False if another process works on it.

    Raises:
        InputError: elsewhere, the code differs.
        Exception: whatever the function raises; the reason stands on disk.
    """
    with claimed(work.path(task, CLAIM)) as ours:
        if not ours:
            return False
        if is_finished(work, task):  # by another process, in the meantime
            return True
        work.path(task, FAILURE).unlink(missing_ok=True)
        try:
            if elsewhere:
                _check_code(work)
            write_json(work.path(task, RECEIPT), _made(work, task, max(1, usable_cores() // side_by_side), now))
        except Interrupted:
            raise
        except Exception as error:
            with suppress(OSError):  # the disk may be full; the error itself is told all the same
                leave_failure(work, task, described(error), now)
            raise
    return True


def leave_failure(work: SectionWork, task: SectionTask, error: ErrorWords, now: Now) -> None:
    """Leave the reason why a section failed."""
    record = TaskFailure(
        brain=task.brain, section=task.section, reason=error.reason, trace=error.trace, bad_input=error.bad_input,
        failed=now().isoformat(timespec="milliseconds"),
    )  # fmt: skip
    write_json(work.path(task, FAILURE), record)


def _run(work: SectionWork, left: Sequence[SectionTask], choice: ExecutorChoice, tick: Report, now: Now) -> None:
    with open_executor(choice, len(left), work.side_by_side, work.folder) as place:
        elsewhere = place.executor is not None
        function = partial(do_section, work, side_by_side=place.side_by_side, elsewhere=elsewhere, now=now)
        try:
            run_tasks(
                function, left, executor=place.executor, tick=tick, stage=f"{work.unit}s of {work.stage}",
                name=lambda task: task.name,
            )  # fmt: skip
        except TasksFailed as failed:
            lost = [(left[failure.index], failure) for failure in failed.failures]
            for task, failure in lost:  # a worker that died could not say so itself
                record = read_record(work.path(task, FAILURE), TaskFailure)
                if (record is None or record.reason != failure.reason) and not is_finished(work, task):
                    words = ErrorWords(failure.reason, failure.trace, failure.bad_input, failure.interrupted)
                    with suppress(OSError):  # as in `do_section`
                        leave_failure(work, task, words, now)
            if not all(is_finished(work, task) for task, _ in lost):
                raise


def _has_receipt(work: SectionWork, task: SectionTask) -> bool:
    """As `is_finished`, but without reading inputs again: it was, or another process said so, a moment ago."""
    receipt = made_by(work.root, work.path(task, RECEIPT), work.code, work.weights)
    return receipt is not None and set(task.outputs) <= set(receipt.outputs)


def _made(work: SectionWork, task: SectionTask, threads: int, now: Now) -> TaskReceipt:
    for output in task.outputs:
        remove_leftovers(work.root / output)
    began, inputs = time.monotonic(), work.inputs(task.brain, task.section)
    made = {str(path.relative_to(work.root)) for path in work.function(task.brain, task.section, threads)}
    missing = [output for output in task.outputs if output not in made or not (work.root / output).exists()]
    if missing:
        raise RuntimeError(f"{work.stage} of {task.name} must leave {', '.join(missing)}, but did not")
    return TaskReceipt(
        brain=task.brain, section=task.section, inputs=inputs, code=work.code, weights=work.weights,
        seconds=round(time.monotonic() - began, 3), finished=now().isoformat(timespec="milliseconds"),
        outputs=tuple(sorted(made)),
    )  # fmt: skip


def _check_code(work: SectionWork) -> None:
    if code_digest(work.rooms) != work.code:
        raise InputError(
            "all sections of a stage are made by one version of gennari, but this worker has another than the process "
            "that asked for them; install the same one everywhere, or begin again where it was edited meanwhile"
        )
