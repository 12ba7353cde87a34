"""`gennari phantom`: write a synthetic data set."""

from pathlib import Path

from gennari.cli.progress import progress
from gennari.pipeline.making import brain_names, make_phantom


def phantom(
    out: Path,
    *,
    surfaces: Path | None = None,
    on: str | None = None,
    preset: str = "demo",
    workers: int | None = None,
) -> None:
    """Write a phantom data set: five synthetic brains with sections, surfaces, atlas, annotations and truth.

    Args:
        out: folder to write; a folder that was begun is finished, a finished one is left alone.
        surfaces: folder of GIfTI files (hemi-L_pial.surf.gii, ...) to use instead of the bundled fsaverage5.
        on: the brains to build on these surfaces, such as A,B; the others stand on fsaverage5. All by default.
        preset: demo, tiny, the whole plan of the paper as default, easy or hard, or borders-small: default's unlabelled
            brain alone.
        workers: processes; all cores by default.
    """
    with progress() as tick:
        make_phantom(out, surfaces, preset, workers, tick, brain_names(on))
