"""What a user can get wrong: exit code 2, one sentence with the rule, what came and what to do, and nothing is lost."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gennari.cli.app import VERBS
from gennari.phantom.geometry import fsaverage_geometry
from gennari.phantom.layers import AREAS
from gennari.records import SIDES, TriangleMesh
from gennari.sources.gifti import columns_path, surface_path, write_columns, write_surface
from gennari.sources.surfaces import write_hemispheres


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
    assert "white surface of side R, as hemi-R_white.surf.gii, rh.white or white_right_*.obj, but there is none" in said


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


@pytest.mark.parametrize("verb", ["phantom", "demo"])
def test_brains_on_surfaces_that_are_not_given(refused, tmp_path, verb):
    folder = ["--out", tmp_path / "new"] if verb == "demo" else [tmp_path / "new"]
    said = refused(verb, *folder, "--on", "A,B", "--preset", "mini")
    assert "got A, B and none; add --surfaces" in said


@pytest.mark.parametrize("verb", ["phantom", "demo"])
def test_unknown_brains_on_surfaces(refused, surfaces, tmp_path, verb):
    folder = ["--out", tmp_path / "new"] if verb == "demo" else [tmp_path / "new"]
    said = refused(verb, *folder, "--surfaces", surfaces, "--on", "A,X", "--preset", "mini")
    assert "brains of the phantom (P, A, B, C, D), got X; correct --on" in said


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
    ("stage", "option", "expected"),
    [
        ("pack", "--workers=0", "at least one worker, got 0; correct --workers"),
        ("pretrain", "--loaders=-1", "or more loaders, got -1"),
    ],
)
def test_no_worker_and_fewer_than_no_loaders(refused, demo, stage, option, expected):
    assert expected in refused(stage, _undo(demo, stage), option)


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


@pytest.mark.slow
def test_a_fresh_process_says_the_same_without_a_traceback(tmp_path):
    command = [sys.executable, "-m", "gennari.cli.app", "demo", "--preset", "tniy", "--out", str(tmp_path / "new")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("gennari: a recipe must be one of")


def test_asking_about_a_folder_that_is_none_does_not_make_one(refused, tmp_path):
    of_a_run = VERBS[VERBS.index("sample") + 1 :]
    for verb in (verb for verb in of_a_run if verb not in ("reproduce", "compare")):  # they make their folder
        law = (
            "a run folder holds run.json" if verb in ("status", "view", "suggest") else "a run is a folder, but"
        )  # to look takes no lock
        assert law in refused(verb, tmp_path / "typo")
        assert not (tmp_path / "typo").exists()
