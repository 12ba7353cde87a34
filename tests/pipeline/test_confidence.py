"""Confidence on held-out sections: calibration error before and after, and what is left when doubt is set aside."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.metrics.calibration import reliability
from gennari.metrics.overlap import confusion
from gennari.metrics.rejection import Thresholds, kept
from gennari.nets.sizes import output_spacing_um
from gennari.pipeline.confidence import confidence_stage, read_confidence, read_graded
from gennari.pipeline.confidence_words import NOT_KEPT, confidence_chapters, confidence_lines
from gennari.pipeline.evaluation import evaluate_stage
from gennari.pipeline.labelled import annotated_labels
from gennari.pipeline.learning import VARIANTS
from gennari.pipeline.maps import confidence_path, map_path, probabilities_path, segment_stage
from gennari.pipeline.references import true_map
from gennari.pipeline.sampling import sections_of
from gennari.pipeline.section_maps import MapOptions
from gennari.pipeline.stages import Run, open_run
from gennari.pipeline.temperatures import read_temperatures
from gennari.records import IGNORE
from gennari.sources.probabilities import read_probability_bytes
from gennari.sources.sections import read_labels
from gennari.surface.ribbon import cut_ribbon


@pytest.fixture(scope="module")
def calibrated(finished_demo, tmp_path_factory) -> Run:
    """The finished run again from its maps on, with validation sections and calibrated probabilities; read only."""
    return _evaluated(finished_demo, tmp_path_factory.mktemp("calibrated"), MapOptions(calibrate=True))


def _evaluated(finished_demo: Path, folder: Path, options: MapOptions) -> Run:
    shutil.copytree(finished_demo, folder / "demo")
    root = folder / "demo/run"
    for stage in ("segment", "evaluate", "report"):
        (root / "receipts" / f"{stage}.json").unlink()
    splits = json.loads((root / "split.json").read_text())
    for name in ("A", "C"):
        splits[name] = {number: "val" if kind == "test" else kind for number, kind in splits[name].items()}
    (root / "split.json").write_text(json.dumps(splits))
    run = open_run(root)
    segment_stage(run, lambda tick: None, probabilities=True, options=options)
    evaluate_stage(run, lambda tick: None)
    assert confidence_stage(run, lambda tick: None)
    return run


def _pixels(run: Run, variant: str) -> tuple[np.ndarray, ...]:
    """(true, predicted, said before, said after, annotated) of all pixels of the ribbon on held-out sections."""
    columns = []
    for name, part in sections_of(run, "test").items():
        brain = run.dataset.brain(name)
        for section in part:
            spacing_um = output_spacing_um(run.experiment.texture)
            here = cut_ribbon(brain.hemispheres(), section, spacing_um).cortex
            shares = read_probability_bytes(probabilities_path(run, variant, name, section.id))[0]
            (before,) = read_probability_bytes(confidence_path(run, variant, name, section.id))[0]
            predicted = read_labels(map_path(run, variant, name, section.id))[0]
            truth = true_map(brain, section.id, spacing_um)
            drawn = annotated_labels(brain, section, spacing_um)[here] != IGNORE
            said = (before[here] / 255, shares.max(axis=0)[here] / 255)
            columns.append((truth[here], predicted[here], *said, drawn))
    return tuple(np.concatenate(column) for column in zip(*columns, strict=True))


@pytest.mark.parametrize("variant", VARIANTS)
def test_errors_before_and_after_are_those_of_the_kept_bytes(calibrated, variant):
    true, predicted, before, after, drawn = _pixels(calibrated, variant)
    found = read_confidence(calibrated).networks[variant]
    assert found.before.error == pytest.approx(reliability(before, predicted == true).error)
    assert found.after.error == pytest.approx(reliability(after, predicted == true).error)
    assert 0 < drawn.mean() < 1
    for error, said in ((found.annotated_before, before), (found.annotated_after, after)):
        assert error == pytest.approx(reliability(said[drawn], (predicted == true)[drawn]).error)
    assert sum(found.before.counts) == sum(found.after.counts) == len(true)
    assert found.temperature == read_temperatures(calibrated).networks[variant].value != 1
    assert np.abs(before - after).max() > 0.02, "the temperature must have changed something"


@pytest.mark.parametrize("variant", VARIANTS)
def test_counts_are_those_of_the_ribbon_and_fall_with_each_threshold(calibrated, variant):
    true, predicted, *_ = _pixels(calibrated, variant)
    graded = read_graded(calibrated)[variant]
    everything = kept(graded, Thresholds())
    np.testing.assert_array_equal(everything.confusion, confusion(true, predicted, 16))
    assert everything.coverage == 1
    square = kept(graded, Thresholds(plane_angle_deg=60.0)).coverage
    assert 0 < square < kept(graded, Thresholds(plane_angle_deg=30.0)).coverage < 1


def test_calibration_changes_probabilities_and_no_map(finished, calibrated):
    for variant in VARIANTS:
        value = read_temperatures(calibrated).networks[variant].value
        for name, part in sections_of(calibrated, "test").items():
            for section in part:
                place = (variant, name, section.id)
                np.testing.assert_array_equal(
                    read_labels(map_path(calibrated, *place))[0], read_labels(map_path(finished, *place))[0]
                )
                (before,) = read_probability_bytes(confidence_path(calibrated, *place))[0]
                after = read_probability_bytes(probabilities_path(calibrated, *place))[0].max(axis=0)
                assert (after <= before + 1).all() if value > 1 else (after + 1 >= before).all()


def test_the_table_the_lines_and_the_chapter_tell_the_same(calibrated):
    rule = Thresholds(confidence=0.4, plane_angle_deg=30.0, rating=1)
    lines = confidence_lines(calibrated, rule)
    summary = read_confidence(calibrated)
    assert f"{summary.networks['pretrained'].after.error:.3f} at temperature" in lines
    coverage = kept(read_graded(calibrated)["pretrained"], rule).coverage
    asked = "predicted with 0.4 or more, cut at 30 degrees or more, of sections rated fair or better"
    assert f"on the {coverage:.0%} that are {asked}" in lines
    (chapter,) = confidence_chapters(calibrated)
    (table,) = chapter.tables
    assert len(table.rows) == 1 + 10 + 5 + 3 + 1
    assert table.rows[0][:2] == ["all pixels of the ribbon", "100%"]
    assert table.rows[-2][0] == "of sections rated excellent"
    assert [figure.title for figure in chapter.figures] == ["Reliability", "Dice against coverage"]


def test_probabilities_that_were_not_calibrated_are_measured_as_they_are(finished_demo, tmp_path):
    run = _evaluated(finished_demo, tmp_path, MapOptions())
    summary = read_confidence(run)
    assert {(network.after, network.temperature) for network in summary.networks.values()} == {(None, 1.0)}
    assert "temperature" not in confidence_lines(run, Thresholds())
    assert not confidence_stage(run, lambda tick: None)
    run.path("rejection.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match="must be a whole file of confusion matrices"):
        read_graded(run)


def test_where_probabilities_were_not_kept_nothing_is_measured_and_that_is_said(finished, ticks):
    assert not confidence_stage(finished, ticks.append)
    assert confidence_lines(finished, Thresholds()) == NOT_KEPT
    assert confidence_chapters(finished) == ()
