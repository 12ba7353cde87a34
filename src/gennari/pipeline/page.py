"""The stage that tells a run: figures and tables from its saved results, on one page."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from gennari.execute import Report, Tick
from gennari.metrics.distances import DistanceError
from gennari.nets.area_unet import AreaUNet
from gennari.nets.siamese import SiameseNet
from gennari.pipeline.border_page import border_chapters
from gennari.pipeline.confidence_words import confidence_chapters
from gennari.pipeline.evaluation import METHODS, SectionScore, Summary, read_confusions
from gennari.pipeline.labelled import annotated_labels
from gennari.pipeline.learning import VARIANTS, read_distance_error
from gennari.pipeline.maps import map_path
from gennari.pipeline.packing import patch_source
from gennari.pipeline.page_pretext import column, curves_words, note_words, predicted_figure, pretext_panels
from gennari.pipeline.references import WORDS, Reference, measured_sections, reference_map
from gennari.pipeline.sampling import pretext_brain, split_of
from gennari.pipeline.splitting import missing_by_brain, read_missing
from gennari.pipeline.stages import Run, run_stage
from gennari.pipeline.words import content
from gennari.records import AreaMap, PatchTable, Section
from gennari.report.chart_figures import (
    Curve,
    CurvePanel,
    confusion_figure,
    dice_by_area,
    training_curves,
)
from gennari.report.network_figures import network_figure
from gennari.report.page import ReportFigure, viewer_page, write_report
from gennari.report.sampling_figures import patch_distributions, split_figure
from gennari.report.section_figures import SectionPanel, patches_gallery, section_overlays
from gennari.report.style import to_png
from gennari.report.surface_figures import sampling_locations
from gennari.sources.atlas import read_atlas
from gennari.sources.atomic import atomic_path, write_text
from gennari.sources.dataset import Brain
from gennari.sources.documents import read_json
from gennari.sources.sections import read_labels
from gennari.sources.tables import read_pairs, read_patches, read_rows

SHOWN_SECTIONS = 4
FIGURES = 10
IMAGE_UM = 128.0
"""Spacing at which sections are shown."""
TITLES = {"baseline": "baseline", "pretrained": "pre-trained", "atlas alone": "atlas alone"}


def report_stage(run: Run, tick: Report) -> bool:
    """Write figures/ and report.html from the saved results; borders are on it if they were found before."""
    return run_stage(run, "report", ("evaluate",), partial(_report, run, tick), tick)


def _report(run: Run, tick: Report) -> list[Path]:
    summary = read_json(run.path("summary.json"), Summary)
    error = read_distance_error(run)
    makers = _figures(run, summary, error)
    figures: dict[str, ReportFigure] = {}
    for done, (name, title, caption, figure) in enumerate(makers, start=1):
        png = to_png(figure)
        with atomic_path(run.path("figures", f"{name}.png")) as temporary:
            temporary.write_bytes(png)
        figures[name] = ReportFigure(title=title, caption=caption, png=png)
        tick(Tick("report", done, FIGURES, title))
    page, viewer = run.path("report.html"), run.path("view.html")
    write_text(viewer, viewer_page())
    write_report(page, content(run, summary, error, figures, (*confidence_chapters(run), *border_chapters(run))))
    return [page, viewer, *(run.path("figures", f"{name}.png") for name in figures)]


def _figures(run: Run, summary: Summary, error: DistanceError) -> Iterator[tuple[str, str, str, Figure]]:
    brain, patches, task = pretext_brain(run), read_patches(run.path("patches.parquet")), run.experiment.pretrain
    yield (
        "overlays",
        "Held-out sections",
        _OVERLAYS[summary.reference],
        section_overlays(list(_panels(run, summary.reference)), run.dataset.label_set),
    )
    yield (
        "dice",
        "Dice by area",
        f"Overlap of predicted and {_TRUE[summary.reference]} area over all held-out sections together.",
        _dice_figure(run, summary),
    )
    confusions = {TITLES[m]: counts.sum(axis=0) for m, counts in read_confusions(run).items() if m in VARIANTS}
    yield (
        "confusion",
        "Confusions",
        f"Rows are the {_TRUE[summary.reference]} classes and sum to 100 %: what became of the pixels of each "
        "(held-out sections).",
        confusion_figure(confusions, run.dataset.label_set.names, run.dataset.label_set.first_area),
    )
    yield (
        "locations",
        "Where the patches were sampled",
        "Centres of the patches on the pial (above) and the inflated surface (below) of the pretext brain; in blue one "
        "pair and a geodesic of the mid surface between its patches.",
        sampling_locations(brain.hemispheres(), patches, _example_pair(run, patches)),
    )
    yield (
        "distributions",
        "How the patches lie",
        _DISTRIBUTIONS,
        patch_distributions(patches, run.experiment.patches.min_plane_angle_deg),
    )
    yield "patches", "One patch an area", _PATCHES, _gallery(run, brain, patches)
    yield (
        "distances",
        "Distances on held-out sections",
        f"Pairs whose patches both lie on sections that pre-training never saw. {note_words(task)}".strip(),
        predicted_figure(run, error),
    )
    yield "networks", "The networks", _NETWORKS, _network_figure(run)
    yield "curves", "Training", curves_words(task), training_curves(_curve_panels(run, error))
    yield (
        "split",
        "The split",
        "Held-out sections are never trained on; guard sections are not used at all. Below a brain, the areas of which "
        "a part has no annotation.",
        split_figure({b.name: _positions(run, b) for b in run.dataset.brains()}, missing_by_brain(read_missing(run))),
    )


_TRUE: Mapping[Reference, str] = {"truth": "true", "annotations": "annotated"}
_OVERLAYS: Mapping[Reference, str] = {
    "truth": "Areas over the section: the truth, the network from scratch and the pre-trained one. The inset shows "
    "what an expert would have annotated on this section; it was not used, since the section is held out.",
    "annotations": "Areas over the section: what was annotated, the network from scratch and the pre-trained one. The "
    "annotation was not used for training, since the section is held out; Dice counts annotated pixels alone.",
}
_PATCHES = (
    "Upright patches of the pretext brain (pia above). The names come from the atlas this brain was given and are "
    "shown here only: the pretext task never sees a name."
)
_DISTRIBUTIONS = (
    "Patches of the pretext brain by part of the split, stacked; the vertical line is the median. Sections with more "
    "cortex give more patches. The other sheet is the opposite bank of a sulcus or the other side of a gyral blade."
)
_NETWORKS = (
    "Sizes as read off the modules that were trained. The texture branch (blue) is the same in both networks; "
    "pre-training hands it over."
)


def _panels(run: Run, reference: Reference) -> Iterator[SectionPanel]:
    label_set = run.dataset.label_set
    scores = [SectionScore(**row) for row in read_rows(run.path("metrics.parquet"))]  # pyright: ignore[reportArgumentType]
    dice = {(score.method, score.brain, score.section): score.dice for score in scores}
    for name, section in _shown(run):
        brain = run.dataset.brain(name)
        maps = {v: read_labels(map_path(run, v, name, section.id)) for v in VARIANTS}
        spacing_um = maps[VARIANTS[0]][1]

        def area_map(labels: np.ndarray, spacing_um: float = spacing_um, number: int = section.id) -> AreaMap:
            return AreaMap(labels=labels, spacing_um=spacing_um, section=number, label_set=label_set)

        yield SectionPanel(
            title=f"brain {name}\nsection {section.id}",
            image=brain.read_full(section.id, _shown_um(section)),
            spacing_um=_shown_um(section),
            maps={
                WORDS[reference]: area_map(reference_map(brain, section, spacing_um, reference)),
                **{TITLES[v]: area_map(labels) for v, (labels, _) in maps.items()},
            },
            annotation=_annotation(brain, section, spacing_um) if reference == "truth" else None,
            notes={TITLES[v]: f"Dice {dice[v, name, section.id]:.2f}" for v in VARIANTS},
        )


def _shown(run: Run) -> list[tuple[str, Section]]:
    """The first measured section of each brain, then the second ones, as many as are shown."""
    measured = measured_sections(run)
    turns = [(turn, name, section) for name, part in measured.items() for turn, section in enumerate(part)]
    return [(name, section) for _, name, section in sorted(turns, key=lambda one: one[0])[:SHOWN_SECTIONS]]


def _shown_um(section: Section) -> float:
    return section.spacing_um * max(1, round(IMAGE_UM / section.spacing_um))


def _annotation(brain: Brain, section: Section, spacing_um: float) -> AreaMap | None:
    if brain.annotation(section.id) is None:
        return None
    labels = annotated_labels(brain, section, spacing_um)
    return AreaMap(labels=labels, spacing_um=spacing_um, section=section.id, label_set=brain.label_set)


def _dice_figure(run: Run, summary: Summary) -> Figure:
    first = run.dataset.label_set.first_area
    series = {
        TITLES[m]: np.array([np.nan if d is None else d for d in summary.methods[m].dice_by_class[first:]])
        for m in METHODS
    }
    return dice_by_area(run.dataset.label_set.areas, series)


def _example_pair(run: Run, patches: PatchTable) -> tuple[int, int]:
    pairs = read_pairs(run.path("pairs.parquet"))
    # a pair of typical distance shows more than the longest
    index = int(np.argsort(pairs.distance_mm)[int(0.7 * len(pairs))])
    return int(pairs.first[index]), int(pairs.second[index])


def _gallery(run: Run, brain: Brain, patches: PatchTable) -> Figure:
    label_set, texture = run.dataset.label_set, run.experiment.texture
    atlas = read_atlas(brain.folder / "atlas", label_set)
    probability = np.zeros((len(patches), len(label_set.areas)))
    for side in range(2):
        rows = patches.side == side
        probability[rows] = atlas[side][patches.vertex[rows]]
    chosen = probability.argmax(axis=0)
    images = patch_source(run, patches).read(chosen)
    names = [
        f"{area} ({probability[row, k]:.0%})" for k, (area, row) in enumerate(zip(label_set.areas, chosen, strict=True))
    ]
    return patches_gallery(images, names, texture.spacing_um, label_set.colours[label_set.first_area :])


def _network_figure(run: Run) -> Figure:
    recipe, label_set = run.experiment, run.dataset.label_set
    atlas_widths = recipe.finetune.atlas_widths
    with torch.device("meta"):  # shapes without memory: weights do not matter here
        siamese = SiameseNet(recipe.texture, further=tuple(recipe.pretrain.further))
        areas = len(label_set.areas) if atlas_widths else 0
        unet = AreaUNet(recipe.texture, len(label_set.names), areas, atlas_widths, decoder=recipe.finetune.decoder)
    return network_figure(siamese, unet, recipe.finetune.window_px)


def _curve_panels(run: Run, error: DistanceError) -> list[CurvePanel]:
    panels = pretext_panels(run, error)
    finetunes = {v: read_rows(run.path("finetune", v, "history.parquet")) for v in VARIANTS}
    joins = run.experiment.finetune.phases[0].steps
    panels.append(
        CurvePanel(
            title="Fine-tuning",
            step_label="step",
            value_label="cross-entropy",
            curves=[
                Curve(label=TITLES[v], step=column(rows, "step"), value=column(rows, "loss"))
                for v, rows in finetunes.items()
            ],
            events={"atlas joins": float(joins)},
            log=True,
        )
    )
    return panels


def _positions(run: Run, brain: Brain) -> tuple[np.ndarray, list[str]]:
    split = split_of(run, brain)
    ordered = sorted(brain.sections, key=lambda section: section.id)
    y = np.array([section.to_brain.matrix[1, 3] for section in ordered])
    return y, [split[section.id] for section in ordered]
