import json
import shutil

import pytest

from gennari.errors import InputError
from gennari.phantom.layers import LABEL_SET
from gennari.pipeline import models, shipping
from gennari.pipeline.export import Wanted, export_path, export_stages
from gennari.pipeline.models import open_model, shipped_folder, shipped_model
from gennari.pipeline.shipping import LARGEST_MB, ship_model
from gennari.pipeline.stages import open_run


@pytest.fixture(scope="module")
def exported(finished_demo, tmp_path_factory):
    root = tmp_path_factory.mktemp("exported")
    shutil.copytree(finished_demo, root / "demo")
    run = open_run(root / "demo/run")
    export_stages(run, Wanted(kinds=("model",)), lambda tick: None)
    return export_path(run, "pretrained", "model")


@pytest.fixture
def source(exported, tmp_path):
    shutil.copytree(exported, tmp_path / "model")
    return tmp_path / "model"


def relabel(folder, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_shipped_model_is_found_under_its_own_name(source, tmp_path, monkeypatch):
    target = tmp_path / "package/models/phantom-small"
    megabytes = ship_model(source, target)
    assert sorted(path.name for path in target.iterdir()) == ["README.md", "config.json", "weights.safetensors"]
    assert megabytes == pytest.approx(sum(path.stat().st_size for path in target.iterdir()) / 1e6, rel=0.01)
    monkeypatch.setattr(models, "shipped_folder", lambda: target)
    model = shipped_model()
    assert model.config.name == "phantom-small"
    assert "# phantom-small\n" in (target / "README.md").read_text()
    given = open_model(source).net().state_dict()
    assert all((value == given[name]).all() for name, value in model.net().state_dict().items())


def test_a_model_that_is_there_is_not_overwritten(source, tmp_path):
    ship_model(source, tmp_path / "there")
    with pytest.raises(InputError, match="there already; move it away"):
        ship_model(source, tmp_path / "there")


def test_a_large_model_is_not_shipped(source, tmp_path, monkeypatch):
    monkeypatch.setattr(shipping, "LARGEST_MB", 0.001)
    with pytest.raises(InputError, match=r"has at most 0\.001 MB, got"):
        ship_model(source, tmp_path / "there")


@pytest.mark.parametrize("changes", [{"synthetic": False}, {"data_licence": "surfaces: CC BY-NC-SA 4.0"}])
def test_a_model_of_data_that_bind_it_is_not_shipped(source, tmp_path, changes):
    relabel(source, **changes)
    with pytest.raises(InputError, match="is trained on a phantom whose licence allows to pass it on"):
        ship_model(source, tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_a_damaged_model_is_not_shipped(source, tmp_path):
    relabel(source, weights_sha256="0" * 64)
    with pytest.raises(InputError, match="its SHA-256 is another"):
        ship_model(source, tmp_path / "there")


def test_what_this_package_ships_is_small_and_whole():
    if not shipped_folder().is_dir():
        pytest.skip("this checkout ships no model yet: make one with bench/ship_model.py")
    model = shipped_model()
    model.net()
    assert model.config.synthetic
    assert sum(path.stat().st_size for path in shipped_folder().iterdir()) <= 1e6 * shipping.LARGEST_MB


def test_the_package_holds_a_small_synthetic_model_of_the_usual_classes():
    model = shipped_model()
    files = [file for file in shipped_folder().iterdir() if file.is_file()]
    assert sum(file.stat().st_size for file in files) < LARGEST_MB * 1e6
    assert model.config.synthetic
    assert model.label_set == LABEL_SET
    assert model.net().classes == len(LABEL_SET.names)
