import numpy as np
import pytest
import torch

from gennari.apply.features import branch_features
from gennari.data.pixels import Normalisation
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import TextureConfig


@pytest.fixture
def net():
    config = TextureConfig(
        spacing_um=32.0, patch_px=32, stem_channels=4, stem_stride=2, channels=(4, 4), convs=(1, 1),
        padding="same", features=5,
    )  # fmt: skip
    return SiameseNet(config, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_features_are_those_of_one_patch_at_a_time(net, batch, rng):
    images = rng.integers(0, 256, (7, 32, 32)).astype(np.uint8)
    got = branch_features(net, images, Normalisation(mean=0.5, std=0.2), batch)
    assert net.training  # left as it came
    net.eval()
    for row, image in zip(got, images, strict=True):
        x = torch.tensor((image / 255 - 0.5) / 0.2, dtype=torch.float32)[None, None]
        with torch.no_grad():
            assert row == pytest.approx(net.features(x)[0].numpy(), abs=1e-4)
    branch_features(net, images, Normalisation(mean=0.5, std=0.2), batch)
    assert not net.training


def test_no_patches_give_no_features(net):
    assert branch_features(net, np.zeros((0, 32, 32), np.uint8), Normalisation(mean=0.5, std=0.2)).shape == (0, 5)
