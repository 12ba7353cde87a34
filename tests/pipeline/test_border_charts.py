"""Charts of evaluated borders: what is not measured is not shown as a number."""

from gennari.pipeline.border_charts import border_charts, methods_table
from gennari.pipeline.border_evaluation import Evaluation
from gennari.pipeline.border_verdicts import PairVerdict, Verdict

FIGURES = [name for name in Verdict.model_fields if name not in ("intervals", "pairs")]


def pair(areas: tuple[str, str], borders: int) -> PairVerdict:
    values = (0.1, None, 0.3)
    return PairVerdict(areas=areas, borders=borders, precision=values, recall=values, f1=values, median_error_mm=None)


def evaluation(**changes: object) -> Evaluation:
    nothing = {**dict.fromkeys(FIGURES), "intervals": {}, "pairs": ()}
    given = nothing | {
        "auroc": 0.7, "false_per_20mm": 0.456, "gain": None, "intervals": {"auroc": (0.6, 0.8)},
        "pairs": (pair(("hOc1", "hOc2"), 3), pair(("hOc5", "FG1"), 0), pair(("FG2", "other cortex"), 9)), "brain": "P",
        "sections": 2, "train_sections": 2, "borders": 12, "interior_mm": 500.0, "measure": "staining intensity",
        "explained": {}, "controls": {"shifted-labels": nothing | {"gain": 0.25, "intervals": {"gain": (0.2, 0.3)}}},
    }  # fmt: skip
    return Evaluation.model_validate(given | changes)


def test_what_is_not_measured_is_a_dash_and_a_gain_has_its_interval():
    table = methods_table(evaluation())
    cells = [dict(zip((column.name for column in table.columns), row, strict=True)) for row in table.rows]
    assert [row["score"] for row in cells] == ["learned features", "shifted labels"]
    assert [row["AUROC"] for row in cells] == ["0.700", "–"]
    assert cells[0]["false"] == "0.46"
    assert [row["gain"] for row in cells] == ["–", "+0.250 (+0.200 to +0.300)"]


def test_pairs_without_borders_on_the_sections_are_left_out_and_the_most_frequent_comes_first():
    figures = {name: figure for name, _, _, figure in border_charts(evaluation(), ())}
    ticks = [tick.get_text() for tick in figures["pairs"].axes[0].get_yticklabels()]
    assert ticks == ["FG2 | other cortex  (9)", "hOc1 | hOc2  (3)"]


def test_charts_without_numbers_are_left_out():
    assert [name for name, *_ in border_charts(evaluation(pairs=()), ())] == ["methods"]
    explained = {"border": (0.4, 0.1), "none": (0.6, 0.9)}
    with_shares = evaluation(pairs=(), explained=explained)
    assert [name for name, *_ in border_charts(with_shares, ())] == ["methods", "shares"]


def test_causes_are_named_in_words():
    explained = {"border": (0.4, 0.1), "curvature": (0.3, 0.2), "obliqueness": (0.2, 0.1), "none": (0.6, 0.9)}
    figures = {name: figure for name, _, _, figure in border_charts(evaluation(explained=explained), ())}
    words = [tick.get_text() for tick in figures["shares"].axes[0].get_yticklabels()]
    assert words == ["true border", "high curvature", "oblique cut", "none"]


def test_checkpoints_are_drawn_where_weights_were_kept_beside_the_untrained_network():
    keys = ("err_dist_mm", "auroc", "auroc_low", "auroc_high", "auroc_partial", "auroc_partial_low",
            "auroc_partial_high")  # fmt: skip
    rows = [dict.fromkeys(keys, 0.5) | {"step": 10, "err_dist_mm": 30.0, "auroc": 0.61}]
    untrained = evaluation().model_dump(include=set(FIGURES) | {"intervals", "pairs"}) | {"auroc": 0.52}
    given = evaluation(pairs=(), controls={"untrained": untrained})
    figures = {name: figure for name, _, _, figure in border_charts(given, rows)}
    raw, partial = figures["checkpoints"].axes
    assert [text.get_text() for text in raw.texts] == ["10", "untrained"]
    assert raw.texts[0].xy == (30.0, 0.61)
    assert raw.texts[1].xy[1] == 0.52
    assert [text.get_text() for text in partial.texts] == ["10"]  # not measured, no level
