"""`gennari sample`: decide where to look, measure distances, pack the patches."""

from pathlib import Path

from gennari.cli.progress import progress
from gennari.pipeline.sampling import sample_stage
from gennari.pipeline.stages import create_run, locked
from gennari.recipes import experiment
from gennari.sources.dataset import open_dataset


def sample(dataset: Path, run: Path, *, preset: str = "demo") -> None:
    """Begin a run: split the sections, sample patches and pairs, measure geodesic distances, read the patches.

    Args:
        dataset: folder of a data set.
        run: folder of the run, made if it is not there.
        preset: recipe to follow: demo, tiny, default, easy or hard; saved as config.toml in the run.
    """
    recipe, _ = experiment(preset), open_dataset(dataset)  # refuse bad input before anything is made
    with locked(run, make=True), progress() as tick:
        sample_stage(create_run(run, dataset, recipe), tick)
