"""A section that cannot be read, or shows nothing, or weights that are none, among whole ones."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from gennari.nets.weights import load_area_unet, read_tensors, write_tensors
from gennari.pipeline.learning import weights_path
from gennari.pipeline.maps import map_path
from gennari.pipeline.sampling import sections_of
from gennari.pipeline.stages import Run, RunManifest, open_run
from gennari.records import BACKGROUND_GREY, IGNORE
from gennari.sources.atomic import write_json
from gennari.sources.dataset import Brain, fingerprint, open_dataset, write_brain_manifest
from gennari.sources.documents import read_json
from gennari.sources.sections import read_labels, write_ome_zarr
from gennari.sources.tiff import write_tiff


@pytest.fixture
def run(demo: Path) -> Run:
    """A run that is trained and not yet segmented."""
    for stage in ("segment", "evaluate", "report"):
        (demo / "run/receipts" / f"{stage}.json").unlink()
    shutil.rmtree(demo / "run/maps")
    return open_run(demo / "run")


def held_out(run: Run) -> tuple[Brain, int]:
    """The last section that is to be segmented."""
    name, sections = list(sections_of(run, "test").items())[-1]
    return run.dataset.brain(name), sections[-1].id


def image_becomes(run: Run, brain: Brain, section: int, image: str) -> None:
    """Change where the index says that a section's image stands, and let the run know its data set again."""
    entries = tuple(
        entry.model_copy(update={"image": image}) if entry.id == section else entry for entry in brain.manifest.sections
    )
    write_brain_manifest(run.dataset.root, brain.manifest.model_copy(update={"sections": entries}))
    manifest = read_json(run.path("run.json"), RunManifest)
    changed = fingerprint(open_dataset(run.dataset.root))
    write_json(run.path("run.json"), manifest.model_copy(update={"fingerprint": changed}))


def test_a_truncated_tiff_is_named_and_whole_again_segmented(gennari, run):
    brain, section = held_out(run)
    path = brain.folder / "sections" / "torn.tif"
    write_tiff(path, brain.read_full(section, brain.section(section).spacing_um), (1, 2))
    image_becomes(run, brain, section, "sections/torn.tif")
    whole = path.read_bytes()
    os.truncate(path, int(0.6 * len(whole)))
    said = gennari("segment", run.root)
    assert said.code == 2
    assert "torn.tif must " in said.err
    assert "whole" in said.err
    assert not map_path(run, "pretrained", brain.name, section).exists()
    path.write_bytes(whole)
    assert gennari("segment", run.root).code == 0
    assert map_path(run, "pretrained", brain.name, section).is_dir()


def test_a_corrupt_chunk_is_named(gennari, run):
    brain, section = held_out(run)
    for path in brain.image_path(section).rglob("*"):
        if path.is_file() and path.name != "zarr.json":
            spoilt = bytearray(path.read_bytes())
            spoilt[: len(spoilt) // 2] = os.urandom(len(spoilt) // 2)
            path.write_bytes(spoilt)
    said = gennari("segment", run.root)
    assert said.code == 2
    assert f"{section:04d}.ome.zarr" in said.err
    assert "must hold whole chunks, but one is damaged" in said.err
    assert not map_path(run, "pretrained", brain.name, section).exists()


def test_a_section_of_glass_alone_is_background_and_the_rest_goes_on(gennari, run):
    brain, section = held_out(run)
    shape, spacing_um = brain.section(section).shape_px, brain.section(section).spacing_um
    write_ome_zarr(brain.image_path(section), np.full(shape, int(BACKGROUND_GREY), np.uint8), spacing_um)
    assert gennari("segment", run.root, "--probabilities").code == 0
    for variant in ("baseline", "pretrained"):
        labels, _ = read_labels(map_path(run, variant, brain.name, section))
        assert set(np.unique(labels)) <= {0, IGNORE}
        assert (labels == 0).any()
    assert gennari("evaluate", run.root).code == 0
    assert gennari("report", run.root).code == 0


def test_weights_that_are_not_numbers_are_refused_and_nothing_is_written(gennari, run):
    path = weights_path(run, "pretrained")
    tensors, metadata = read_tensors(path)
    name = next(name for name, value in tensors.items() if value.is_floating_point())
    tensors[name].view(-1)[0] = float("nan")
    write_tensors(path, tensors, metadata)
    assert np.isnan(load_file(path)[name]).any()
    said = gennari("segment", run.root)
    assert said.code == 2
    assert f"must be finite, but {name} is not; train again" in said.err
    assert not list(run.path("maps").rglob("zarr.json"))
    assert load_area_unet(weights_path(run, "baseline"))
