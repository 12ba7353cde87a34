"""`gennari import atlas`: where areas are expected, into a data set."""

import sys
from pathlib import Path

from gennari.errors import InputError
from gennari.pipeline.atlas_maps import AtlasOptions
from gennari.pipeline.import_atlas import import_atlas
from gennari.sources.dataset import open_dataset


def atlas(
    place: str,
    *,
    brain: str,
    dataset: Path = Path("dataset"),
    affine: str | None = None,
    through: Path | None = None,
    classes: Path | None = None,
    rename: list[str] | None = None,
    ignore: list[str] | None = None,
    absent: list[str] | None = None,
    replace: bool = False,
) -> None:
    """Bring an atlas into a data set as area probabilities on the vertices of a brain.

    Args:
        place: maps per vertex (.func.gii, .shape.gii, .label.gii, .annot, one int a vertex as .txt or .npy), NIfTI
            volumes (one an area, 4-D, or labels), a folder of them, or siibra:NAME of a parcellation.
        brain: name of the brain; import its surfaces first.
        dataset: folder of the data set.
        affine: for volumes: JSON of a 4 x 4 matrix from the brain's mm to the atlas's, or 'identity'.
        through: for volumes, instead: folder of the brain's surfaces in the atlas's space, vertex for vertex.
        classes: table (CSV: index,name) of what numbers mean.
        rename: OLD=AREA, for an area that is called otherwise there; may be repeated.
        ignore: a name that counts as other cortex although it looks like an area; may be repeated.
        absent: an area that the atlas does not have; may be repeated.
        replace: let it stand in for an atlas that is there.
    """
    pairs = [pair.rsplit("=", 1) for pair in rename or ()]
    wrong = [pair[0] for pair in pairs if len(pair) != 2]
    if wrong:
        raise InputError(f"--rename takes OLD=AREA, got '{wrong[0]}'; write both names")
    options = AtlasOptions(
        affine=affine,
        through=through,
        classes=classes,
        rename=dict(pairs),
        ignore=tuple(ignore or ()),
        absent=tuple(absent or ()),
        replace=replace,
    )
    made = import_atlas(open_dataset(dataset), brain, place, options)
    for side, share in zip("LR", made.covered, strict=True):
        sys.stdout.write(f"{side}: an area is expected on {100 * share:.1f} % of the cortex\n")
    sys.stdout.write(", ".join(f"{name} {area:.0f}" for name, area in made.expected_mm2.items()) + " mm² expected\n")
    if made.others:
        sys.stdout.write(f"note: counted as other cortex: {', '.join(made.others)}\n")
