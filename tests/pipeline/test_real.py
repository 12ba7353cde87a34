"""The whole method on real surfaces, layer thicknesses and area probabilities, as short as it can be."""

import json

import numpy as np
import pytest

from gennari.phantom.layers import AREAS
from gennari.phantom.settings import BrainPlan
from gennari.pipeline import sampling
from gennari.pipeline.demo import run_demo
from gennari.pipeline.stages import open_run
from gennari.recipes import phantoms
from gennari.sources.bigbrain import section_y_mm
from gennari.sources.gifti import columns_path, read_columns


@pytest.mark.real
def test_real_probabilities_are_of_the_thirteen_areas_and_two_that_count_as_other_cortex(real_data):
    for side in "LR":
        names, values = read_columns(columns_path(real_data / "bigbrain", side, "probability"))
        assert set(names) == {*AREAS, "hOc6", "FG5"}
        assert 0 <= values.min() < values.max() <= 1


@pytest.mark.real
@pytest.mark.slow
def test_the_demo_runs_on_real_surfaces(real_data, mini_recipes, tmp_path, ticks, monkeypatch):
    labelled = BrainPlan(name="A", role="labelled", sections=2, first=0.3)
    settings = mini_recipes[0].model_copy(
        update={"brains": (BrainPlan(name="P", role="pretext", sections=4), labelled), "atlas_individuals": 2}
    )
    monkeypatch.setattr(phantoms, "PHANTOMS", {"mini": settings})
    monkeypatch.setattr(sampling, "usable_cores", lambda: 1)
    result = run_demo(tmp_path, real_data / "bigbrain", "mini", 1, ticks.append)
    assert result.figures["geometry"] == "bigbrain"
    json.dumps(result.figures, allow_nan=False)
    run = open_run(tmp_path / "run")
    assert run.path("report.html").is_file()
    calibration = json.loads(run.path("sampling.json").read_text())["geodesics"]
    assert all(calibration[side]["mean_relative_error"] < 0.03 for side in "LR")
    brain = run.dataset.brain("A")
    assert len(brain.hemispheres()[0].pial.vertices_mm) == 163842
    labels = np.concatenate([brain.truth(section.id).labels.ravel() for section in brain.sections])
    assert {0, 1, 2, 3} <= set(np.unique(labels))
    # the posterior part is where BigBrain's sections 0 to 3000 lie, give or take the warp
    for section in brain.sections:
        y = float(section.brain_mm(np.zeros((1, 2)))[0, 1])
        assert section_y_mm(0) - 8 < y < section_y_mm(3000) + 8
