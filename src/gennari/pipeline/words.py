"""The report's words and tables; every number in them comes from a saved result."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from gennari.metrics.distances import DistanceError
from gennari.pipeline.ceiling import ceiling_words
from gennari.pipeline.evaluation import LABELS, MethodSummary, Summary
from gennari.pipeline.page_pretext import chapter_words, note_words, task_words
from gennari.pipeline.references import ANNOTATED_NOTE
from gennari.pipeline.sampling import pretext_brain, sections_of
from gennari.pipeline.splitting import by_part, missing_words, read_missing
from gennari.pipeline.stages import Provenance, Run, receipts
from gennari.report.page import Chapter, Column, Headline, Links, ReportContent, ReportFigure, ReportTable
from gennari.sources.documents import read_json, read_text

CITATION = (
    "Spitzer H, Kiwitz K, Amunts K, Harmeling S, Dickscheid T. Improving Cytoarchitectonic Segmentation of Human Brain "
    "Areas with Self-supervised Siamese Networks. MICCAI 2018. doi:10.1007/978-3-030-00931-1_76"
)
PHANTOM_NOTES = (
    "The brains are synthetic: a phantom drawn on real cortical surfaces, with layers from published counts. It shows "
    "that the method works where the truth is known, not how well it does on real tissue.",
    "All phantom individuals share one folding pattern (smooth warps of one mesh), so part of what a network learns "
    "may be shape and not cytoarchitecture.",
    "One seed and few held-out sections: the interval is over sections only, and says nothing of other seeds.",
    "Both networks got the same labels, windows and number of steps at one learning rate; the baseline's own best rate "
    "and longer training are not part of this page.",
)


def content(
    run: Run,
    summary: Summary,
    error: DistanceError,
    figures: Mapping[str, ReportFigure],
    further: Sequence[Chapter] = (),
) -> ReportContent:
    """What stands on the page of a run; `further` are chapters on confidence and borders, if these were looked at."""
    baseline, pretrained = summary.methods["baseline"], summary.methods["pretrained"]
    gain = pretrained.dice - baseline.dice
    task = run.experiment.pretrain
    held_out = len(sections_of(run, "test"))
    tested = f"{held_out} partly annotated brain{'' if held_out == 1 else 's'}"
    return ReportContent(
        title=f"gennari: {run.experiment.name} on {run.dataset.manifest.name}",
        summary=(
            f"A network pre-trained to {task_words(task)} of {_learned_on(run)} reaches a Dice of "
            f"{pretrained.dice:.2f} on {summary.sections} held-out sections of {tested}, against "
            f"{baseline.dice:.2f} from scratch: {gain:+.3f}, 95 % interval over sections {summary.dice_gain_low:+.3f} "
            f"to {summary.dice_gain_high:+.3f}.{_ceiling(summary)}"
        ),
        headlines=_headlines(baseline, pretrained, error),
        chapters=(
            Chapter(
                title="Areas on held-out sections",
                tables=(_methods_table(summary, error),),
                figures=(figures["overlays"], figures["dice"], figures["confusion"]),
                links=_section_links(run),
            ),
            *further,
            Chapter(
                title="The pretext task",
                text=chapter_words(task),
                tables=(_distance_table(error, note_words(task)),),
                figures=(figures["locations"], figures["distributions"], figures["patches"], figures["distances"]),
            ),
            Chapter(
                title="Training and data",
                text="" if read_missing(run) else _sentence(missing_words(())),
                tables=(*_missing_table(run), _stages_table(run)),
                figures=(figures["networks"], figures["curves"], figures["split"]),
            ),
        ),
        provenance=provenance(run),
        licence=run.dataset.manifest.licence,
        notes=_notes(run, summary),
        citation=CITATION,
    )


def _headlines(baseline: MethodSummary, pretrained: MethodSummary, error: DistanceError) -> tuple[Headline, ...]:
    return (
        Headline(label="Dice over areas", value=f"{pretrained.dice:.3f}", note=f"from scratch {baseline.dice:.3f}"),
        Headline(label="err_seg", value=f"{pretrained.err_seg:.2f}", note=f"from scratch {baseline.err_seg:.2f}"),
        Headline(
            label="pixel distance",
            value=f"{pretrained.pixel_distance_um:.0f} µm",
            note=f"from scratch {baseline.pixel_distance_um:.0f} µm",
        ),
        Headline(
            label="err_dist",
            value=f"{error.mean_mm:.1f} mm",
            note=f"median predictor {error.median_predictor_mm:.1f} mm",
        ),
    )


def _methods_table(summary: Summary, error: DistanceError) -> ReportTable:
    rows = []
    for name, label in LABELS.items():
        method = summary.methods[name]
        rows.append((
            label, f"{method.dice:.3f}", f"{method.dice_classes:.3f}", f"{method.err_seg:.2f}",
            f"{method.pixel_distance_um:.0f}", f"{100 * method.wrong_share:.1f}",
            f"{error.mean_mm:.1f}" if name == "pretrained" else "–",
        ))  # fmt: skip
    rows.append(("median predictor", "–", "–", "–", "–", "–", f"{error.median_predictor_mm:.1f}"))
    return ReportTable(
        title="With and without pre-training",
        columns=(
            Column(name="method"),
            Column(
                name="Dice, areas",
                definition="mean over the areas of their Dice, all held-out sections pooled; every "
                f"{'pixel' if summary.reference == 'truth' else 'annotated pixel'} counts",
            ),
            Column(name="Dice, classes", definition="the same over all classes, background and white matter included"),
            Column(
                name="err_seg",
                definition="100 √Σd² / A in pixels, d the distance of a wrong pixel to the class it was given "
                "(Yasnoff 1977); mean over sections",
            ),
            Column(name="pixel distance", unit="µm", definition="mean of d over all pixels, right ones counting 0"),
            Column(name="wrong pixels", unit="%"),
            Column(name="err_dist", unit="mm", definition="mean error of distances predicted for held-out pairs"),
        ),
        rows=rows,
        emphasis=1,
        note="" if summary.ceiling is None else _sentence(ceiling_words(summary.ceiling)),
    )


def _learned_on(run: Run) -> str:
    brain = pretext_brain(run)
    return "one unlabelled brain" if brain.manifest.role == "pretext" else f"brain {brain.name}'s training sections"


def _notes(run: Run, summary: Summary) -> tuple[str, ...]:
    """What must be known beside the figures."""
    annotated = (ANNOTATED_NOTE,) if summary.reference == "annotations" else ()
    synthetic = any((brain.folder / "truth").exists() for brain in run.dataset.brains())
    return (*annotated, *(PHANTOM_NOTES if synthetic else ()))


def _section_links(run: Run) -> Links:
    """To each held-out section in the viewer; view.html stands beside the report."""
    named = [(name, section.id) for name, sections in sections_of(run, "test").items() for section in sections]
    return Links(
        note="Each section with truth, maps and what else is known as layers (while `gennari view` of this run runs, "
        "open the report from its page):",
        to=[(f"{brain} {section}", f"view.html#{quote(brain, safe='')}/{section}") for brain, section in named],
    )


def _ceiling(summary: Summary) -> str:
    return "" if summary.ceiling is None else f" {_sentence(ceiling_words(summary.ceiling))}"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _missing_table(run: Run) -> tuple[ReportTable, ...]:
    rows = [(brain, part, ", ".join(areas)) for (brain, part), areas in by_part(read_missing(run)).items()]
    if not rows:
        return ()
    columns = (
        Column(name="brain"),
        Column(name="part"),
        Column(
            name="areas",
            definition="annotated on no section of this part; what is learned or measured there says nothing of them",
        ),
    )
    return (ReportTable(title="Areas that parts of the split lack", columns=columns, rows=rows),)


def _distance_table(error: DistanceError, note: str) -> ReportTable:
    return ReportTable(
        title="Distances of held-out pairs",
        columns=(
            Column(name="predictor"),
            Column(name="err_dist", unit="mm"),
            Column(name="near pairs", unit="mm", definition="pairs less than 20 mm apart"),
            Column(name="far pairs", unit="mm"),
            Column(name="Spearman", definition="rank correlation of predicted and true distance"),
        ),
        rows=(
            (
                "Siamese network", f"{error.mean_mm:.1f}", f"{error.near_mm:.1f}", f"{error.far_mm:.1f}",
                f"{error.spearman:.2f}",
            ),
            (f"always {error.constant_mm:.0f} mm", f"{error.median_predictor_mm:.1f}", "–", "–", "–"),
        ),
        emphasis=0,
        note=note,
    )  # fmt: skip


def _stages_table(run: Run) -> ReportTable:
    rows = [(receipt.stage, f"{receipt.seconds:.0f}", receipt.finished[:19]) for receipt in receipts(run)]
    return ReportTable(
        title="Stages",
        columns=(Column(name="stage"), Column(name="time", unit="s"), Column(name="finished (UTC)")),
        rows=rows,
    )


def provenance(run: Run) -> list[tuple[str, str]]:
    """What a run was made with, for its pages."""
    saved = read_json(run.path("provenance.json"), Provenance)
    return [
        ("gennari", f"{saved.packages.get('gennari', '?')}, revision {saved.git}"),
        ("data set", f"{saved.dataset}, fingerprint {saved.dataset_fingerprint}"),
        ("made on", f"{saved.created}, Python {saved.python}, {saved.system}"),
        ("packages", ", ".join(f"{name} {number}" for name, number in saved.packages.items())),
        ("geodesics and pairs", " ".join(read_text(run.path("sampling.json")).split())),
        ("configuration", read_text(run.path("config.toml"))),
    ]
