"""What maps are measured against: the truth on the maps' grid, else what experts annotated."""

import shutil
from collections import Counter
from itertools import product

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.pipeline.evaluation import Summary, evaluate_stage, read_confusions
from gennari.pipeline.labelled import annotated_labels
from gennari.pipeline.maps import map_path
from gennari.pipeline.page import report_stage
from gennari.pipeline.references import ANNOTATED_NOTE, measured_sections, reference_map, reference_of, true_map
from gennari.pipeline.sampling import sections_of
from gennari.pipeline.stages import Run, open_run
from gennari.records import IGNORE
from gennari.sources.dataset import annotation_path, open_dataset
from gennari.sources.documents import read_json
from gennari.sources.sections import read_labels


@pytest.fixture(scope="module")
def brain(phantom):
    return open_dataset(phantom).brain("B")


@pytest.fixture
def real(copied) -> Run:
    """A finished run on a data set whose truth nobody knows, to be evaluated."""
    for folder in (copied / "dataset/brains").glob("?/truth"):
        shutil.rmtree(folder)
    for stage in ("evaluate", "report"):
        (copied / "run/receipts" / f"{stage}.json").unlink()
    return open_run(copied / "run")


def test_the_truth_on_a_coarser_grid_is_a_majority_of_each_block(brain):
    section = brain.sections[0]
    truth = brain.truth(section.id)
    coarse = true_map(brain, section.id, 2 * truth.spacing_um)
    assert coarse.shape == section.grid_shape(2 * truth.spacing_um)
    for row, col in product(range(0, coarse.shape[0] - 1, 7), range(0, coarse.shape[1] - 1, 7)):
        votes = Counter(truth.labels[2 * row : 2 * row + 2, 2 * col : 2 * col + 2].ravel().tolist())
        assert votes[int(coarse[row, col])] == max(votes.values())


def test_on_its_own_grid_the_truth_is_left_alone(brain):
    truth = brain.truth(brain.sections[0].id)
    np.testing.assert_array_equal(true_map(brain, brain.sections[0].id, truth.spacing_um), truth.labels)


@pytest.mark.parametrize("spacing_um", [100.0, 300.0])
def test_a_grid_that_is_no_multiple_of_the_truths_is_refused(brain, spacing_um):
    with pytest.raises(InputError, match=r"a multiple of the truth's \(256.0 µm\), got"):
        true_map(brain, brain.sections[0].id, spacing_um)


def test_a_phantom_is_measured_against_its_truth(finished):
    assert reference_of(finished) == "truth"
    for name, part in sections_of(finished, "test").items():
        assert [one.id for one in measured_sections(finished)[name]] == [one.id for one in part]
    assert read_json(finished.path("summary.json"), Summary).reference == "truth"


def test_without_truth_annotated_pixels_alone_are_measured(real):
    (name, (section, *_)), *_ = sections_of(real, "test").items()
    brain = real.dataset.brain(name)
    annotation_path(brain.folder, section.id).unlink()  # a held-out section that nobody annotated is left out
    assert evaluate_stage(real, lambda tick: None)
    summary = read_json(real.path("summary.json"), Summary)
    held_out = sum(len(part) for part in sections_of(real, "test").values())
    assert (summary.reference, summary.sections) == ("annotations", held_out - 1)

    counts = read_confusions(real)["pretrained"]
    measured = [(name, one) for name, part in measured_sections(real).items() for one in part]
    assert (name, section.id) not in {(name, one.id) for name, one in measured}
    for (name, section), found in zip(measured, counts, strict=True):
        labels, spacing_um = read_labels(map_path(real, "pretrained", name, section.id))
        drawn = annotated_labels(real.dataset.brain(name), section, spacing_um)
        expected = np.zeros_like(found)
        for true, given in zip(drawn[drawn != IGNORE], labels[drawn != IGNORE], strict=True):
            expected[true, given] += 1
        np.testing.assert_array_equal(found, expected)

    report_stage(real, lambda tick: None)
    page = real.path("report.html").read_text()
    assert ANNOTATED_NOTE in page
    assert "every annotated pixel counts" in page
    assert "The brains are synthetic" not in page


def test_nothing_to_measure_against_is_said(real):
    for brain in real.dataset.brains():
        shutil.rmtree(brain.folder / "annotations", ignore_errors=True)
    with pytest.raises(InputError, match=r"annotate one of the sections that split\.json calls test"):
        evaluate_stage(real, lambda tick: None)


def test_an_annotation_that_covers_no_pixel_is_named(real):
    brain = real.dataset.brain("B")
    section = brain.sections[0]
    path = annotation_path(brain.folder, section.id)
    path.write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(InputError, match=f"that of section {section.id} of B covers none; draw more"):
        reference_map(brain, section, 256.0, "annotations")
