"""`gennari check`: the doctor."""

import json
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gennari.cli.progress import progress
from gennari.errors import InputError
from gennari.pipeline.check_picture import draw_looked
from gennari.pipeline.doctor import examine
from gennari.pipeline.findings import told, worst
from gennari.recipes.presets import experiment
from gennari.sources.dataset import open_dataset


def check(
    dataset: Path,
    *,
    preset: str = "default",
    sections: int = 4,
    figure: Path | None = None,
    seed: int = 0,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Look a data set over before training: registration, spacing, series, labels, atlas, disk and reading speed.

    Ends with what to do about each finding, and with exit code 2 where training would be wrong.

    Args:
        dataset: folder of the data set; nothing in it is changed.
        preset: recipe whose patches are to be read.
        sections: so many of each brain are compared with the surfaces.
        figure: PNG to write, of these sections with the surfaces' contours over them; it must not be there yet.
        seed: of the places that are read to measure the speed.
        as_json: print the findings as JSON.
    """
    if sections < 1:
        raise InputError(f"at least one section of each brain is looked at, got {sections}; leave --sections out")
    if figure is not None and figure.exists():
        raise InputError(f"the figure must be a new file, but {figure} is there; name another")
    opened = open_dataset(dataset)
    with progress() as tick:
        examined = examine(opened, experiment(preset), sections, seed, tick)
    if figure is not None and examined.looked:
        draw_looked(opened, examined.looked, figure)
    level = worst(examined.findings)
    if as_json:
        found = {"level": level, "findings": [finding._asdict() for finding in examined.findings]}
        sys.stdout.write(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(told(examined.findings) + "\n")
    if level == "wrong":
        wrong = sorted({finding.what for finding in examined.findings if finding.level == "wrong"})
        raise InputError(
            f"training on {dataset} would be wrong, because of its {', '.join(wrong)}; see above what to do"
        )
