"""Brains that are pre-trained on: the data set's own, and those that a control needs made first."""

from pathlib import Path

from gennari.errors import InputError
from gennari.execute import Report
from gennari.phantom.build import PhantomRecord
from gennari.phantom.settings import PhantomSettings
from gennari.pipeline.making import BUNDLED, make_phantom_of
from gennari.pipeline.packing import pack_stage
from gennari.pipeline.reproduction import Work
from gennari.pipeline.row_plans import Source
from gennari.pipeline.sampling import sample_stage
from gennari.pipeline.stages import create_run
from gennari.sources.dataset import Dataset
from gennari.sources.documents import read_json


def prepare_source(work: Work, source: Source, surfaces: Path | None, tick: Report) -> None:
    """Have patches of a source sampled and packed; a control's brain is drawn first.

    Args:
        work: where.
        source: whose patches.
        surfaces: folder of other surfaces, for the control on another geometry.
        tick: told how far it is.

    Raises:
        InputError: as the stages; the data set is no phantom, so that no brain can be drawn for a control; or another
            geometry is asked for without surfaces.
    """
    if source in ("other-geometry", "one-cytoarchitecture"):
        dataset = work.source(source).with_name(f"{source}-dataset")
        _draw(work, source, surfaces, dataset, tick)
        create_run(work.source(source), dataset, work.recipe.experiment)
    run = work.run(source)
    sample_stage(run, tick)
    pack_stage(run, tick)


def control_phantom(dataset: Dataset, source: Source) -> tuple[PhantomSettings, bool]:
    """The unlabelled brain alone, like the data set's but for the one thing that a control changes.

    Returns:
        Its settings, and whether it stands on the bundled surfaces.

    Raises:
        InputError: the data set is no phantom.
    """
    path = dataset.root / "phantom.json"
    if not path.exists():
        raise InputError(
            f"the control '{source}' draws a brain of its own, so it needs the data set to be a phantom, but "
            f"{dataset.root} has no phantom.json; leave it out (--rows, --controls)"
        )
    record = read_json(path, PhantomRecord)
    plans = tuple(plan for plan in record.settings.brains if plan.role == "pretext")
    settings = record.settings.model_copy(update={"brains": plans})
    bundled = record.geometries[plans[0].name] == BUNDLED
    if source == "one-cytoarchitecture":
        # trends tell places as areas do, so they go too: what is left to learn is the geometry
        settings = settings.model_copy(update={"one_cytoarchitecture": True, "gradient": 0.0})
    else:
        bundled = not bundled
    return settings, bundled


def _draw(work: Work, source: Source, surfaces: Path | None, out: Path, tick: Report) -> None:
    settings, bundled = control_phantom(work.dataset, source)
    if not bundled and surfaces is None:
        raise InputError(
            f"the control '{source}' pre-trains on a brain of other surfaces than the bundled ones, got none; "
            "give their folder with --surfaces, or leave it out with --rows"
        )
    make_phantom_of(out, None if bundled else surfaces, settings, None, tick)
