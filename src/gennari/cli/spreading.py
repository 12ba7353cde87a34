"""What --executor, --sbatch and --part of several verbs say."""

from gennari.errors import InputError
from gennari.pipeline.executors import HERE, ExecutorChoice
from gennari.pipeline.section_tasks import WHOLE, Part, Spread


def spread_of(executor: str | None, sbatch: tuple[str, ...], part: str | None = None) -> Spread:
    """How work is spread.

    Args:
        executor: as `ExecutorChoice.parse` takes it; None: this process.
        sbatch: parameters of SLURM's jobs.
        part: "i/N"; None: the whole.

    Raises:
        InputError: one of them is none, or --sbatch stands alone.
    """
    if sbatch and executor is None:
        raise InputError("--sbatch is for --executor slurm, but no executor is named; add it or leave --sbatch out")
    choice = ExecutorChoice.parse(executor, sbatch) if executor is not None else HERE
    return Spread(executor=choice, part=Part.parse(part) if part is not None else WHOLE)
