import numpy as np
import pytest

from gennari.records import PatchTable
from gennari.report.sampling_figures import SPLIT_COLOURS, patch_distributions, split_figure
from gennari.report.style import rgb, to_png


@pytest.fixture
def patches(rng: np.random.Generator) -> PatchTable:
    n = 4000
    return PatchTable(
        brain=np.full(n, "P"), section=np.zeros(n, np.int32), side=np.zeros(n, np.int8), centre_um=np.zeros((n, 2)),
        face=np.zeros(n, np.int32), weights=np.zeros((n, 3)), vertex=np.zeros(n, np.int32),
        brain_mm=rng.uniform(-60, -10, (n, 3)), inflated_mm=np.zeros((n, 3)),
        plane_angle_deg=np.degrees(np.arccos(rng.uniform(0, np.cos(np.radians(45)), n))),
        rotation_deg=rng.uniform(-180, 180, n), curvature_per_mm=rng.normal(0, 0.3, n),
        other_sheet_mm=np.minimum(rng.gamma(4, 0.7, n), 10.0), tissue_share=rng.uniform(0.5, 1, n),
        split=rng.choice(["train", "train", "test"], n),
    )  # fmt: skip


def test_every_section_stands_at_its_y_in_the_colour_of_its_use():
    y = np.array([-90.0, -80.0, -70.0])
    figure = split_figure({"A": (y, ["train", "guard", "test"]), "B": (y, ["train", "train", "other"])})
    at = {
        collection.get_label(): [path.vertices[0, 0] for path in collection.get_paths()]
        for collection in figure.axes[0].collections
        if not collection.get_label().startswith("_")
    }
    assert at == {"guard": [-80], "test": [-70], "train": [-90], "other": [-70]}


def test_areas_that_a_part_lacks_are_named_below_their_brain():
    y = np.array([-90.0, -80.0])
    words = "not annotated: test hOc5, FG1"
    figure = split_figure({"A": (y, ["train", "test"]), "B": (y, ["train", "test"])}, {"A": words})
    (text,) = figure.axes[0].texts
    assert text.get_text() == words
    rows = figure.axes[0].get_yticks()
    assert rows[0] < text.get_position()[1] < rows[1]
    assert to_png(figure, dpi=40)


def test_the_parts_of_a_split_have_different_colours():
    assert len({tuple(rgb(colour)) for colour in SPLIT_COLOURS.values()}) == len(SPLIT_COLOURS)


def test_each_panel_counts_every_patch_once_by_part(patches: PatchTable):
    figure = patch_distributions(patches)
    assert len(figure.axes) == 6
    for axes in figure.axes:
        for container, part in zip(axes.containers, ("train", "test"), strict=True):
            assert sum(bar.get_height() for bar in container) == (patches.split == part).sum()
            assert np.allclose(container[0].get_facecolor()[:3], rgb(SPLIT_COLOURS[part]))
    assert figure.axes[3].get_title("left") == f"median {np.median(patches.other_sheet_mm):.3g}"
    assert to_png(figure, dpi=40)


def test_surfaces_that_face_all_ways_alike_follow_the_dashed_line(patches: PatchTable):
    axes = patch_distributions(patches).axes[1]
    found = sum(np.array([bar.get_height() for bar in container]) for container in axes.containers)
    dashed = next(line for line in axes.lines if line.get_label() == "all directions alike")
    middles = 45 + 45 / 40 * (np.arange(40) + 0.5)
    expected = np.interp(middles, np.asarray(dashed.get_xdata(), float), np.asarray(dashed.get_ydata(), float))
    assert expected.sum() == pytest.approx(4000, rel=0.01)
    assert ((found - expected) ** 2 / expected).sum() < 73.4  # chi², 40 degrees, p = 0.001


def test_what_lies_beyond_a_panel_is_counted_at_its_end(patches: PatchTable):
    patches.curvature_per_mm[:5] = -40.0
    axes = patch_distributions(patches).axes[2]
    assert sum(container[0].get_height() for container in axes.containers) >= 5


def test_one_patch_is_enough(patches: PatchTable):
    assert to_png(patch_distributions(patches.take(np.array([0]))), dpi=30)
