"""What stands beside Dice and err_seg, by hand."""

import numpy as np
import pytest

from gennari.metrics.distances import DistanceError
from gennari.pipeline.companions import companions, still_falling
from gennari.pipeline.scoring import BorderDistances
from gennari.pipeline.stacks import gather

HITS = {("A", 1): 15, ("A", 2): 5}


def of(cells):
    gathered = gather(cells)
    return companions(gathered.stacks[cells[0].row], gathered)


def distance(mean_mm: float, near_mm: float = float("nan")) -> DistanceError:
    return DistanceError(
        mean_mm=mean_mm, median_predictor_mm=20.0, constant_mm=40.0, spearman=0.8, near_mm=near_mm, far_mm=9.0,
        n_pairs=9, section_only_mm=15.0,
    )  # fmt: skip


def with_borders(cell, borders):
    first, *rest = cell.sections
    return cell.model_copy(update={"sections": (first.model_copy(update={"borders": borders}), *rest)})


def test_err_dist_is_the_mean_over_seeds_that_know_it(make_cell):
    cells = [make_cell("few-L", s, HITS, distance=distance(8.0 + s, near)) for s, near in ((1, 4.0), (3, float("nan")))]
    found = of(cells)
    assert (found.err_dist_mm, found.err_dist_median_mm, found.err_dist_section_only_mm) == (10.0, 20.0, 15.0)
    assert (found.err_dist_near_mm, found.err_dist_far_mm, found.spearman) == (4.0, 9.0, pytest.approx(0.8))
    assert np.isnan(of([make_cell("baseline", 1, HITS)]).err_dist_mm)


def test_size_free_distances_and_areas_are_means_over_sections(make_cell):
    found = of([make_cell("baseline", 1, HITS)])
    assert (found.pixel_distance_um, found.rms_distance_um, found.area_mm2) == (100.0, 300.0, 500.0)
    assert (found.err_seg_present, found.absent_share, found.wrong_share) == (4.0, 0.25, pytest.approx(0.1))


def test_confusions_are_sorted_by_the_distance_of_the_areas(make_cell):
    found = of([make_cell("baseline", 1, HITS)])  # the two areas lie 15 mm apart: third bin; 20 of 40 were right
    assert list(found.confused_share.values()) == [0, 0, 0.5, 0, 0]
    assert list(found.confused_share) == ["touching", "0–10 mm", "10–20 mm", "20–40 mm", "> 40 mm"]
    assert found.given_no_area_share == 0
    assert of([make_cell("baseline", 1, HITS, area_distance_mm=None)]).confused_share == {}


def test_borders_are_pooled_and_those_never_predicted_are_a_share(make_cell):
    one = BorderDistances(first=2, second=3, found=((0.1, 5), (1.0, 4)), missing=1)
    other = BorderDistances(first=2, second=3, found=(), missing=10)
    found = of(
        [with_borders(make_cell("baseline", 1, HITS), (one,)), with_borders(make_cell("baseline", 2, HITS), (other,))]
    )
    assert found.border_median_mm == pytest.approx(np.median([0.1] * 5 + [1.0] * 4))
    assert found.border_p95_mm == pytest.approx(1.0)
    assert found.border_missing_share == pytest.approx(11 / 20)
    ((first, second, median_mm, _, share),) = found.borders
    assert (first, second, median_mm, share) == ("one", "two", found.border_median_mm, found.border_missing_share)
    nowhere = of([with_borders(make_cell("baseline", 1, HITS), (other,))])
    assert np.isnan(nowhere.border_median_mm)
    assert nowhere.border_missing_share == 1.0


def test_annotated_pixels_have_figures_of_their_own(make_cell):
    cell = make_cell("baseline", 1, HITS)
    first, second = cell.sections
    annotated = first.model_copy(update={"annotated_confusion": second.confusion, "annotated_error": first.error})
    found = of([cell.model_copy(update={"sections": (annotated, second)})])
    assert found.dice_annotated == pytest.approx(5 / 20)
    assert found.err_seg_annotated == 10.0
    assert np.isnan(of([cell]).dice_annotated)


def test_a_loss_that_still_falls_is_told_from_a_flat_one(make_cell):
    assert still_falling([1.0, 0.9, 0.8, 0.7])
    assert not still_falling([1.0, 1.01, 0.99, 1.0])
    assert not still_falling([0.7, 0.8, 0.9])
    assert not still_falling([1.0])
    falling = make_cell("baseline", 2, HITS, loss_tail=((300, 1.0), (400, 0.5)))
    assert of([make_cell("baseline", 1, HITS, loss_tail=((300, 1.0), (400, 1.0))), falling]).still_learning == (2,)


def test_folds_of_a_seed_add_their_seconds_and_all_rates_are_named(make_cell):
    one, two = (make_cell("baseline", 1, {place: 5}, rate=rate) for place, rate in zip(HITS, (0.01, 0.02), strict=True))
    found = of([one, two])
    assert found.seconds == 120.0
    assert found.rates == (0.01, 0.02)
    assert (found.patches, found.iterations) == (0, 400)


def test_the_size_of_areas_is_off_by_what_is_predicted_too_much_or_too_little(make_cell):
    cell = make_cell("baseline", 1, {("A", 1): 20})
    counts = np.diag([50, 40, 20, 20])
    counts[3, 2] = 10  # area one gets 30 for 20, area two 20 for 30
    section = cell.sections[0].model_copy(update={"confusion": tuple(map(tuple, counts.tolist()))})
    found = of([cell.model_copy(update={"sections": (section,)})])
    assert found.extent_error_share == pytest.approx((10 / 20 + 10 / 30) / 2)
    assert of([cell]).extent_error_share == 0
