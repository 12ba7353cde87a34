import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gennari.errors import InputError
from gennari.nets.area_unet import AreaUNet
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import PRESETS, TextureConfig
from gennari.nets.weights import load_area_unet, load_siamese, read_tensors, save_net, transfer_texture

CONFIG = TextureConfig(spacing_um=32, patch_px=40, stem_stride=1, channels=(4, 6, 8), convs=(2, 2, 1))


def _trained(config: TextureConfig = CONFIG) -> SiameseNet:
    net = SiameseNet(config).train()
    net(torch.randn(3, 1, config.patch_px, config.patch_px))  # moves the batch norm statistics
    return net


def test_networks_come_back_as_they_were_saved(tmp_path: Path):
    siamese, unet = _trained(), AreaUNet(CONFIG, 5, 7, (3, 2, 5)).to(memory_format=torch.channels_last)
    save_net(tmp_path / "s.safetensors", siamese, {"note": "x"})
    save_net(tmp_path / "u.safetensors", unet)
    for path, net, load in (("s", siamese, load_siamese), ("u", unet, load_area_unet)):
        back = load(tmp_path / f"{path}.safetensors")
        assert not back.training
        assert back.config == CONFIG
        assert all(torch.equal(back.state_dict()[name], value) for name, value in net.state_dict().items())
    assert read_tensors(tmp_path / "s.safetensors")[1]["note"] == "x"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.safetensors", "u.safetensors"]


def test_only_the_texture_branch_is_transferred(tmp_path: Path):
    siamese, unet = _trained(), AreaUNet(CONFIG.model_copy(update={"patch_px": 48}), 5)
    before = {name: value.clone() for name, value in unet.state_dict().items()}
    save_net(tmp_path / "s.safetensors", siamese)
    transfer_texture(tmp_path / "s.safetensors", unet)
    for name, value in unet.state_dict().items():
        assert torch.equal(value, siamese.state_dict()[name] if name.startswith("texture.") else before[name])


def test_a_residual_branch_is_handed_on_by_name_and_to_no_other_encoder(tmp_path: Path):
    config = CONFIG.model_copy(update={"encoder": "residual", "pooling": "global"})
    siamese, unet = _trained(config), AreaUNet(config.model_copy(update={"pooling": "flatten"}), 5)
    save_net(tmp_path / "s.safetensors", siamese)
    assert load_siamese(tmp_path / "s.safetensors").config == config
    transfer_texture(tmp_path / "s.safetensors", unet)
    image = torch.randn(2, 1, 40, 40)
    torch.testing.assert_close(unet.eval().texture(image), siamese.eval().texture(image))
    with pytest.raises(InputError, match="encoder = residual, the network paper; use one preset"):
        transfer_texture(tmp_path / "s.safetensors", AreaUNet(CONFIG, 5))


def test_the_other_presets_weights_are_refused_naming_the_layer(tmp_path: Path):
    save_net(tmp_path / "s4.safetensors", SiameseNet(PRESETS["s4"]))
    with pytest.raises(InputError, match=r"missing: texture\.blocks\.0\.conv2\.bias.* and 4 more"):
        transfer_texture(tmp_path / "s4.safetensors", SiameseNet(PRESETS["s2"]))
    save_net(tmp_path / "s2.safetensors", SiameseNet(PRESETS["s2"]))
    with pytest.raises(InputError, match=r"left over: texture\.blocks\.0\.conv2\.bias"):
        transfer_texture(tmp_path / "s2.safetensors", SiameseNet(PRESETS["s4"]))


def test_an_s2_checkpoint_is_refused_by_an_s4_u_net_and_other_blocks_by_their_number(tmp_path: Path):
    save_net(tmp_path / "s2.safetensors", SiameseNet(PRESETS["s2"]))
    with pytest.raises(InputError, match=r"left over: texture\.blocks\.0\.conv2\.bias"):
        transfer_texture(tmp_path / "s2.safetensors", AreaUNet(PRESETS["s4"], 16))
    with pytest.raises(InputError, match=r"left over: texture\.blocks\.4\.conv1\.bias"):
        transfer_texture(tmp_path / "s2.safetensors", AreaUNet(PRESETS["coarse16"], 16))


def test_further_heads_come_back_and_stay_behind_when_the_branch_is_handed_on(tmp_path: Path):
    net, unet = SiameseNet(CONFIG, further=("curvature", "plane")), AreaUNet(CONFIG, 5)
    net.further_sd.fill_(3)
    save_net(tmp_path / "s.safetensors", net)
    back = load_siamese(tmp_path / "s.safetensors")
    assert back.further == ("curvature", "plane")
    assert all(torch.equal(back.state_dict()[name], value) for name, value in net.state_dict().items())
    transfer_texture(tmp_path / "s.safetensors", unet)
    assert torch.equal(unet.texture.stem.weight, net.texture.stem.weight)
    transfer_texture(tmp_path / "s.safetensors", SiameseNet(CONFIG))


def test_files_from_before_there_were_further_heads_still_load(tmp_path: Path):
    net = _trained()
    save_net(tmp_path / "s.safetensors", net)
    tensors, metadata = read_tensors(tmp_path / "s.safetensors")
    record = {key: value for key, value in json.loads(metadata["net"]).items() if key != "further"}
    save_file(tensors, tmp_path / "s.safetensors", {**metadata, "net": json.dumps(record)})
    back = load_siamese(tmp_path / "s.safetensors")
    assert back.further == ()
    assert torch.equal(back.head.weight, net.head.weight)


def test_layers_of_another_shape_are_refused(tmp_path: Path):
    save_net(tmp_path / "s.safetensors", _trained())
    wider = CONFIG.model_copy(update={"stem_channels": 20})
    with pytest.raises(InputError, match=r"texture\.blocks\.0\.conv1\.weight has shape \(4, 16, 3, 3\), not \(4, 20"):
        transfer_texture(tmp_path / "s.safetensors", AreaUNet(wider, 5))


def test_equal_shapes_at_another_spacing_or_stem_are_refused(tmp_path: Path):
    save_net(tmp_path / "s.safetensors", _trained())
    with pytest.raises(InputError, match=r"spacing_um = 32.0, the network 16"):
        transfer_texture(tmp_path / "s.safetensors", AreaUNet(CONFIG.model_copy(update={"spacing_um": 16}), 5))
    with pytest.raises(InputError, match=r"stem_stride = 1, the network 2"):
        transfer_texture(tmp_path / "s.safetensors", AreaUNet(CONFIG.model_copy(update={"stem_stride": 2}), 5))


def test_the_wrong_kind_of_network_is_refused(tmp_path: Path):
    save_net(tmp_path / "s.safetensors", _trained())
    with pytest.raises(InputError, match="must hold a area-unet network, got a siamese"):
        load_area_unet(tmp_path / "s.safetensors")


def test_missing_cut_and_foreign_files_are_refused(tmp_path: Path):
    path = tmp_path / "s.safetensors"
    with pytest.raises(InputError, match="but there is none"):
        load_siamese(path)
    save_net(path, _trained())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="whole safetensors file"):
        load_siamese(path)
    save_file({"x": torch.ones(2)}, path)
    with pytest.raises(InputError, match="metadata has no 'net'"):
        load_siamese(path)


def test_a_record_without_its_tensors_is_refused(tmp_path: Path):
    net = _trained()
    save_net(tmp_path / "s.safetensors", net)
    tensors, metadata = read_tensors(tmp_path / "s.safetensors")
    del tensors["head.weight"]
    save_file(tensors, tmp_path / "s.safetensors", metadata)
    with pytest.raises(InputError, match=r"missing: head\.weight"):
        load_siamese(tmp_path / "s.safetensors")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_naming_the_layer(tmp_path: Path, bad: float):
    net = _trained()
    with torch.no_grad():
        net.state_dict()["texture.blocks.1.conv1.weight"][0, 0, 0, 0] = bad
    save_net(tmp_path / "s.safetensors", net)
    for read in (load_siamese, lambda path: transfer_texture(path, _trained())):
        with pytest.raises(InputError, match=r"must be finite, but texture\.blocks\.1\.conv1\.weight is not; train"):
            read(tmp_path / "s.safetensors")


def _with_record(path: Path, **changes: object) -> None:
    """A file whose tensors are of CONFIG and whose record is another."""
    net = SiameseNet(CONFIG)
    record = {"kind": "siamese", "config": {**CONFIG.model_dump(mode="json", exclude_none=True), **changes}}
    save_file(dict(net.state_dict()), path, {"net": json.dumps(record)})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"convs": [10**9, 2, 1]}, "'config.convs.0' does not fit: input should be less than or equal to 64"),
        ({"channels": [4] * 40, "convs": [2] * 40}, "'config.channels' does not fit"),
        ({"stem_channels": 10**6}, "speaks of a larger network than it holds"),
        ({"channels": [10**6, 10**6, 10**6]}, "speaks of a larger network than it holds"),
        ({"convs": [64, 64, 64], "padding": "same"}, "speaks of a larger network than it holds"),
        ({"features": 2**20}, "speaks of a larger network than it holds"),
        ({"features": 33}, "has shape"),
    ],
)
def test_a_record_that_asks_for_more_than_the_file_holds_is_refused(tmp_path: Path, changes: dict, said: str):
    _with_record(tmp_path / "s.safetensors", **changes)
    with pytest.raises(InputError, match=said):
        load_siamese(tmp_path / "s.safetensors")


def test_a_record_that_is_no_json_is_refused(tmp_path: Path):
    save_file({"a": torch.zeros(1)}, tmp_path / "s.safetensors", {"net": "[" * 100_000})
    with pytest.raises(InputError, match=r"s\.safetensors must be JSON of a sane depth"):
        load_siamese(tmp_path / "s.safetensors")


def test_no_pickle_is_loaded_whatever_a_file_is_called(tmp_path: Path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "s.safetensors")
    with pytest.raises(InputError, match="must be a whole safetensors file"):
        read_tensors(tmp_path / "s.safetensors")
