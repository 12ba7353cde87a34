"""`gennari export`: hand maps, surfaces and models to other programs."""

import json
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gennari.cli.progress import progress
from gennari.pipeline.export import SERVED, Kind, Variant, Wanted, export_stages
from gennari.pipeline.stages import locked, open_run


def export(
    run: Path,
    *,
    what: Annotated[tuple[Kind, ...] | None, Parameter(consume_multiple=True)] = None,
    variant: Variant | None = None,
    base_url: str = SERVED,
    siibra_space: str | None = None,
    fill_mm: float = 3.0,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Export what a segmented run found, for QuPath, napari, neuroglancer, siibra, Connectome Workbench and torch.

    It stands in RUN/export, by variant and kind, with a README that says what opens what. What is finished stays.

    Args:
        run: folder of a run that `gennari segment` has finished.
        what: sections (OME-Zarr with areas and probabilities), geojson (QuPath), neuroglancer, siibra, surface
            (.label.gii, .annot, .func.gii), model (weights, config, card, torch.export); all that the run can give by
            default.
        variant: whose maps: pretrained, baseline, or model (a finished model's); what the run has by default.
        base_url: where RUN/export/VARIANT will be served, for neuroglancer and siibra.
        siibra_space: id of the reference space of the brains; known for those on BigBrain's surfaces.
        fill_mm: on the surface, how far vertices between sections take the nearest one's area.
        as_json: print one JSON line last: the folders.
    """
    wanted = Wanted(
        kinds=what, variant=variant, base_url=base_url, siibra_space=siibra_space, fill_mm=fill_mm
    )  # fmt: skip
    with locked(run), progress() as tick:
        folders = export_stages(open_run(run), wanted, tick)
    sys.stdout.write("".join(f"{folder}\n" for folder in folders))
    if as_json:
        sys.stdout.write(json.dumps({"folders": [str(folder) for folder in folders]}) + "\n")
