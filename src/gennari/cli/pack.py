"""`gennari pack`: write the sampled patches once."""

from pathlib import Path

from gennari.cli.progress import progress
from gennari.pipeline.packing import pack_stage
from gennari.pipeline.stages import locked, open_run


def pack(run: Path, *, workers: int | None = None) -> None:
    """Cut the patches of a run out of their sections and write them to `patches.zarr`, which training then reads.

    Without it training reads the sections themselves: the same pixels, but each patch is resampled whenever it is used.
    A call that was interrupted is repeated to go on.

    Args:
        run: folder of the run.
        workers: processes, each of which holds 128 patches in memory; all cores by default if there is much to do.
    """
    with locked(run), progress() as tick:
        pack_stage(open_run(run), tick, workers)
