from pathlib import Path

import pytest
import torch

from gennari.errors import InputError
from gennari.nets.area_unet import AreaUNet
from gennari.nets.encoders import make_texture
from gennari.nets.field_of_view import seen_by_cell_px
from gennari.nets.residual import ResidualBlock
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import TextureConfig
from gennari.nets.texture import TextureBranch
from gennari.nets.weights import load_area_unet, load_siamese, save_net, transfer_texture

SAME = TextureConfig(spacing_um=32, patch_px=32, stem_channels=4, channels=(4, 6, 8), convs=(2, 1, 1), padding="same")
VALID = TextureConfig(spacing_um=32, patch_px=51, stem_channels=4, channels=(4, 6, 8), convs=(2, 1, 1))


def _own(name: str, config: TextureConfig = SAME) -> TextureConfig:
    return config.model_copy(update={"encoder": f"own_encoders:{name}"})


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def test_the_papers_branch_and_the_residual_one_are_built_by_name():
    paper = make_texture(SAME, torch.Generator().manual_seed(1))
    plain = TextureBranch(SAME, torch.Generator().manual_seed(1))
    assert all(torch.equal(value, plain.state_dict()[name]) for name, value in paper.state_dict().items())
    residual = make_texture(SAME.model_copy(update={"encoder": "residual"}))
    assert isinstance(residual, TextureBranch)
    assert all(isinstance(block, ResidualBlock) for block in residual.blocks)
    assert not any(isinstance(block, ResidualBlock) for block in plain.blocks)


@pytest.mark.parametrize("config", [SAME, VALID], ids=["same", "valid"])
@pytest.mark.parametrize("encoder", ["paper", "residual"])
def test_a_cell_of_each_level_sees_what_the_arithmetic_says_and_nothing_else(config: TextureConfig, encoder: str):
    net = make_texture(config.model_copy(update={"encoder": encoder})).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.bias, 5)  # no ReLU at rest
    side = 147 if config is VALID else 144
    image = torch.rand(1, 1, side, side, requires_grad=True)
    for level, features in enumerate(net(image)):
        cell = features.shape[-1] // 2
        (gradient,) = torch.autograd.grad(features[..., cell, cell].sum(), image, retain_graph=True)
        rows = torch.nonzero(gradient.abs().sum(dim=(0, 1, 3))).flatten()
        first, last = (at + cell * 2 * 2**level for at in seen_by_cell_px(config, level))
        assert first <= int(rows[0]) <= first + 2 ** (level + 1)  # max pooling passes one pixel of two
        assert last - 2 ** (level + 1) <= int(rows[-1]) <= last


def test_a_class_by_import_path_fills_the_slot_of_both_networks(tmp_path: Path):
    config = _own("Plain")
    siamese, unet = SiameseNet(config, torch.Generator().manual_seed(3)), AreaUNet(config, 5)
    assert type(siamese.texture).__name__ == "Plain"
    assert siamese.texture.training
    assert unet(torch.randn(2, 1, 32, 32)).shape == (2, 5, 16, 16)
    save_net(tmp_path / "s.safetensors", siamese)
    transfer_texture(tmp_path / "s.safetensors", unet)
    image = torch.randn(1, 1, 32, 32)
    for ours, theirs in zip(unet.texture(image), siamese.texture(image), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_its_weights_follow_the_generator_and_torchs_own_stays():
    before = torch.get_rng_state()
    nets = [make_texture(_own("Plain"), torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)]
    assert torch.equal(torch.get_rng_state(), before)
    first, again, other = (next(net.parameters()) for net in nets)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_it_is_built_without_memory_too():
    with torch.device("meta"):
        assert AreaUNet(_own("Plain"), 5).texture.get_parameter("layers.0.weight").is_meta


def test_code_that_only_a_weights_file_names_is_not_run(tmp_path: Path):
    config = _own("Plain")
    save_net(tmp_path / "s.safetensors", SiameseNet(config))
    save_net(tmp_path / "u.safetensors", AreaUNet(config, 5))
    for load, name in ((load_siamese, "s"), (load_area_unet, "u")):
        path = tmp_path / f"{name}.safetensors"
        for trusted in ("", "residual", "own_encoders:Far"):
            with pytest.raises(InputError, match=r"only for an encoder that the recipe itself names, but .*:Plain"):
                load(path, trusted)
        assert type(load(path, config.encoder).texture).__name__ == "Plain"


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("Missing", SAME, "must name a class that Python can import, but: .*Missing"),
        ("nn", SAME, "must name a class of torch.nn.Module, got <module"),
        ("TextureConfig", SAME, "must name a class of torch.nn.Module, got <class"),
        ("Short", SAME, r"must give the maps .* a list of \[\(1, 4, .* got \[\(1, 4, .*mend one of the two"),
        ("Plain", VALID, "must give the maps that its config declares"),
        ("TwoNumbers", SAME, r"must give the maps .* got \[<class 'float'>"),
        ("Broken", SAME, r"must read images of shape \(b, 1, h, w\), but on .* expected input"),
        ("Far", SAME, r"must see no further than its config declares, .* a cell of level 0 sees more than pixels"),
        ("OneFurther", SAME, "must see no .* a cell of level 0 sees more than pixels .* declare more convs"),
    ],
)
def test_a_class_that_does_not_fit_is_refused(name: str, config: TextureConfig, message: str):
    with pytest.raises(InputError, match=f"^encoder 'own_encoders:{name}' {message}"):
        make_texture(_own(name, config))


def test_a_package_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="No module named 'nowhere'; install its package, or put its folder into PYT"):
        make_texture(SAME.model_copy(update={"encoder": "nowhere.at_all:Net"}))
