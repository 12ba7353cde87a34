import copy

import pytest
import torch

from gennari.nets import program
from gennari.nets.area_unet import AreaUNet
from gennari.nets.program import write_program
from gennari.nets.sizes import TextureConfig, unet_sizes

SAME = TextureConfig(spacing_um=64, patch_px=16, stem_channels=4, channels=(4, 6), convs=(1, 1), padding="same")
VALID = TextureConfig(spacing_um=32, patch_px=40, stem_stride=1, channels=(4, 6), convs=(2, 1))
RESIDUAL = VALID.model_copy(update={"encoder": "residual", "pooling": "global"})


def trained(config: TextureConfig) -> AreaUNet:
    """A net whose batch norm has statistics that are not its first ones."""
    net = AreaUNet(config, 5, 3, (3, 2), torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    side = unet_sizes(config, 48).atlas_px
    with torch.no_grad():
        net(torch.randn(4, 1, 48, 48, generator=generator), torch.rand(4, 3, side, side, generator=generator))
    return net.eval().to(memory_format=torch.channels_last)  # as `load_area_unet` gives it


@pytest.mark.parametrize("config", [SAME, VALID, RESIDUAL], ids=["same", "valid", "residual"])
@pytest.mark.parametrize("with_atlas", [False, True])
def test_torch_reads_a_program_that_takes_grey_values_and_any_batch(tmp_path, config, with_atlas):
    net = trained(config)
    difference = write_program(tmp_path / "areas.pt2", net, 0.6, 0.2, 48, with_atlas)
    assert 0 <= difference <= program.TOLERANCE
    loaded = torch.export.load(tmp_path / "areas.pt2").module()
    side = unet_sizes(config, 48).atlas_px
    for batch in (1, 5):
        grey = 255 * torch.rand(batch, 1, 48, 48)
        atlas = torch.rand(batch, 3, side, side)
        with torch.no_grad():
            expected = net((grey / 255 - 0.6) / 0.2, atlas if with_atlas else None).softmax(1)
            got = loaded(grey, atlas) if with_atlas else loaded(grey)
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)
        torch.testing.assert_close(got.sum(dim=1), torch.ones_like(got[:, 0]))


def test_a_program_that_disagrees_is_refused_and_not_left_behind(tmp_path, monkeypatch):
    net, save = trained(SAME), program.save
    plain = copy.deepcopy(net).to(memory_format=torch.contiguous_format)  # as the program's own net is
    other = program.GreyToProbabilities(plain, 0.5, 0.2).eval()  # another mean
    wrong = program._export(other, (torch.rand(2, 1, 48, 48),))
    monkeypatch.setattr(program, "save", lambda right, path: save(wrong, path))
    with pytest.raises(ValueError, match="must agree with its network to 1e-05, got"):
        write_program(tmp_path / "areas.pt2", net, 0.6, 0.2, 48, False)
    assert list(tmp_path.iterdir()) == []
