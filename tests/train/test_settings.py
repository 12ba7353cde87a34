import math
import subprocess
import sys
from itertools import pairwise

import pytest
from pydantic import ValidationError

from gennari.train.contrast import Contrast
from gennari.train.settings import WITHOUT_EFFECT, FinetuneSettings, Phase, PretrainSettings, learning_rate


def test_halving_halves_at_its_steps():
    phase = Phase(steps=10, rate=0.8, halve_at=(3, 5, 6))
    assert [learning_rate(phase, step) for step in range(8)] == [0.8, 0.8, 0.8, 0.4, 0.4, 0.2, 0.1, 0.1]


def test_a_constant_rate_stays():
    phase = Phase(steps=10, rate=0.3, schedule="constant", halve_at=(2,))
    assert {learning_rate(phase, step) for step in range(10)} == {0.3}


def test_one_cycle_rises_along_a_half_cosine_and_falls_to_nearly_nothing():
    phase = Phase(steps=101, rate=0.5, schedule="one-cycle", warm_fraction=0.2)
    rates = [learning_rate(phase, step) for step in range(101)]
    assert rates[0] == pytest.approx(0.5 / 25)
    assert rates[10] == pytest.approx((0.5 + 0.02) / 2)
    assert rates[20] == max(rates) == 0.5
    assert rates[60] == pytest.approx(0.25, rel=1e-3)
    assert rates[100] == pytest.approx(5e-6)
    assert all(a < b for a, b in pairwise(rates[:21]))
    assert all(a > b for a, b in pairwise(rates[20:]))


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_one_cycle_of_very_few_steps_is_finite(steps: int):
    phase = Phase(steps=steps, rate=0.5, schedule="one-cycle")
    assert all(
        0 < learning_rate(phase, step) <= 0.5 and math.isfinite(learning_rate(phase, step)) for step in range(steps)
    )


def test_the_papers_pretraining_halves_every_three_epochs():
    phase = PretrainSettings().phase(100)
    assert (phase.steps, phase.halve_at) == (1600, (300, 600, 900, 1200, 1500))
    assert learning_rate(phase, 1599) == pytest.approx(0.01 / 32)


def test_the_papers_fine_tuning_has_two_phases():
    first, second = FinetuneSettings(atlas_widths=(4,)).phases
    assert (first.steps, first.rate, first.atlas) == (8000, 0.05, False)
    assert (second.steps, second.rate, second.atlas) == (10000, 0.025, True)
    assert second.rate * second.atlas_rate_factor == pytest.approx(0.25)
    assert [learning_rate(second, step) for step in (2999, 3000, 5000, 6000)] == [0.025, 0.0125, 0.00625, 0.003125]


def test_further_targets_are_those_with_a_weight():
    assert PretrainSettings().further == {}
    assert PretrainSettings(plane_weight=0.5).further == {"plane": 0.5}
    assert PretrainSettings(curvature_weight=2, plane_weight=0.5).further == {"curvature": 2, "plane": 0.5}
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        PretrainSettings(curvature_weight=-1)


def test_settings_are_written_as_they_were_before_there_was_a_contrast():
    assert not {"contrast", "keep_every"} & PretrainSettings().model_dump().keys()
    asked = PretrainSettings(contrast=Contrast(kind="soft", projection=16), keep_every=7)
    assert '"contrast":{"kind":"soft",' in asked.model_dump_json()
    assert PretrainSettings.model_validate_json(asked.model_dump_json()) == asked


def test_a_contrast_is_target_enough():
    alone = PretrainSettings(use_distance=False, use_coordinates=False, contrast=Contrast())
    assert alone.contrast_alone
    assert not PretrainSettings(use_distance=False, contrast=Contrast()).contrast_alone


def test_a_contrast_that_pushes_near_patches_away_is_refused():
    with pytest.raises(ValidationError, match=r"mask_mm must be at least radius_mm, .* got 3 and 4"):
        Contrast(radius_mm=4.0, mask_mm=3.0)
    Contrast(radius_mm=4.0, mask_mm=4.0)


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ValidationError, match="needs a target"):
        PretrainSettings(use_distance=False, use_coordinates=False)
    with pytest.raises(ValidationError, match="multiple of micro_batch"):
        FinetuneSettings(batch=10, micro_batch=4, atlas_widths=(4,))
    with pytest.raises(ValidationError, match="multiple of micro_batch"):
        PretrainSettings(batch=10, micro_batch=4)
    with pytest.raises(ValidationError, match="needs atlas_widths"):
        FinetuneSettings()
    with pytest.raises(ValidationError, match="Extra inputs"):
        PretrainSettings(momentun=0.9)  # type: ignore[call-arg]


def test_micro_batches_are_counted_alike_in_both_trainings():
    assert (PretrainSettings(batch=60, micro_batch=20).parts, PretrainSettings(batch=60).parts) == (3, 1)
    settings = FinetuneSettings(batch=40, micro_batch=8, atlas_widths=(4,))
    assert (settings.parts, FinetuneSettings(atlas_widths=(4,)).parts) == (5, 1)


def test_settings_need_no_torch():
    code = "import sys, gennari.train.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_choice_that_came_later_is_written_where_it_is_made():
    settings = FinetuneSettings(atlas_widths=(8,) * 6)
    assert "decoder" not in settings.model_dump_json()
    light = settings.model_copy(update={"decoder": "light"})
    assert light.model_dump() == {**settings.model_dump(), "decoder": "light"}
    assert FinetuneSettings.model_validate(light.model_dump()) == light
    assert "decoder" in light.model_dump_json(exclude=WITHOUT_EFFECT)
