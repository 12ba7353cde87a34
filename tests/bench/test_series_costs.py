"""The table of docs/scale.md: its amounts are those of a calculation by hand."""

import json
from pathlib import Path

import pytest

import series_costs
from gennari.sources.documents import read_json
from series_costs import Costs, Series, disk_rows, once_rows, series_rows, table, tile_overhead, training_rows, words

COSTS = Path(__file__).parents[2] / "docs/costs"
ROUND = Costs(
    unit="thing", sources={}, pretrain_images_per_s=1000, finetune_windows_per_s=100, forward_mpx_per_s=50,
    read_mpx_per_s=200, section_s=2, training_efficiency=0.8, section_efficiency=0.9, pack_patches_per_s=20,
    sampling_core_s=360, image_bytes_per_px=0.5, map_bytes_per_px=0.01, share_bytes_per_px=1,
)  # fmt: skip
SMALL = Series(sections=10, shape_px=(40_000, 40_000), tissue_share=0.25)


@pytest.fixture
def twofold(monkeypatch):
    """Tiles that read two pixels for each of a section."""
    monkeypatch.setattr(series_costs, "tile_overhead", lambda tile_px: 2.0)


def test_trainings_take_their_samples_over_the_rate_on_no_more_units_than_a_batch_has():
    pretrain, finetune = training_rows(ROUND, (1, 8, 64))
    images, windows = 2 * 200_000 * 16, 40 * 18_000
    assert pretrain.amounts[0] == pytest.approx(images / 1000 / 3600)
    assert pretrain.amounts[1] == pytest.approx(images / 1000 / 3600 / (8 * 0.8))
    assert finetune.amounts[2] == pytest.approx(windows / 100 / 3600 / (40 * 0.8))  # a step has 40 windows


def test_a_series_takes_its_tissue_with_the_rims_of_tiles_and_so_much_a_section(twofold):
    hours, cores, disk = series_rows(ROUND, SMALL, (1, 8), 2048, "all")
    mpx = 10 * 1600 * 0.25
    seconds = mpx * 2 / 50 + 10 * 2
    assert hours.amounts == pytest.approx((seconds / 3600, seconds / 3600 / 7.2))
    assert cores.amounts == pytest.approx((mpx * 3 / 200 / seconds, 7.2 * mpx * 3 / 200 / seconds))
    assert disk.amounts[0] == pytest.approx(mpx * 3 * 0.5 / seconds)


def test_disk_and_what_is_done_once():
    assert [row.amounts[0] for row in once_rows(ROUND)] == pytest.approx([0.1, 200_000 / 20 / 3600])
    pack, images, maps, shares = (row.amounts[0] for row in disk_rows(ROUND, SMALL))
    assert pack == pytest.approx(200_000 * 1019**2 * 0.5 / 1e12)
    assert images == pytest.approx(4000e6 * 4 / 3 * 0.5 / 1e12)
    assert (maps, shares) == pytest.approx((1000e6 * 0.01 / 1e12, 1000e6 / 1e12))


@pytest.mark.parametrize("field", [name for name in Costs.model_fields if name not in ("unit", "sources")])
def test_what_nobody_measured_is_said_to_be_so(field):
    told = table(ROUND.model_copy(update={field: None}), 2048)
    assert told != table(ROUND, 2048)
    if field == "training_efficiency":
        assert "without loss: nobody measured it" in told
    elif field != "section_efficiency":
        assert "not measured" in told


def test_rims_are_paid_seldom_by_large_tiles():
    assert tile_overhead(1024) > 10
    assert tile_overhead(2043) == pytest.approx((32 * 2043 / 40_000) ** 2, rel=0.01)  # 1288 px of each of 32
    assert 1 < tile_overhead(8192) < 1.3


def test_amounts_are_words_of_three_digits():
    assert [words(2.346, "h"), words(240, "h"), words(2.4, "core h"), words(240, "core h"), words(None, "TB")] == [
        "2.35 h", "10 days", "2.4 core h", "10 core days", "not measured",
    ]  # fmt: skip


@pytest.mark.parametrize("path", sorted(COSTS.glob("*.json")), ids=lambda path: path.stem)
def test_the_files_of_the_docs_hold_costs_and_name_the_source_of_each(path):
    costs = read_json(path, Costs)
    measured = {name for name, value in costs if name not in ("unit", "sources") and value is not None}
    assert measured == set(costs.sources)
    assert json.loads(json.dumps(series_costs.figures(costs, 2048)))["unit"] == costs.unit
