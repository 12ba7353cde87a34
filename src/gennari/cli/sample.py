"""`gennari sample`: decide where to look, measure distances, pack the patches."""

from pathlib import Path
from typing import Literal

from gennari.cli.progress import progress
from gennari.pipeline.sampling import sample_stage
from gennari.pipeline.stages import create_run, locked
from gennari.recipes import experiment
from gennari.sources.dataset import open_dataset


def sample(
    dataset: Path,
    run: Path,
    *,
    preset: str = "demo",
    exact: bool = False,
    degrees: Literal["hubs", "configuration"] | None = None,
    cross_hemisphere: bool = False,
) -> None:
    """Begin a run: split the sections, sample patches and pairs, measure geodesic distances, read the patches.

    Args:
        dataset: folder of a data set.
        run: folder of the run, made if it is not there.
        preset: recipe to follow: demo, tiny, default, easy or hard; saved as config.toml in the run.
        exact: measure distances by the exact method, seconds a source instead of a tenth.
        degrees: hubs: few patches take part in many pairs (2,000 sources for 200,000 pairs); configuration: stubs of
            one power law matched at random (70,000 sources). What the recipe says if left out.
        cross_hemisphere: let pairs span the hemispheres, the right one's places mapped to the left one.
    """
    recipe, _ = experiment(preset), open_dataset(dataset)  # refuse bad input before anything is made
    asked = {"exact": exact, "degrees": degrees, "cross_hemisphere": cross_hemisphere}
    pairs = recipe.pairs.model_copy(update={name: value for name, value in asked.items() if value})
    recipe = recipe.model_copy(update={"pairs": pairs})
    with locked(run, make=True), progress() as tick:
        sample_stage(create_run(run, dataset, recipe), tick)
