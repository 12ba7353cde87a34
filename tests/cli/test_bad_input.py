"""What a user can get wrong: exit code 2, one sentence with the rule, what came and what to do, and nothing is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gennari.cli.app import VERBS
from gennari.phantom.geometry import fsaverage_geometry
from gennari.phantom.layers import AREAS
from gennari.records import SIDES, TriangleMesh
from gennari.sources.surfaces import columns_path, surface_path, write_columns, write_hemispheres, write_surface


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _truncate(path: Path, keep: float = 0.6) -> None:
    os.truncate(path, int(path.stat().st_size * keep))


def _first_chunk(image: Path) -> Path:
    return next(path for path in sorted(image.rglob("*")) if path.is_file() and path.name != "zarr.json")


@pytest.fixture
def refused(gennari, tmp_path):
    """Runs a command that must be refused, checks how, and gives back its sentence."""

    def run(*arguments: object) -> str:
        before = _contents(tmp_path)
        said = gennari(*arguments)
        sentences = [line for line in said.err.splitlines() if line.startswith("gennari: ")]
        assert said.code == 2, said
        assert len(sentences) == 1
        assert said.err.endswith(sentences[0] + "\n")
        assert "Traceback" not in said.err
        after = _contents(tmp_path)
        assert {path: after.get(path) for path in before} == before
        return sentences[0]

    return run


def _undo(demo: Path, *stages: str) -> Path:
    for stage in stages:
        (demo / "run/receipts" / f"{stage}.json").unlink()
    return demo / "run"


# missing files


def test_no_data_set(refused, tmp_path):
    said = refused("sample", tmp_path / "nothing", tmp_path / "run", "--preset", "mini")
    assert "nothing must be the folder of a dataset, but there is none; check the path" in said


def test_no_run(refused, tmp_path):
    (tmp_path / "empty").mkdir()
    said = refused("pretrain", tmp_path / "empty")
    assert "a run folder holds run.json" in said
    assert "make one with `gennari sample`" in said


def test_no_surface(refused, demo):
    surface_path(demo / "dataset/brains/P/surfaces", "R", "white").unlink()
    said = refused("sample", demo / "dataset", demo / "new", "--preset", "mini")
    assert "hemi-R_white.surf.gii must be a GIfTI file, but there is none" in said


def test_no_image(refused, demo):
    image = next((demo / "dataset/brains/P/sections").iterdir())
    image.rename(demo / "moved")
    said = refused("sample", demo / "dataset", demo / "new", "--preset", "mini")
    assert f"{image.name}/zarr.json must be a file, but there is none" in said


def test_no_patches(refused, demo):
    run = _undo(demo, "pretrain")
    (run / "patches.parquet").unlink()
    said = refused("pretrain", run)
    assert "patches.parquet must be a table, but there is none" in said


def test_no_folder_of_surfaces(refused, tmp_path):
    said = refused("phantom", tmp_path / "new", "--surfaces", tmp_path / "nowhere", "--preset", "mini")
    assert "nowhere must be a folder of surfaces, but there is none; check the path" in said


# half-written files


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
    said = refused("sample", demo / "dataset", demo / "new", "--preset", "mini")
    assert "must hold whole chunks, but one is damaged; write the section again" in said


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


# things that do not belong together


@pytest.fixture
def surfaces(tmp_path: Path) -> Path:
    """A folder of surfaces and probabilities as `--surfaces` takes it."""
    folder = tmp_path / "mybrain"
    geometry = fsaverage_geometry(0)
    write_hemispheres(folder, geometry.hemispheres)
    for side, hemisphere in zip(SIDES, geometry.hemispheres, strict=True):
        flat = np.full((len(hemisphere.pial.vertices_mm), 13), 1 / 13)
        write_columns(columns_path(folder, side, "probability"), AREAS, flat, side)
    return folder


def test_pial_and_white_with_other_faces(refused, surfaces, tmp_path):
    white = fsaverage_geometry(0).hemispheres[0].white
    turned = TriangleMesh(vertices_mm=white.vertices_mm, faces=white.faces[::-1].copy())
    write_surface(surface_path(surfaces, "L", "white"), turned, "L")
    said = refused("phantom", tmp_path / "new", "--surfaces", surfaces, "--preset", "mini")
    assert "hemisphere L" in said
    assert "pial and white" in said


def test_pial_and_white_with_shuffled_vertices(refused, surfaces, tmp_path, rng):
    white = fsaverage_geometry(0).hemispheres[1].white
    shuffled = TriangleMesh(vertices_mm=rng.permutation(white.vertices_mm), faces=white.faces)
    write_surface(surface_path(surfaces, "R", "white"), shuffled, "R")
    said = refused("demo", "--out", tmp_path / "new", "--surfaces", surfaces, "--preset", "mini")
    assert "hemisphere R" in said
    assert "pial and white" in said


def test_a_section_outside_the_brain(refused, demo):
    path = demo / "dataset/brains/P/brain.json"
    index = json.loads(path.read_text())
    index["sections"][0]["affine"][1][3] += 500.0
    path.write_text(json.dumps(index))
    said = refused("sample", demo / "dataset", demo / "new", "--preset", "mini")
    assert f"the plane of section {index['sections'][0]['id']} of P must cut the brain, but it passes it" in said
    assert "check its affine, or leave the section out" in said


def test_an_annotation_of_an_unknown_class(refused, demo):
    run = _undo(demo, "finetune-baseline", "finetune-pretrained")
    paths = list((demo / "dataset/brains/C/annotations").iterdir())
    for path in paths:
        path.write_text(path.read_text().replace('"other cortex"', '"Brodmann 17"'))
    said = refused("finetune", run)
    assert "'Brodmann 17'" in said
    assert "hOc1, hOc2" in said
    assert "rename or remove it" in said


def test_an_unknown_config_key_is_answered_with_the_nearest(refused, demo):
    config = demo / "run/config.toml"
    config.write_text(config.read_text().replace("distance_scale_mm", "distance_scale"))
    said = refused("pretrain", demo / "run")
    assert "unknown key 'pretrain.distance_scale'; did you mean 'distance_scale_mm'?" in said


def test_a_config_value_that_does_not_fit(refused, demo):
    config = demo / "run/config.toml"
    config.write_text(config.read_text().replace('padding = "same"', 'padding = "sane"'))
    assert "'texture.padding' does not fit" in refused("pretrain", demo / "run")


def test_a_run_folder_of_another_data_set(refused, demo):
    manifest = demo / "dataset/dataset.json"
    other = demo / "other"
    (demo / "dataset").rename(other)
    # the run still points to the first, which is made anew with another name
    manifest.parent.mkdir()
    (other / "brains").rename(manifest.parent / "brains")
    manifest.write_text((other / "dataset.json").read_text().replace("phantom on", "rats, not"))
    for line in (("sample", demo / "dataset", demo / "run", "--preset", "mini"), ("evaluate", demo / "run")):
        said = refused(*line)
        assert "a run stays with the data set it was made for" in said
        assert "start a new run" in said or "give another folder" in said


def test_a_folder_that_holds_something_else(refused, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years")
    said = refused("phantom", tmp_path / "mine", "--preset", "mini")
    assert "holds other files; give a new one" in said


def test_another_preset_in_a_finished_demo(refused, demo):
    assert "was made from other ones" in refused("demo", "--out", demo, "--preset", "tiny")


# wrong usage


def test_an_unknown_preset(refused, tmp_path):
    said = refused("demo", "--out", tmp_path / "new", "--preset", "tniy")
    assert "a recipe must be one of demo," in said
    assert "got 'tniy'; check --preset" in said
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("workers", [0, -2])
def test_no_worker(refused, tmp_path, workers):
    said = refused("demo", "--out", tmp_path / "new", "--preset", "mini", "--workers", workers)
    assert f"at least one worker, got {workers}" in said


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["segmnt", "run"], 'Unknown command "segmnt". Did you mean "segment"?'),
        (["demo", "--prest", "tiny"], "Unknown option: --prest. Did you mean --preset?"),
        (["pretrain"], "--run requires an argument"),
        (["demo", "--workers", "many"], 'unable to convert "many" into int'),
    ],
)
def test_wrong_usage_is_one_line_too(refused, arguments, expected):
    said = refused(*arguments)
    assert expected in said
    assert "See `gennari --help`" in said


def test_a_fresh_process_says_the_same_without_a_traceback(tmp_path):
    command = [sys.executable, "-m", "gennari.cli.app", "demo", "--preset", "tniy", "--out", str(tmp_path / "new")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("gennari: a recipe must be one of")


def test_asking_about_a_folder_that_is_none_does_not_make_one(refused, tmp_path):
    for verb in VERBS[3:]:
        assert "a run is a folder, but" in refused(verb, tmp_path / "typo")
        assert not (tmp_path / "typo").exists()
