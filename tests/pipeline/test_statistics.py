"""The table's numbers: by hand, by plain loops, and what pairing is for. Dice of a made cell is hits / 20."""

from dataclasses import replace

import numpy as np
import pytest

from gennari.pipeline.estimates import Draws, make_draws, over_seeds, paired, section_draws
from gennari.pipeline.rows import CONTROLS, ROWS
from gennari.pipeline.stacks import gather
from gennari.pipeline.statistics import make_table

PLACES = [(brain, section) for brain in "ABCD" for section in range(4)]
SEEDS = (1, 2, 3)


def spread_hits(rng: np.random.Generator) -> dict[tuple[str, int], int]:
    """Sections differ a lot: from 3 to 16 of 20."""
    return {place: int(n) for place, n in zip(PLACES, rng.integers(3, 17, len(PLACES)), strict=True)}


def more(hits: dict[tuple[str, int], int], by: int) -> dict[tuple[str, int], int]:
    return {place: n + by for place, n in hits.items()}


def test_dice_is_pooled_within_a_seed_and_averaged_over_seeds(make_cell, rng):
    cells = [
        make_cell("baseline", 1, {("A", 1): 10, ("A", 2): 20}),
        make_cell("baseline", 2, {("A", 1): 4, ("A", 2): 6}),
    ]
    row = make_table(cells, rng).row("baseline")
    assert row.dice.value == pytest.approx((30 / 40 + 10 / 40) / 2)
    assert row.dice_by_area["one"].value == pytest.approx(0.5)
    assert row.dice_other == 1.0
    assert row.dice_classes == pytest.approx((1 + 1 + 0.5 + 0.5) / 4)
    assert row.areas_above == 0
    assert make_table([make_cell("baseline", 1, {("A", 1): 15})], rng).row("baseline").areas_above == 2


def test_err_seg_is_the_mean_over_sections_and_seeds(make_cell, rng):
    hits = {("A", 1): 10, ("B", 2): 20}
    cells = [make_cell("baseline", s, hits, {("A", 1): 4.0 * s, ("B", 2): 8.0}) for s in (1, 2)]
    assert make_table(cells, rng).row("baseline").err_seg.value == pytest.approx((4 + 8 + 8 + 8) / 4)


def test_the_interval_is_that_of_a_plain_loop_over_the_draws(make_cell):
    rng = np.random.default_rng(3)
    base, ours = ({seed: spread_hits(rng) for seed in SEEDS} for _ in range(2))
    cells = [make_cell("baseline", s, base[s]) for s in SEEDS] + [make_cell("many-L", s, ours[s]) for s in SEEDS]
    table = make_table(cells, np.random.default_rng(7))
    draws = make_draws(gather(cells), np.random.default_rng(7))
    loop = []
    for sections, seeds in zip(draws.sections[1:], draws.seeds(3)[1:], strict=True):
        chosen = [place for place, times in zip(PLACES, sections, strict=True) for _ in range(times)]
        by_seed = [[sum(h[s][p] for p in chosen) / (20 * len(chosen)) for s in SEEDS] for h in (base, ours)]
        before, after = (sum(d * n for d, n in zip(dice, seeds, strict=True)) / sum(seeds) for dice in by_seed)
        loop.append((after, after - before, 1 - (1 - after) / (1 - before)))
    row = table.row("many-L")
    for found, values in zip((row.dice, row.paired_dice, row.dice_fall), zip(*loop, strict=True), strict=True):
        assert (found.low, found.high) == pytest.approx(tuple(np.percentile(values, (2.5, 97.5))))


def test_a_small_gain_on_every_section_is_sure_though_sections_differ(make_cell, rng):
    hits = spread_hits(rng)
    cells = [make_cell("baseline", s, hits) for s in SEEDS] + [make_cell("many-L", s, more(hits, 1)) for s in SEEDS]
    table = make_table(cells, rng)
    row, baseline = table.row("many-L"), table.row("baseline")
    assert row.dice.low < baseline.dice.high  # taken by themselves the two overlap
    assert row.paired_dice == pytest.approx((0.05, 0.05, 0.05))


def test_gains_here_and_losses_there_are_not_sure(make_cell, rng):
    hits = spread_hits(rng)
    mixed = {place: n + (3 if k % 2 else -2) for k, (place, n) in enumerate(hits.items())}
    cells = [make_cell("baseline", s, hits) for s in SEEDS] + [make_cell("many-L", s, mixed) for s in SEEDS]
    gain = make_table(cells, rng).row("many-L").paired_dice
    assert gain.value == pytest.approx(0.5 / 20)
    assert gain.low < 0 < gain.high


def test_a_gain_in_one_brain_only_is_not_sure(make_cell, rng):
    hits = spread_hits(rng)
    lucky = {place: n + (3 if place[0] == "A" else 0) for place, n in hits.items()}
    cells = [make_cell("baseline", s, hits) for s in SEEDS] + [make_cell("many-L", s, lucky) for s in SEEDS]
    gain = make_table(cells, rng).row("many-L").paired_dice
    # a draw without brain A has a chance of (3/4)^4 = 0.32
    assert gain.low == 0 < gain.value


def test_a_gain_with_one_seed_only_is_not_sure(make_cell, rng):
    hits = spread_hits(rng)
    cells = [make_cell("baseline", s, hits) for s in SEEDS]
    cells += [make_cell("many-L", s, more(hits, 3 if s == 1 else 0)) for s in SEEDS]
    gain = make_table(cells, rng).row("many-L").paired_dice
    assert gain.value == pytest.approx(0.05)
    assert gain.low == 0


def test_without_pairing_the_difference_is_less_sure_and_the_row_the_same(make_cell):
    hits = spread_hits(np.random.default_rng(0))
    # within each brain the sections change places: the row's own distribution stays, its pairing is lost
    turned = {place: hits[place[0], 3 - place[1]] + 1 for place in PLACES}
    rows = {}
    for name, ours in (("paired", more(hits, 1)), ("turned", turned)):
        cells = [make_cell("baseline", s, hits) for s in SEEDS] + [make_cell("many-L", s, ours) for s in SEEDS]
        rows[name] = make_table(cells, np.random.default_rng(1)).row("many-L")
    assert rows["turned"].dice == pytest.approx(rows["paired"].dice, abs=0.01)
    width = {name: row.paired_dice.high - row.paired_dice.low for name, row in rows.items()}
    assert width["paired"] == pytest.approx(0, abs=1e-9)
    assert width["turned"] > 0.05
    assert rows["turned"].paired_dice.low < 0


def test_err_seg_falls_by_its_share_and_a_row_below_the_baseline_rises(make_cell, rng):
    hits = dict.fromkeys(PLACES, 10)
    err_seg = {place: 10.0 + k for k, place in enumerate(PLACES)}
    cells = [make_cell("baseline", 1, hits, err_seg)]
    cells += [make_cell("few-L", 1, hits, {place: 0.75 * value for place, value in err_seg.items()})]
    cells += [make_cell("many-L", 1, more(hits, 4), {place: value + 2 for place, value in err_seg.items()})]
    table = make_table(cells, rng)
    assert table.row("few-L").err_seg_fall == pytest.approx((0.25, 0.25, 0.25))
    assert table.row("few-L").paired_err_seg.value == pytest.approx(-0.25 * np.mean(list(err_seg.values())))
    assert table.row("many-L").paired_err_seg == pytest.approx((2, 2, 2))
    assert table.row("many-L").dice_fall == pytest.approx((0.4, 0.4, 0.4))


def test_only_seeds_that_both_have_are_paired(make_cell, rng):
    hits = dict.fromkeys(PLACES, 10)
    cells = [make_cell("baseline", s, more(hits, s)) for s in SEEDS]
    cells += [make_cell("many-L", s, more(hits, s + 2)) for s in (2, 3)]
    row = make_table(cells, rng).row("many-L")
    assert row.paired_dice == pytest.approx((0.1, 0.1, 0.1))
    assert (row.seeds, row.missing) == ((2, 3), (1,))
    alone = make_table([make_cell("baseline", 1, hits), make_cell("many-L", 2, hits)], rng).row("many-L")
    assert np.isnan(alone.paired_dice).all()


def test_a_control_without_seeds_stands_beside_every_seed(make_cell, rng):
    hits = dict.fromkeys(PLACES, 10)
    cells = [make_cell("baseline", s, more(hits, s)) for s in SEEDS] + [make_cell("atlas-alone", 0, hits)]
    cells += [make_cell("many-L", s, more(hits, s + 1)) for s in SEEDS]
    atlas = make_table(cells, rng).row("atlas-alone")
    assert (atlas.seeds, atlas.missing) == ((0,), ())
    assert atlas.paired_dice == pytest.approx((-0.1, -0.15, -0.05))
    assert atlas.full_dice.value == pytest.approx(0.15)


def test_a_row_has_the_same_interval_whatever_other_rows_are_finished(make_cell, rng):
    hits = spread_hits(rng)
    cells = [make_cell("baseline", s, hits) for s in SEEDS]
    more_cells = [*cells, *(make_cell("few-L", s, more(hits, s)) for s in SEEDS)]
    few, many = (make_table(c, np.random.default_rng(5)).row("baseline") for c in (cells, more_cells))
    assert few.dice == many.dice


def test_a_table_of_a_half_finished_run_says_what_is_missing(make_cell, rng):
    table = make_table([make_cell("few-L", 2, {("A", 1): 10}, patches=2000)], rng, seeds=SEEDS)
    assert [row.name for row in table.rows] == list(ROWS)
    assert table.controls == ()
    assert {row.name: row.missing for row in table.rows}["few-L"] == (1, 3)
    assert table.row("baseline").missing == SEEDS
    assert np.isnan(table.row("baseline").dice.value)
    assert table.row("few-L").label == "2k, L"


def test_rows_that_were_not_planned_have_no_line_unless_they_are_there(make_cell, rng):
    cells = [make_cell("baseline", 1, {("A", 1): 10}), make_cell("few-L", 1, {("A", 1): 12})]
    table = make_table(cells, rng, rows=("baseline", "many-L"))
    assert [row.name for row in table.rows] == ["baseline", "few-L", "many-L"]


def test_the_document_has_the_promised_keys(make_cell, rng):
    hits = spread_hits(rng)
    cells = [make_cell(row, 1, hits) for row in (*ROWS, *CONTROLS)]
    document = make_table(cells, rng).document()
    assert list(document) == ["rows", "controls", "seeds", "split", "geometry"]
    promised = {
        "name", "err_dist_mm", "dice", "dice_low", "dice_high", "err_seg", "err_seg_low", "err_seg_high",
        "pixel_distance_um", "paired_dice_low", "paired_dice_high",
    }  # fmt: skip
    assert [row["name"] for row in document["rows"]] == list(ROWS)
    assert [row["name"] for row in document["controls"]] == list(CONTROLS)
    assert all(promised <= set(row) for row in (*document["rows"], *document["controls"]))
    first = document["rows"][0]
    assert (first["err_dist_mm"], first["paired_dice_low"]) == (None, None)  # the baseline has neither
    assert first["dice_by_area"]["one"]["value"] == pytest.approx(first["dice"])
    assert (document["seeds"], document["split"], document["geometry"]) == ([1], "blocks", "sphere")


def test_the_first_draw_takes_everything_once(make_cell, rng):
    gathered = gather([make_cell("baseline", s, spread_hits(rng)) for s in SEEDS])
    draws = make_draws(gathered, rng, draws=5)
    assert draws.sections.shape == (6, 16)
    assert (draws.sections[0] == 1).all()
    assert draws.seeds(3)[0].tolist() == [1, 1, 1]
    np.testing.assert_allclose(section_draws(np.arange(16.0)[None], draws)[0], 7.5)


def test_seeds_without_a_value_do_not_count():
    draws = Draws(sections=np.ones((2, 1), int), uniform=np.array([[0.0, 0.0], [0.0, 0.9]]))
    values = np.array([[1.0, np.nan], [2.0, 4.0]])
    np.testing.assert_array_equal(over_seeds(values, draws), [1.0, 3.0])
    assert np.isnan(over_seeds(np.full((2, 2), np.nan), draws)).all()


def test_rows_without_a_finished_seed_are_not_paired(make_cell):
    stack = gather([make_cell("baseline", 1, {("A", 1): 3})]).stacks["baseline"]
    none = replace(stack, seeds=(), cells=(), sections=())
    draws = Draws(sections=np.ones((1, 1), int), uniform=np.zeros((1, 1)))
    assert paired((stack, np.ones((1, 1))), (none, np.ones((1, 0))), draws) is None
