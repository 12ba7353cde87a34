"""What the options of `gennari sample` change is saved with the recipe, and done."""

import json

import numpy as np
import pytest

from gennari.pipeline import sampling
from gennari.pipeline.stages import open_run
from gennari.recipes.presets import experiment
from gennari.sources.tables import read_patches


@pytest.fixture
def stopped(monkeypatch):
    """Sampling ends once the split is written: these tests ask for no patch."""

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sampling, "sample_patches", stop)


def _splits(run):
    return json.loads((run / "split.json").read_text())


def test_each_option_is_saved_in_the_runs_config(gennari, phantom, tmp_path, stopped):
    options = ("--split", "paper", "--every", "2", "--guard-patches", "1.5", "--min-quality", "good")
    said = gennari("sample", phantom, tmp_path / "run", "--preset", "mini", *options, "--min-tissue", "0.3")
    assert said.code == 75
    saved, recipe = open_run(tmp_path / "run").experiment, experiment("mini")
    bands = {"kind": "paper", "every": 2, "guard_patches": 1.5}
    assert saved.pretext_split == recipe.pretext_split.model_copy(update=bands)
    assert saved.area_split == recipe.area_split.model_copy(update=bands)
    assert saved.patches == recipe.patches.model_copy(update={"min_quality": "good", "min_tissue": 0.3})
    assert saved.pairs == recipe.pairs
    for split in _splits(tmp_path / "run").values():
        kinds = [split[key] for key in sorted(split, key=int)]
        assert kinds in (["test", "train"] * (len(kinds) // 2), ["train", "test"] * (len(kinds) // 2))


def test_an_encoder_is_saved_in_the_runs_config_and_a_misspelt_one_refused(gennari, phantom, tmp_path, stopped):
    line = ("sample", phantom, tmp_path / "run", "--preset", "mini")
    said = gennari(*line, "--encoder", "resnet")
    assert said.code == 2
    assert "an encoder is paper, residual or an import path" in said.err
    assert gennari(*line, "--encoder", "residual", "--pooling", "global").code == 75
    saved = open_run(tmp_path / "run").experiment.texture
    assert saved == experiment("mini").texture.model_copy(update={"encoder": "residual", "pooling": "global"})


def test_a_brain_may_be_left_out(gennari, phantom, tmp_path, stopped):
    line = ("sample", phantom, tmp_path / "run", "--preset", "mini", "--split", "lobo", "--hold-out", "B")
    assert gennari(*line).code == 75
    splits = _splits(tmp_path / "run")
    assert set(splits["B"].values()) == {"test"}
    assert all(set(splits[name].values()) == {"train"} for name in "ACD")
    assert {"train", "test"} <= set(splits["P"].values())
    # the same line goes on with the run, another one is refused
    assert gennari(*line).code == 75
    other = gennari(*line[:-1], "C")
    assert other.code == 2
    assert "go on with the saved one or give another folder" in other.err


def test_options_that_do_not_fit_are_refused_before_anything_is_made(refused, phantom, tmp_path):
    line = ("sample", phantom, tmp_path / "run", "--preset", "mini")
    assert "need each other" in refused(*line, "--hold-out", "B")
    assert "got 'X'; name one of them (--hold-out)" in refused(*line, "--split", "lobo", "--hold-out", "X")
    assert "greater than 1, got 0.5" in refused(*line, "--guard-patches", "0.5")
    assert "--min-quality" in refused(*line, "--min-quality", "best")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_ratings_and_tissue_are_asked_of_the_patches(gennari, demo):
    manifest = demo / "dataset/brains/P/brain.json"
    saved = json.loads(manifest.read_text())
    saved["sections"][0]["quality"] = "poor"
    manifest.write_text(json.dumps(saved))
    options = ("--preset", "mini", "--min-quality", "fair", "--min-tissue", "0.9")
    assert gennari("sample", demo / "dataset", demo / "new", *options).code == 0
    patches = read_patches(demo / "new/patches.parquet")
    assert saved["sections"][0]["id"] not in patches.section
    assert patches.tissue_share.min() >= 0.9
    assert np.unique(patches.section).size > 1
