"""Operations of trainings against counts by hand."""

import numpy as np
import pytest

from gennari.nets.sizes import TextureConfig
from gennari.pipeline.compute import finetune_flop, pretext_flop
from gennari.records import PairTable
from gennari.train.settings import FinetuneSettings, Phase, PretrainSettings

CONFIG = TextureConfig(
    spacing_um=32,
    patch_px=16,
    stem_channels=2,
    stem_stride=1,
    channels=(3, 4),
    convs=(1, 1),
    padding="same",
    features=5,
)


@pytest.fixture
def pairs() -> PairTable:
    return PairTable(first=np.zeros(6, np.int32), second=np.arange(1, 7, dtype=np.int32), distance_mm=np.ones(6))


def test_a_pre_training_costs_its_patches_times_three_forward_passes(pairs: PairTable) -> None:
    stem, one, two = 16 * 16 * 25 * 2, 16 * 16 * 9 * 2 * 3, 8 * 8 * 9 * 3 * 4
    dense, head = 4 * 4 * 4 * 5, 5 * 3
    forward = 2 * (stem + one + two + dense + head)  # a multiplication and an addition each
    settings = PretrainSettings(epochs=2, batch=3)
    assert pretext_flop(settings, CONFIG, pairs) == 2 * 8 * 3 * forward


def test_a_fine_tuning_counts_the_atlas_branch_in_the_phases_that_read_it() -> None:
    def flop(atlas: bool) -> int:
        phases = (Phase(steps=5, rate=0.1, atlas=atlas),)
        settings = FinetuneSettings(phases=phases, batch=2, window_px=16, atlas_widths=(3, 3))
        return finetune_flop(settings, CONFIG, 6, 4)

    down = 2 * (16 * 16 * 9 * 4 * 3 + 8 * 8 * 9 * 3 * 3)
    up = 2 * (8 * 8 * 4 * 3 * 3 + 16 * 16 * 9 * 3 * 3)  # bottom through the transposed convolution, skip
    assert flop(True) - flop(False) == 5 * 2 * 3 * (down + up)


def test_a_light_decoder_costs_one_linear_layer_a_level() -> None:
    settings = FinetuneSettings(phases=(Phase(steps=5, rate=0.1),), batch=2, window_px=16, decoder="light")
    branch = 16 * 16 * 25 * 2 + 16 * 16 * 9 * 2 * 3 + 8 * 8 * 9 * 3 * 4
    assert finetune_flop(settings, CONFIG, 6, 4) == 5 * 2 * 3 * 2 * (branch + 16 * 16 * 3 * 6 + 8 * 8 * 4 * 6)
