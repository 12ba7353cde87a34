"""What a run's page says of its pretext task: by what the recipe teaches, in words, curves and a figure."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from gennari.metrics.distances import DistanceError
from gennari.pipeline.stages import Run
from gennari.report.chart_figures import Curve, CurvePanel, distance_figure
from gennari.sources.tables import read_rows
from gennari.train.settings import PretrainSettings

CALIBRATED = (
    "This network was never taught a distance: what it says is turned into one by a line fitted to training pairs."
)
_FURTHER = {"curvature": "mean curvature", "plane": "orientation of the plane"}


def task_words(settings: PretrainSettings) -> str:
    """What the network was pre-trained to do."""
    asked = []
    if settings.use_distance:
        asked.append("predict distances along the cortex")
    if settings.use_coordinates and not settings.use_distance:
        asked.append("predict places on the inflated cortex")
    if settings.contrast:
        asked.append("tell near patches from far ones along the cortex")
    return " and to ".join(asked)


def chapter_words(settings: PretrainSettings) -> str:
    """How the task works, and that it is free."""
    if settings.contrast_alone:
        goes = "Patches in, features out: like each other where their patches are near along the cortex"
    elif settings.use_distance:
        goes = "Two patches in, their distance along the cortex out"
    else:
        goes = "A patch in, its place on the inflated cortex out"
    return f"{goes}; no expert is needed."


def note_words(settings: PretrainSettings) -> str:
    """What must be known of the distances; nothing where the network was taught them."""
    return "" if settings.use_distance else CALIBRATED


def curves_words(settings: PretrainSettings) -> str:
    """Of the figure of the learning curves."""
    lines = len(_terms(settings))
    left = {1: "the pretext loss", 2: "the two terms of the pretext loss"}.get(lines, "the terms of the pretext loss")
    middle = "error of predicted distances on held-out pairs"
    if settings.contrast_alone:
        middle += " (each time after a line fitted to these pairs)"
    return (
        f"Left: {left}. Middle: {middle}. Right: cross-entropy of both fine-tunings, the same windows in the same "
        "order; the atlas joins at the dashed line."
    )


def predicted_figure(run: Run, error: DistanceError) -> Figure:
    """Predicted against true distances of held-out pairs."""
    rows = read_rows(run.path("pretrain", "predicted.parquet"))
    told = "predicted_mm" if run.experiment.pretrain.use_distance else "calibrated_mm"
    return distance_figure(column(rows, "true_mm"), column(rows, told), error.mean_mm, error.median_predictor_mm)


def pretext_panels(run: Run, error: DistanceError) -> list[CurvePanel]:
    """Learning curves: every term that is taught, and err_dist of held-out pairs."""
    settings = run.experiment.pretrain
    history = read_rows(run.path("pretrain", "history.parquet"))
    epoch, terms = column(history, "epoch"), _terms(settings)
    outputs = settings.use_distance or settings.use_coordinates
    unit = f" (units of {settings.distance_scale_mm:g} mm)" if outputs else ""
    return [
        CurvePanel(
            title="Pretext loss",
            step_label="epoch",
            value_label=f"loss{unit}",
            curves=[Curve(label=label, step=epoch, value=column(history, name)) for name, label in terms.items()],
        ),
        CurvePanel(
            title="Held-out pairs",
            step_label="epoch",
            value_label="err_dist (mm)",
            curves=[Curve(label="network", step=epoch, value=column(history, "err_dist_mm"))],
            levels={"median predictor": error.median_predictor_mm},
        ),
    ]


def column(rows: Sequence[Mapping[str, Any]], name: str) -> Float[np.ndarray, "n"]:
    """One column of a table that was read row by row."""
    return np.array([row[name] for row in rows], float)


def _terms(settings: PretrainSettings) -> dict[str, str]:
    """Columns of the history and what they are, for the terms that are taught."""
    terms = {}
    if settings.use_distance:
        terms["distance_loss"] = "distance, eq. (1)"
    if settings.use_coordinates:
        terms["coordinate_loss"] = "coordinates, eq. (2)"
    if settings.contrast:
        terms["contrast_loss"] = "contrast"
    return terms | {f"{name}_loss": _FURTHER[name] for name in settings.further}
