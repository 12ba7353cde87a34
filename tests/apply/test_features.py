import numpy as np
import pytest
import torch

from gennari.apply.features import branch_features, source_features
from gennari.data.patch_images import ImagesInMemory
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


@pytest.mark.parametrize("chunk", [3, 7, 100])
def test_features_of_a_source_are_those_of_all_its_images_read_a_chunk_at_a_time(net, chunk, rng):
    images = rng.integers(0, 256, (7, 32, 32)).astype(np.uint8)
    how = Normalisation(mean=0.5, std=0.2)
    ticks, asked = [], []

    class Counted(ImagesInMemory):
        def read(self, rows):
            asked.append(len(rows))
            return super().read(rows)

    got = source_features(net, Counted(images=images), how, chunk=chunk, tick=ticks.append)
    assert got == pytest.approx(branch_features(net, images, how), abs=1e-5)
    assert max(asked) <= chunk
    assert sum(asked) == 7
    assert (ticks[-1].done, ticks[-1].total) == (7, 7)


def test_images_of_another_size_than_the_networks_patches_are_refused(net):
    images = ImagesInMemory(images=np.zeros((2, 48, 48), np.uint8))
    with pytest.raises(ValueError, match="patches of 32 px, got 48 px"):
        source_features(net, images, Normalisation(mean=0.5, std=0.2))
