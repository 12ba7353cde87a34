"""Temperatures: fitted on annotated cortex of validation sections, kept with the run, left at 1 where there is none."""

import json

import numpy as np
import pytest

from gennari.apply.segment import segment
from gennari.errors import InputError, Interrupted
from gennari.metrics.calibration import fit_temperature, reliability
from gennari.nets.sizes import output_spacing_um
from gennari.nets.weights import load_area_unet
from gennari.pipeline import temperatures
from gennari.pipeline.claims import claimed
from gennari.pipeline.labelled import annotated_labels, section_prior
from gennari.pipeline.learning import normalisation, weights_path
from gennari.pipeline.sampling import sections_of
from gennari.pipeline.stages import Run, open_run
from gennari.pipeline.temperatures import read_temperatures, temperature_stage
from gennari.records import IGNORE
from gennari.surface.ribbon import cut_ribbon


@pytest.fixture
def run(copied) -> Run:
    """The finished run, two of whose held-out sections are called validation sections."""
    path = copied / "run/split.json"
    splits = json.loads(path.read_text())
    for name in ("A", "C"):
        splits[name] = {number: "val" if kind == "test" else kind for number, kind in splits[name].items()}
    path.write_text(json.dumps(splits))
    return open_run(copied / "run")


def _expected(run: Run, variant: str) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities by one call over each whole section, and classes, of annotated pixels of the ribbon."""
    net, config = load_area_unet(weights_path(run, variant)), run.experiment.texture
    given, labels = [], []
    for name, part in sections_of(run, "val").items():
        brain = run.dataset.brain(name)
        for section in part:
            spacing_um = output_spacing_um(config)
            drawn = annotated_labels(brain, section, spacing_um)
            here = (drawn != IGNORE) & cut_ribbon(brain.hemispheres(), section, spacing_um).cortex
            prior = section_prior(brain.hemispheres(), brain.atlas(), section, config)
            image = brain.read_full(section.id, config.spacing_um)
            given.append(segment(net, image, prior, normalisation(run)).probabilities.astype(np.float32)[:, here])
            labels.append(drawn[here])
    return np.concatenate(given, axis=1), np.concatenate(labels)


def test_the_temperature_is_that_of_annotated_cortex_of_validation_sections(run, ticks):
    assert temperature_stage(run, "none", ticks.append)
    found = read_temperatures(run)
    assert found.sections == 2
    assert found.note == ""
    for variant, of_network in found.networks.items():
        given, labels = _expected(run, variant)
        assert of_network.pixels == len(labels) > 100
        assert of_network.value == pytest.approx(fit_temperature(given, labels), rel=0.01)  # kept as float16 here
        error = reliability(given.max(axis=0), given.argmax(axis=0) == labels).error
        assert of_network.error_before == pytest.approx(error, abs=5e-3)
        assert of_network.value != 1
    assert not temperature_stage(run, "none", ticks.append)
    with pytest.raises(InputError, match=r"stage calibrate .* was finished with another configuration"):
        temperature_stage(run, "columns", ticks.append)


def test_of_a_large_section_so_many_pixels_are_drawn(run, ticks, monkeypatch):
    monkeypatch.setattr(temperatures, "PIXELS", 60)
    temperature_stage(run, "none", ticks.append)
    assert {of_network.pixels for of_network in read_temperatures(run).networks.values()} == {120}


def test_without_validation_sections_it_stays_at_1_and_that_is_said(copied, ticks):
    run = open_run(copied / "run")
    temperature_stage(run, "none", ticks.append)
    found = read_temperatures(run)
    assert {of_network.value for of_network in found.networks.values()} == {1.0}
    assert found.note == ticks[-1].note
    assert found.note.startswith("no validation section has annotated cortex on tissue, so probabilities")


def test_cortex_that_was_annotated_on_glass_does_not_count(run, ticks, monkeypatch):
    real = temperatures.segment_blocks
    monkeypatch.setattr(temperatures, "segment_blocks", lambda *given, **how: real(*given, **how | {"near": _nothing}))
    temperature_stage(run, "none", ticks.append)
    found = read_temperatures(run)
    assert (found.sections, found.networks["baseline"].value) == (0, 1.0)
    assert found.note


def _nothing(rows: slice, cols: slice) -> bool:
    del rows, cols
    return False


def test_two_parts_do_not_fit_at_the_same_time(run, ticks):
    with claimed(run.path(".lock-calibrate")), pytest.raises(Interrupted, match="another process fits the temp"):
        temperature_stage(run, "none", ticks.append)
