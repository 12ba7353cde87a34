"""`gennari phantom`: write a synthetic data set."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from gennari.cli.progress import progress
from gennari.errors import InputError
from gennari.pipeline.making import brain_names, make_phantom, make_release


def phantom(
    out: Path,
    *,
    surfaces: Path | None = None,
    on: str | None = None,
    preset: str | None = None,
    workers: int | None = None,
    as_: Annotated[Literal["dataset", "bigbrain-release"], Parameter(name="--as")] = "dataset",
    sections: int | None = None,
) -> None:
    """Write a phantom data set: five synthetic brains with sections, surfaces, atlas, annotations and truth.

    With --as bigbrain-release, one small brain in the layout and with the traps of BigBrain's releases instead, to try
    `gennari import` on look-alikes of the real files.

    Args:
        out: folder to write; a folder that was begun is finished, a finished one is left alone.
        surfaces: folder of GIfTI files (hemi-L_pial.surf.gii, ...) to use instead of the bundled fsaverage5.
        on: the brains to build on these surfaces, such as A,B; the others stand on fsaverage5. All by default.
        preset: demo (if none is named), tiny, the whole plan of the paper as default, easy or hard; borders-small:
            default's unlabelled brain alone; or sealed: a sixth individual, to confirm on what was chosen on the five.
        workers: processes; all cores by default.
        as_: dataset, or bigbrain-release.
        sections: of a release; 8 by default.
    """
    release = as_ == "bigbrain-release"
    options = {"--surfaces": surfaces, "--on": on, "--preset": preset, "--workers": workers}
    misplaced = [name for name, value in options.items() if value is not None] if release else []
    if misplaced or (sections is not None and not release):
        raise InputError(
            f"{misplaced[0] if misplaced else '--sections'} is an option of "
            f"{'data sets, got it with' if misplaced else 'a release, got it without'} --as bigbrain-release; "
            "leave one of the two out"
        )
    with progress() as tick:
        if release:
            make_release(out, 8 if sections is None else sections, tick)
        else:
            make_phantom(out, surfaces, preset or "demo", workers, tick, brain_names(on))
