import json
import shutil

import pytest

from gennari.cli import export as verb
from gennari.pipeline import models
from gennari.pipeline.export import SERVED, Wanted


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ((), Wanted()),
        (("--what", "geojson", "surface"), Wanted(kinds=("geojson", "surface"))),
        (("--what", "geojson", "--what", "model"), Wanted(kinds=("geojson", "model"))),
        (
            ("--variant", "baseline", "--base-url", "https://a.org", "--siibra-space", "x", "--fill-mm", "1.5"),
            Wanted(variant="baseline", base_url="https://a.org", siibra_space="x", fill_mm=1.5),
        ),
    ],
)
def test_export_hands_its_options_on(gennari, finished_demo, monkeypatch, options, wanted):
    asked = []

    def export(run, wanted, tick):
        asked.append((run.root, wanted))
        return [run.path("export", "geojson")]

    monkeypatch.setattr(verb, "export_stages", export)
    folder = str(finished_demo / "run/export/geojson")
    assert gennari("export", finished_demo / "run", *options).out == f"{folder}\n"
    assert asked == [(finished_demo / "run", wanted)]
    *_, last = gennari("export", finished_demo / "run", *options, "--json").out.splitlines()
    assert json.loads(last) == {"folders": [folder]}


def test_the_default_address_is_this_machine():
    assert SERVED.startswith("http://127.0.0.1:")


def test_an_unknown_kind_is_refused(refused, demo):
    assert "geojson" in refused("export", demo / "run", "--what", "geojsn")


def test_export_before_segment_names_what_to_run(refused, demo):
    shutil.rmtree(demo / "run/maps")
    assert "run `gennari segment` first" in refused("export", demo / "run", "--what", "geojson")


def test_a_data_set_is_segmented_with_the_shipped_model_which_is_said(gennari, demo, tmp_path, monkeypatch):
    assert gennari("export", demo / "run", "--what", "model").code == 0
    monkeypatch.setattr(models, "shipped_folder", lambda: demo / "run/export/pretrained/model")
    said = gennari("segment", tmp_path / "new", "--dataset", demo / "dataset", "--probabilities")
    assert said.code == 0, said.err
    assert said.out.startswith("uses the small model that ships with gennari (mini-pretrained)")
    assert len(list((tmp_path / "new/maps/model").rglob("*_probabilities.ome.zarr"))) == 12
    again = gennari("segment", tmp_path / "new")
    assert again.code == 0
    assert again.out == said.out
    assert "already finished, nothing to do" in again.err
    assert gennari("export", tmp_path / "new", "--what", "geojson").code == 0
    assert len(list((tmp_path / "new/export/model/geojson").rglob("*.geojson"))) == 12


def test_a_named_model_is_used_and_named(gennari, demo, tmp_path):
    assert gennari("export", demo / "run", "--what", "model", "--variant", "baseline").code == 0
    folder = demo / "run/export/baseline/model"
    said = gennari("segment", tmp_path / "new", "--dataset", demo / "dataset", "--model", folder)
    assert said.code == 0
    assert said.out.startswith(f"uses {folder} (mini-baseline), trained on ")
    assert not list((tmp_path / "new/maps").rglob("*_probabilities.ome.zarr"))


def test_a_model_without_a_data_set_is_refused(refused, demo):
    assert "name it with --dataset" in refused("segment", demo / "run", "--model", demo)


def test_a_run_that_trains_its_own_network_uses_no_other(refused, demo, monkeypatch):
    monkeypatch.setattr(models, "shipped_folder", lambda: demo / "nowhere")
    assert "ships no model" in refused("segment", demo / "run", "--dataset", demo / "dataset")
