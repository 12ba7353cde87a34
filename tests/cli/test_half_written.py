"""Files that break off in the middle: exit code 2 and one sentence that names the file; nothing else is touched."""

import os
from pathlib import Path

import pytest

from gennari.sources.gifti import columns_path, surface_path


def _truncate(path: Path, keep: float = 0.6) -> None:
    os.truncate(path, int(path.stat().st_size * keep))


def _first_chunk(image: Path) -> Path:
    return next(path for path in sorted(image.rglob("*")) if path.is_file() and path.name != "zarr.json")


def _undo(demo: Path, *stages: str) -> Path:
    for stage in stages:
        (demo / "run/receipts" / f"{stage}.json").unlink()
    return demo / "run"


def test_half_a_surface(refused, demo):
    _truncate(surface_path(demo / "dataset/brains/P/surfaces", "L", "pial"))
    said = refused("sample", demo / "dataset", demo / "new", "--preset", "mini")
    assert "hemi-L_pial.surf.gii must be a whole GIfTI file" in said
    assert "copy it again" in said


def test_half_an_index(refused, demo):
    _truncate(demo / "dataset/brains/P/brain.json")
    said = refused("sample", demo / "dataset", demo / "new", "--preset", "mini")
    assert "brain.json must be whole JSON, but it breaks off" in said


def test_half_an_image(refused, demo):
    for image in (demo / "dataset/brains/P/sections").iterdir():
        for level in ("0", "1", "2"):
            _truncate(_first_chunk(image / level))
    said = refused("pack", _undo(demo, "pack"))
    assert "must hold whole chunks, but one is damaged or does not come; write the section again" in said


def test_half_a_pack_of_patches(refused, demo):
    run = _undo(demo, "pretrain")
    _truncate(_first_chunk(run / "patches.zarr/images"))
    said = refused("pretrain", run)
    assert "patches.zarr must hold whole images, but one is damaged" in said


def test_half_a_table(refused, demo):
    run = _undo(demo, "pretrain")
    _truncate(run / "pairs.parquet")
    said = refused("pretrain", run)
    assert "pairs.parquet must be a whole parquet file" in said


def test_half_the_weights(refused, demo):
    run = _undo(demo, "segment")
    _truncate(run / "finetune/pretrained/weights.safetensors")
    assert "weights.safetensors" in refused("segment", run)


def test_half_an_annotation(refused, demo):
    run = _undo(demo, "finetune-baseline")
    for path in (demo / "dataset/brains/A/annotations").iterdir():
        _truncate(path)
    assert ".geojson must be whole JSON, but it breaks off" in refused("finetune", run)


def test_half_an_atlas(refused, demo):
    run = _undo(demo, "finetune-baseline")
    _truncate(columns_path(demo / "dataset/brains/B/atlas", "L", "probability"))
    assert "hemi-L_probability.func.gii must be a whole GIfTI file" in refused("finetune", run)


def test_half_a_config(refused, demo):
    _truncate(demo / "run/config.toml", 0.5)
    assert "config.toml" in refused("evaluate", demo / "run")


def test_half_a_receipt(refused, demo):
    _truncate(demo / "run/receipts/sample.json")
    assert "sample.json must be whole JSON" in refused("sample", demo / "dataset", demo / "run", "--preset", "mini")


@pytest.mark.parametrize(("verb", "name"), [("evaluate", "confusions.npz"), ("report", "confusions.npz")])
def test_half_the_confusions(refused, gennari, demo, verb, name):
    run = _undo(demo, verb)
    _truncate(run / name)
    if verb == "evaluate":  # measured anew from the maps
        assert gennari(verb, run).code == 0
    else:
        assert name in refused(verb, run)
