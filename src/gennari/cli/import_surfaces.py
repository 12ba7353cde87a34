"""`gennari import surfaces`: pial and white surfaces of a brain into a data set."""

import sys
from pathlib import Path
from typing import Literal

from gennari.pipeline.import_surfaces import import_surfaces
from gennari.sources.dataset import open_dataset


def surfaces(
    folder: Path,
    *,
    brain: str,
    dataset: Path = Path("dataset"),
    turn: bool = False,
    bigbrain: bool = False,
    freesurfer: Literal["scanner", "tkr"] = "scanner",
    replace: bool = False,
) -> None:
    """Bring pial and white surfaces (GIfTI, MNI .obj, FreeSurfer) into a data set, checked and completed.

    Args:
        folder: with the files; their names say side and surface.
        brain: name of the brain they belong to; import its sections first.
        dataset: folder of the data set.
        turn: negate x and y of every vertex: the mend for BigBrain's inverted 2016 release.
        bigbrain: they must lie in BigBrain's histological space (files named as its release claim it by that).
        freesurfer: bring FreeSurfer's surfaces to the scanner's space, or leave them (tkr).
        replace: let them stand in for surfaces that are there.
    """
    made = import_surfaces(
        open_dataset(dataset),
        brain,
        folder,
        turned=turn,
        bigbrain=bigbrain,
        freesurfer=freesurfer,
        replace=replace,
    )
    for hemisphere in made.hemispheres:
        vertices, wall = len(hemisphere.medial_wall), int(hemisphere.medial_wall.sum())
        sys.stdout.write(f"{hemisphere.side}: {vertices} vertices, of which {wall} on the medial wall\n")
    turned = "; turned by half about z" if made.record.turned else ""
    sys.stdout.write(f"inflated surface {made.record.inflated}; wall: {made.record.medial_wall}{turned}\n")
