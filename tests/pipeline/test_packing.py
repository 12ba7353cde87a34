"""Packed patches and patches cut from their sections are the same, and so is what is learned from them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gennari.data.pack import Pack
from gennari.data.patch_images import ImagesInMemory, SectionImages
from gennari.errors import InputError
from gennari.execute import Tick
from gennari.nets.weights import read_tensors
from gennari.pipeline import packing
from gennari.pipeline.executors import ExecutorChoice
from gennari.pipeline.learning import pretrain_stage
from gennari.pipeline.packing import pack_stage, patch_images, patch_source
from gennari.pipeline.sampling import pretext_brain
from gennari.pipeline.section_tasks import Part, Spread
from gennari.pipeline.stages import Run, open_run
from gennari.sources.tables import read_patches, read_rows, write_patches


@pytest.fixture
def run(copied) -> Run:
    return open_run(copied / "run")


def _undo(run: Run, stage: str) -> None:
    run.path("receipts", f"{stage}.json").unlink()
    shutil.rmtree(run.path("patches.zarr" if stage == "pack" else stage))


def test_a_patch_has_the_same_pixels_from_its_pack_and_from_its_section(run):
    patches = read_patches(run.path("patches.parquet"))
    packed = patch_source(run, patches)
    assert isinstance(packed, Pack)
    rows = np.random.default_rng(0).permutation(len(patches))
    images = packed.read(rows)
    shutil.rmtree(run.path("patches.zarr"))
    cut = patch_source(run, patches)
    assert isinstance(cut, SectionImages)
    np.testing.assert_array_equal(images, cut.read(rows))
    side = run.experiment.texture.patch_px
    assert images.shape == (len(patches), side, side)
    assert images.std() > 5
    # patches lie on cortex: their middle is tissue
    assert (images[:, side // 2, side // 2] < 255).mean() > 0.95


@pytest.mark.slow
def test_training_learns_the_same_from_either_source_and_with_loaders(run, ticks):
    before = read_tensors(run.path("pretrain", "weights.safetensors"))[0]
    norm = run.path("normalisation.json").read_bytes()
    for loaders, packed in ((1, True), (0, False)):
        if not packed:
            _undo(run, "pack")
        _undo(run, "pretrain")
        assert pretrain_stage(run, ticks.append, loaders=loaders)
        after, about = read_tensors(run.path("pretrain", "weights.safetensors"))
        assert all((after[name] == value).all() for name, value in before.items())
        assert json.loads(about["settings"])["loaders"] == loaders
        assert run.path("normalisation.json").read_bytes() == norm
        for row in read_rows(run.path("pretrain", "history.parquet")):
            assert 0 < row["data_wait_share"] < 1


def test_small_sets_are_held_in_memory_unless_loaders_read_them(run, monkeypatch):
    patches = read_patches(run.path("patches.parquet"))
    assert isinstance(patch_images(run, patches), ImagesInMemory)
    assert isinstance(patch_images(run, patches, loaders=1), Pack)
    monkeypatch.setattr(packing, "IN_MEMORY_BYTES", 1000)
    assert isinstance(patch_images(run, patches), Pack)


def test_an_interrupted_pack_goes_on_with_the_shards_that_are_left(run, ticks, monkeypatch):
    monkeypatch.setattr(packing, "SHARD_IMAGES", 32)
    _undo(run, "pack")

    def stop(tick: Tick) -> None:
        if tick.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack_stage(run, stop)
    assert not run.path("patches.zarr").exists()
    assert pack_stage(run, ticks.append)
    assert [(tick.stage, tick.done, tick.total) for tick in ticks] == [("pack", 2, 3), ("shards of pack", 3, 3)]
    assert not pack_stage(run, ticks.append)
    assert "nothing to do" in ticks[-1].note


@pytest.mark.slow
def test_processes_and_parts_write_what_one_process_writes(run, ticks):
    patches = read_patches(run.path("patches.parquet"))
    rows, before = np.arange(len(patches)), patch_source(run, patches).read(np.arange(len(patches)))
    for choice in (ExecutorChoice(kind="local", count=2), ExecutorChoice(kind="dask", count=1)):
        _undo(run, "pack")
        assert pack_stage(run, ticks.append, Spread(executor=choice))
        packed = patch_source(run, patches)
        assert isinstance(packed, Pack)
        np.testing.assert_array_equal(packed.read(rows), before)
        shutil.rmtree(run.path("tasks", "pack"))


def test_a_shard_whose_section_has_changed_is_written_again(run, ticks, monkeypatch):
    monkeypatch.setattr(packing, "SHARD_IMAGES", 32)
    _undo(run, "pack")
    assert pack_stage(run, ticks.append, Spread(part=Part(index=1, count=2)))
    assert not run.path("receipts", "pack.json").exists()
    patches = read_patches(run.path("patches.parquet"))
    brain, first = pretext_brain(run), int(patches.section[0])
    assert first not in patches.section[64:], "the third shard does not hold that section"
    path = Path(brain.image_location(first))
    chunk = max((file for file in path.rglob("*") if file.is_file()), key=lambda file: file.stat().st_size)
    chunk.write_bytes(chunk.read_bytes() + b"0")  # another scan
    ticks.clear()
    with pytest.raises(InputError, match="shards of pack failed"):  # and a damaged one
        pack_stage(run, ticks.append)
    assert [(tick.done, tick.total) for tick in ticks] == [(1, 3), (2, 3), (3, 3)]


def test_a_pack_of_other_patches_is_refused(run):
    path = run.path("patches.parquet")
    patches = read_patches(path)
    write_patches(path, patches.take(np.arange(len(patches))[::-1]))
    with pytest.raises(InputError, match="it was packed from other ones; remove it, or run `gennari pack` again"):
        patch_source(run, read_patches(path))


def test_sampling_ends_with_tables(finished):
    receipt = json.loads(finished.path("receipts", "sample.json").read_text())
    assert {"patches.parquet", "pairs.parquet"} <= set(receipt["outputs"])
    assert json.loads(finished.path("receipts", "pack.json").read_text())["outputs"] == ["patches.zarr"]
