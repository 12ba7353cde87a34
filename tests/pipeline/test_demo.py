"""The whole method on a phantom of 12 coarse sections: every stage leaves its file, once, and none sees the test."""

import json
import re
from pathlib import Path

import pytest

from gennari.pipeline import demo, learning
from gennari.pipeline.demo import outcome, run_demo
from gennari.pipeline.stages import open_run, receipts
from gennari.sources.sections import read_labels

KEYS = {
    "dice_baseline", "dice_pretrained", "dice_atlas", "err_seg_baseline", "err_seg_pretrained",
    "pixel_distance_um_baseline", "pixel_distance_um_pretrained", "err_dist_mm", "err_dist_trivial_mm", "geometry",
    "seconds", "report",
}  # fmt: skip


def _times(folder: Path) -> dict[Path, int]:
    return {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


def test_every_stage_leaves_a_receipt_and_the_files_it_names(finished):
    found = {receipt.stage: receipt for receipt in receipts(finished)}
    learning = {"pretrain", "finetune-baseline", "finetune-pretrained"}
    stages = {"sample", "pack", *learning, "segment", "evaluate", "report"}
    assert set(found) == stages
    for receipt in found.values():
        assert receipt.outputs
        assert all(finished.path(output).exists() for output in receipt.outputs)


def test_the_figures_hold_every_key_and_are_plain_json(finished):
    figures = json.loads(json.dumps(outcome(finished).figures, allow_nan=False))
    assert set(figures) >= KEYS
    assert figures["geometry"] == "fsaverage5"
    assert Path(figures["report"]).is_file()
    assert figures["dice_atlas"] > 0.3
    assert figures["err_dist_mm"] > 0
    assert figures["err_dist_trivial_mm"] > 0
    assert figures["seconds"] == pytest.approx(sum(receipt.seconds for receipt in receipts(finished)), abs=0.1)


def test_the_table_has_a_row_for_each_method_with_its_numbers(finished):
    found = outcome(finished)
    lines = found.table.splitlines()
    for start, key in (("baseline", "dice_baseline"), ("pre-trained", "dice_pretrained"), ("atlas", "dice_atlas")):
        (line,) = (line for line in lines if line.startswith(start))
        assert f"{found.figures[key]:.3f}" in line
    assert any(line.startswith("median predictor") for line in lines)
    assert "4 held-out sections" in lines[-1]


def test_the_report_is_one_file_that_needs_no_other(finished):
    page = finished.path("report.html").read_text(encoding="utf-8")
    links = re.findall(r'(?:src|href)\s*=\s*["\']([^"\']*)', page)
    outside = [link for link in links if not link.startswith(("data:", "#"))]
    # the viewer's page stands beside the report, for whoever looks at a section; the report does without it
    assert all(link.startswith(("https://doi.org/", "view.html#")) for link in outside)
    assert not re.search(r"url\((?!['\"]?data:)|@import|<script[^>]+src|<link\b", page)
    assert page.count("data:image/") >= 8
    assert "Synthetic images" in page


def test_a_finished_demo_says_so_and_touches_nothing(finished_demo, ticks):
    before = _times(finished_demo)
    again = run_demo(finished_demo, None, "mini", 1, ticks.append)
    assert {path: time for path, time in _times(finished_demo).items() if path.name != ".lock"} == {
        path: time for path, time in before.items() if path.name != ".lock"
    }
    idle = {tick.stage for tick in ticks if "nothing to do" in tick.note}
    assert idle == {
        "phantom", "sample", "pack", "pretrain", "finetune-baseline", "finetune-pretrained", "segment", "evaluate",
        "report",
    }  # fmt: skip
    assert again.figures == outcome(open_run(finished_demo / "run")).figures


def test_a_demo_killed_between_stages_goes_on_where_it_was(copied, ticks, monkeypatch):
    run = copied / "run"
    for stage in ("segment", "evaluate", "report"):
        (run / "receipts" / f"{stage}.json").unlink()
    (run / "summary.json").unlink()
    kept = {path: time for path, time in _times(run).items() if path.parts[-2] in ("pretrain", "finetune", "run")}
    kept = {path: time for path, time in kept.items() if path.suffix in (".safetensors", ".toml")}
    maps = {path: path.read_bytes() for path in sorted(run.glob("maps/**/c/*/*"))}
    first = json.loads((run / "receipts/sample.json").read_text())

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(demo, "evaluate_stage", killed)
        with pytest.raises(KeyboardInterrupt):
            run_demo(copied, None, "mini", 1, ticks.append)
    assert (run / "receipts/segment.json").exists()
    monkeypatch.setattr(demo, "report_stage", lambda run, tick: None)  # five seconds of drawing that others test
    result = run_demo(copied, None, "mini", 1, ticks.append)
    assert set(result.figures) >= KEYS
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert {path: path.read_bytes() for path in maps} == maps
    assert json.loads((run / "receipts/sample.json").read_text()) == first


def test_fine_tuning_never_sees_a_held_out_section(copied, ticks, monkeypatch):
    run = open_run(copied / "run")
    held_out = json.loads((copied / "run/split.json").read_text())
    seen: list[str] = []

    def watched(settings: object, config: object, sections: list, *_: object, **__: object) -> None:
        seen.extend(section.name for section in sections)
        raise KeyboardInterrupt

    (copied / "run/receipts/finetune-baseline.json").unlink()
    monkeypatch.setattr(learning, "finetune", watched)
    with pytest.raises(KeyboardInterrupt):
        learning.finetune_stage(run, ticks.append)
    assert len(seen) == 4
    for name in seen:
        brain, section = name.split()
        assert held_out[brain][section] == "train"
        assert brain != "P"


def test_both_networks_start_from_the_same_settings_and_end_apart(finished):
    weights = [finished.path("finetune", variant, "weights.safetensors") for variant in ("baseline", "pretrained")]
    assert weights[0].stat().st_size == weights[1].stat().st_size
    assert weights[0].read_bytes() != weights[1].read_bytes()
    keys = {r.stage: r.key for r in receipts(finished)}
    assert keys["finetune-baseline"] == keys["finetune-pretrained"]


def test_maps_hold_classes_only(finished):
    for path in finished.path("maps").glob("*/*/*.ome.zarr"):
        assert read_labels(path)[0].max() < 16
