"""Making a phantom from a preset: the stage before every run."""

from pathlib import Path

from gennari.errors import InputError
from gennari.execute import Report, Tick, usable_cores
from gennari.phantom.build import build_phantom, claim
from gennari.phantom.geometry import folder_geometry, fsaverage_geometry
from gennari.pipeline.stages import locked
from gennari.recipes import phantom_settings


def make_phantom(out: Path, surfaces: Path | None, preset: str, workers: int | None, tick: Report) -> None:
    """Write the phantom of a preset, or finish the one that was begun in `out`.

    Raises:
        InputError: unknown preset, no worker, unusable surfaces, or a folder that holds something else.
    """
    if workers is not None and workers < 1:
        raise InputError(f"drawing takes at least one worker, got {workers}; give --workers a number from 1 up")
    settings = phantom_settings(preset)
    name = surfaces.resolve().name if surfaces else "fsaverage5"
    with locked(out, make=True):
        if claim(out, name, settings):
            tick(Tick("phantom", 1, 1, "already finished, nothing to do"))
            return
        tick(Tick("surfaces", 0, 1, name))
        geometry = folder_geometry(surfaces) if surfaces else fsaverage_geometry(settings.subdivisions)
        tick(Tick("surfaces", 1, 1, name))
        build_phantom(out, geometry, settings, workers or usable_cores(), tick)
