"""`gennari pack`: write the sampled patches once."""

from pathlib import Path

from gennari.cli.progress import progress
from gennari.cli.spreading import spread_of
from gennari.errors import InputError
from gennari.pipeline.packing import pack_stage
from gennari.pipeline.stages import locked, open_run


def pack(
    run: Path,
    *,
    workers: int | None = None,
    executor: str | None = None,
    sbatch: tuple[str, ...] = (),
    part: str | None = None,
) -> None:
    """Cut the patches of a run out of their sections and write them to `patches.zarr`, which training then reads.

    Without it training reads the sections themselves: the same pixels, but each patch is resampled whenever it is used.
    Each shard of 128 patches is a task of its own: a call that was interrupted is repeated to go on, and
    `gennari status RUN` counts.

    Args:
        run: folder of the run.
        workers: processes on this machine, each of which holds a shard in memory; all cores by default if there is
            much to do. The same as --executor local:N.
        executor: local:N, dask:N, dask:tcp://HOST:PORT, or slurm:N for an array of N jobs; the numbers may be left out.
        sbatch: a parameter of SLURM's jobs such as time=60 (minutes) or mem=4GB.
        part: i/N, such as 2/4: this part of the shards only; parts may be worked on at the same time.
    """
    if workers is not None and workers < 1:
        raise InputError(f"packing needs at least one worker, got {workers}; correct --workers")
    if workers is not None and executor is not None:
        raise InputError(
            f"--workers N is short for --executor local:N, got both ({workers} and {executor}); leave one of them out"
        )
    named = f"local:{workers}" if workers is not None else executor
    asked = named is not None or sbatch or part is not None
    spread = spread_of(named, sbatch, part) if asked else None
    with locked(run, part=part or ""), progress() as tick:
        pack_stage(open_run(run), tick, spread)
