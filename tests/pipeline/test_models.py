import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from gennari.errors import InputError
from gennari.nets.weights import load_area_unet
from gennari.pipeline import models
from gennari.pipeline.export import Wanted, export_path, export_stages
from gennari.pipeline.learning import weights_path
from gennari.pipeline.maps import MODEL, map_path, mapped_sections, model_stage, probabilities_path
from gennari.pipeline.models import create_model_run, open_model, shipped_model, used_model
from gennari.pipeline.section_maps import MapOptions
from gennari.pipeline.stages import open_run
from gennari.sources.documents import file_digest
from gennari.sources.sections import read_labels


@pytest.fixture(scope="module")
def exported(finished_demo: Path, tmp_path_factory) -> Path:
    """The folder of the finished run's model."""
    root = tmp_path_factory.mktemp("exported")
    shutil.copytree(finished_demo, root / "demo")
    run = open_run(root / "demo/run")
    export_stages(run, Wanted(kinds=("model",)), lambda tick: None)
    return export_path(run, "pretrained", "model")


@pytest.fixture
def model_folder(exported: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    shutil.copytree(exported, tmp_path / "model")
    return tmp_path / "model"


def test_an_exported_model_has_the_weights_of_the_run(exported, finished):
    stored = load_file(exported / "weights.safetensors")
    for name, value in load_area_unet(weights_path(finished, "pretrained")).state_dict().items():
        np.testing.assert_array_equal(stored[name], value.numpy(), err_msg=name)
    config = json.loads((exported / "config.json").read_text())
    assert config["weights_sha256"] == file_digest(exported / "weights.safetensors")
    assert config["label_set"]["names"] == list(finished.dataset.label_set.names)
    assert config["normalisation"] == json.loads(finished.path("normalisation.json").read_text())


def test_torch_runs_the_exported_programs_as_the_network_does(exported, finished):
    net = load_area_unet(weights_path(finished, "pretrained"))
    config = open_model(exported).config
    parity = json.loads((exported / "parity.json").read_text())
    side = parity["window_px"]
    grey = 255 * torch.rand(2, 1, side, side, generator=torch.Generator().manual_seed(5))
    program = torch.export.load(exported / "areas.pt2").module()
    with torch.no_grad():
        expected = net((grey / 255 - config.normalisation.mean) / config.normalisation.std).softmax(1)
    torch.testing.assert_close(program(grey), expected, atol=1e-5, rtol=0)
    for name in ("areas.pt2", "areas_with_atlas.pt2"):
        assert 0 <= parity[name]["largest_difference"] <= parity["tolerance"]


def test_a_model_segments_all_sections_of_a_data_set_without_training(model_folder, phantom, tmp_path, ticks):
    model = open_model(model_folder)
    run = create_model_run(tmp_path / "new", phantom, model)
    assert model_stage(run, model, ticks.append, probabilities=True)
    found = mapped_sections(run, MODEL)
    assert {name: len(sections) for name, sections in found.items()} == {"P": 4, "A": 2, "B": 2, "C": 2, "D": 2}
    assert probabilities_path(run, MODEL, "A", found["A"][0].id).is_dir()
    assert not model_stage(run, model, ticks.append, probabilities=True)
    assert ticks[-1].note == "already finished, nothing to do"


def test_its_maps_are_those_of_the_run_that_trained_it(model_folder, phantom, tmp_path, finished):
    model = open_model(model_folder)
    run = create_model_run(tmp_path / "new", phantom, model)
    model_stage(run, model, lambda tick: None)
    compared = 0
    for brain, sections in mapped_sections(finished, "pretrained").items():
        for section in sections:
            own, spacing_um = read_labels(map_path(finished, "pretrained", brain, section.id))
            again, spacing_again_um = read_labels(map_path(run, MODEL, brain, section.id))
            np.testing.assert_array_equal(own, again)
            assert spacing_um == spacing_again_um
            compared += 1
    assert compared == 4


def test_a_brain_without_atlas_is_segmented_without_it(model_folder, phantom, tmp_path):
    shutil.copytree(phantom, tmp_path / "bare")
    for index in (tmp_path / "bare/brains").glob("*/brain.json"):
        index.write_text(json.dumps(json.loads(index.read_text()) | {"atlas": False}))
        shutil.rmtree(index.parent / "atlas", ignore_errors=True)
        shutil.rmtree(index.parent / "surfaces")
    model = open_model(model_folder)
    run = create_model_run(tmp_path / "new", tmp_path / "bare", model)
    model_stage(run, model, lambda tick: None)
    assert sum(len(sections) for sections in mapped_sections(run, MODEL).values()) == 12


def test_another_model_in_the_same_run_is_refused(model_folder, phantom, tmp_path):
    model = open_model(model_folder)
    create_model_run(tmp_path / "new", phantom, model)
    other = models.Model(folder=model.folder, config=model.config.model_copy(update={"weights_sha256": "f" * 64}))
    with pytest.raises(InputError, match="differs from it"):
        create_model_run(tmp_path / "new", phantom, other)


def test_a_run_knows_the_model_it_was_made_for_again(model_folder, phantom, tmp_path, finished):
    model = open_model(model_folder)
    run = create_model_run(tmp_path / "new", phantom, model)
    again = used_model(open_run(run.root))
    assert again is not None
    assert again.config == model.config
    assert used_model(finished) is None
    config = json.loads((model_folder / "config.json").read_text())
    (model_folder / "config.json").write_text(json.dumps(config | {"weights_sha256": "f" * 64}))
    with pytest.raises(InputError, match="was begun with other weights"):
        used_model(run)


def test_weights_that_are_not_the_configs_are_refused(model_folder, finished):
    shutil.copyfile(weights_path(finished, "baseline"), model_folder / "weights.safetensors")
    with pytest.raises(InputError, match="its SHA-256 is another; copy the whole folder again"):
        open_model(model_folder).net()


def test_a_finished_model_is_not_calibrated(model_folder, phantom, tmp_path):
    model = open_model(model_folder)
    run = create_model_run(tmp_path / "new", phantom, model)
    with pytest.raises(InputError, match="a temperature is fitted on the validation sections of a run that trains"):
        model_stage(run, model, lambda tick: None, probabilities=True, options=MapOptions(calibrate=True))


def test_classes_of_another_data_set_are_refused(model_folder, phantom, tmp_path):
    shutil.copytree(phantom, tmp_path / "other")
    index = tmp_path / "other/dataset.json"
    dataset = json.loads(index.read_text())
    dataset["label_set"]["names"][-1] = "Te1"
    index.write_text(json.dumps(dataset))
    model = open_model(model_folder)
    run = create_model_run(tmp_path / "new", tmp_path / "other", model)
    with pytest.raises(InputError, match=r"but data set .* has .*Te1; name the classes"):
        model_stage(run, model, lambda tick: None)


@pytest.mark.parametrize("where", ["net", "experiment"])
def test_a_model_that_asks_for_code_of_its_own_is_refused(model_folder, where):
    config = json.loads((model_folder / "config.json").read_text())
    texture = config["net"]["config"] if where == "net" else config["experiment"]["texture"]
    texture["encoder"] = "somebodys.code:Net"
    (model_folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"must run on code of gennari alone, but .* asks for 'somebodys.code:Net'"):
        open_model(model_folder)


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a model is a folder with config\.json"):
        open_model(tmp_path)


def test_a_package_without_its_model_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "shipped_folder", lambda: tmp_path)
    with pytest.raises(InputError, match=r"ships no model .* name one with --model"):
        shipped_model()


def test_the_shipped_model_says_that_it_is_synthetic_and_whose_licence_binds_it(model_folder, monkeypatch):
    monkeypatch.setattr(models, "shipped_folder", lambda: model_folder)
    words = shipped_model().words
    assert words.startswith("uses the small model that ships with gennari (mini-pretrained), trained on ")
    assert "its maps of real tissue are a first look and no result" in words
    assert "FreeSurfer software licence" in words
    monkeypatch.undo()
    assert open_model(model_folder).words.startswith(f"uses {model_folder} (mini-pretrained)")
