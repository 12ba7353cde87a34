"""`gennari sample`: decide where to look, measure distances."""

from pathlib import Path
from typing import Literal

from gennari.cli.progress import progress
from gennari.nets.sizes import Pooling
from gennari.pipeline.sampling import sample_stage
from gennari.pipeline.splitting import check_held_out
from gennari.pipeline.stages import create_run, locked
from gennari.recipes.experiment import changed
from gennari.recipes.presets import experiment
from gennari.records import Quality
from gennari.sampling.split import SplitKind
from gennari.sources.dataset import open_dataset


def sample(
    dataset: Path,
    run: Path,
    *,
    preset: str = "default",
    split: SplitKind | None = None,
    hold_out: str | None = None,
    every: int | None = None,
    guard_patches: float | None = None,
    min_quality: Quality | None = None,
    min_tissue: float | None = None,
    exact: bool = False,
    degrees: Literal["hubs", "configuration"] | None = None,
    cross_hemisphere: bool = False,
    encoder: str | None = None,
    pooling: Pooling | None = None,
) -> None:
    """Begin a run: split the sections, sample patches and pairs, measure geodesic distances.

    What an option leaves open is as the recipe says; what it says is saved with the recipe in the run's config.toml.

    Args:
        dataset: folder of a data set.
        run: folder of the run, made if it is not there.
        preset: recipe to follow: default (what `gennari compare` found best; half an hour of training on a core),
            demo (the paper's losses, minutes), tiny, easy, hard, borders-small, or for your own sections at 2 µm
            paper-2018 or paper-2018-20k; saved as config.toml in the run.
        split: blocks (runs of sections with guard bands), paper (every 12th section is tested) or lobo (one labelled
            brain is left out; the pretext brain stays in blocks).
        hold_out: the brain that lobo leaves out.
        every: which sections paper tests.
        guard_patches: width of the guard bands in sides of a patch, more than 1.
        min_quality: sections rated worse give no patches: excellent, good, fair or poor.
        min_tissue: least share of a patch that is tissue, 0 to 1.
        exact: measure distances by the exact method, seconds a source instead of a tenth.
        degrees: hubs: few patches take part in many pairs (2,000 sources for 200,000 pairs); configuration: stubs of
            one power law matched at random (70,000 sources). What the recipe says if left out.
        cross_hemisphere: let pairs span the hemispheres, the right one's places mapped to the left one.
        encoder: of both networks: paper, residual (its convolutions with shortcuts), or the import path
            package.module:Class of a module of your own, which is called with the recipe's texture settings.
        pooling: what the Siamese network's last layer reads of a patch: flatten (all cells) or global (their mean).
    """
    bands = {"every": every, "guard_patches": guard_patches}
    recipe = changed(
        experiment(preset),
        pretext_split={"kind": None if split == "lobo" else split, **bands},
        area_split={"kind": split, "held_out": hold_out, **bands},
        patches={"min_quality": min_quality, "min_tissue": min_tissue},
        pairs={"exact": exact or None, "degrees": degrees, "cross_hemisphere": cross_hemisphere or None},
        texture={"encoder": encoder, "pooling": pooling},
    )
    check_held_out(open_dataset(dataset), recipe)  # refuse bad input before anything is made
    with locked(run, make=True), progress() as tick:
        sample_stage(create_run(run, dataset, recipe), tick)
