"""Making a phantom from a preset: the stage before every run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gennari.errors import InputError
from gennari.execute import Report, Tick, usable_cores
from gennari.phantom.build import build_phantom, claim
from gennari.phantom.geometry import folder_geometry, fsaverage_geometry
from gennari.phantom.individual import Geometry
from gennari.phantom.release import build_release
from gennari.phantom.settings import BrainPlan, PhantomSettings
from gennari.pipeline.stages import locked
from gennari.recipes.phantoms import RELEASE_PHANTOM, phantom_settings

BUNDLED = "fsaverage5"
"""Name of the geometry that comes with the package."""


def make_phantom(
    out: Path, surfaces: Path | None, preset: str, workers: int | None, tick: Report, on: Sequence[str] = ()
) -> None:
    """Write the phantom of a preset; all else as `make_phantom_of`, and InputError for an unknown preset."""
    make_phantom_of(out, surfaces, phantom_settings(preset), workers, tick, on)


def make_phantom_of(
    out: Path,
    surfaces: Path | None,
    settings: PhantomSettings,
    workers: int | None,
    tick: Report,
    on: Sequence[str] = (),
) -> None:
    """Write a phantom, or finish the one that was begun in `out`.

    Args:
        out: folder of the data set.
        surfaces: folder of GIfTI surfaces; None builds all brains on the bundled fsaverage5.
        settings: all numbers of it.
        workers: processes; None takes all cores.
        tick: told how far it is.
        on: the brains that stand on `surfaces`, the others on fsaverage5; none named means all whose plan leaves it
            open.

    Raises:
        InputError: no worker, unusable surfaces, `on` without surfaces or with a brain that the preset
            does not have or puts elsewhere, or a folder that holds something else.
    """
    if workers is not None and workers < 1:
        raise InputError(f"drawing takes at least one worker, got {workers}; give --workers a number from 1 up")
    given = _brains_on_surfaces(settings, surfaces, on)
    folder = surfaces.resolve().name if surfaces else ""
    names = {plan.name: folder if plan.name in given else BUNDLED for plan in settings.brains}
    what = " and ".join(dict.fromkeys(names.values()))
    with locked(out, make=True):
        if claim(out, names, settings):
            tick(Tick("phantom", 1, 1, "already finished, nothing to do"))
            return
        tick(Tick("surfaces", 0, 1, what))
        read: Mapping[bool, Geometry] = {
            here: folder_geometry(surfaces) if here and surfaces else fsaverage_geometry(settings.subdivisions)
            for here in {name in given for name in names}
        }
        tick(Tick("surfaces", 1, 1, what))
        geometries = {name: read[name in given] for name in names}
        build_phantom(out, geometries, settings, workers or usable_cores(), tick)


def make_release(out: Path, sections: int, tick: Report) -> None:
    """Write a phantom as BigBrain's releases are laid out, or finish the one that was begun in `out`.

    Args:
        out: folder of the release.
        sections: of the ~20 µm release.
        tick: told how far it is.

    Raises:
        InputError: no section, or a folder that holds something else.
    """
    if sections < 1:
        raise InputError(f"a release has at least one section, got {sections}; give --sections a number from 1 up")
    (plan,) = RELEASE_PHANTOM.brains
    settings = RELEASE_PHANTOM.model_copy(update={"brains": (plan.model_copy(update={"sections": sections}),)})
    with locked(out, make=True):
        build_release(out, settings, tick)


def brain_names(listed: str | None) -> tuple[str, ...]:
    """Names of brains as the command line lists them, apart by commas."""
    return tuple(name.strip() for name in listed.split(",") if name.strip()) if listed else ()


def _brains_on_surfaces(settings: PhantomSettings, surfaces: Path | None, on: Sequence[str]) -> frozenset[str]:
    """The brains that stand on the surfaces given."""
    brains = [plan.name for plan in settings.brains]
    if on and surfaces is None:
        raise InputError(
            f"--on says which brains stand on given surfaces, got {', '.join(on)} and none; add --surfaces"
        )
    unknown = [name for name in on if name not in brains]
    if unknown:
        raise InputError(
            f"--on names brains of the phantom ({', '.join(brains)}), got {', '.join(unknown)}; correct --on"
        )
    return frozenset(plan.name for plan in settings.brains if _is_given(plan, surfaces, on))


def _is_given(plan: BrainPlan, surfaces: Path | None, on: Sequence[str]) -> bool:
    if plan.geometry == "given" and surfaces is None:
        raise InputError(f"brain {plan.name} of this preset stands on given surfaces, got none; add --surfaces")
    if plan.geometry == "default" and plan.name in on:
        raise InputError(f"brain {plan.name} of this preset stands on fsaverage5, got it in --on; take it out")
    if plan.geometry is not None:
        return plan.geometry == "given"
    return surfaces is not None and (not on or plan.name in on)
