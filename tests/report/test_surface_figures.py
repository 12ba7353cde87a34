import numpy as np
import pytest

from gennari.records import IGNORE, Hemisphere, LabelSet, PatchTable
from gennari.report import surface_figures
from gennari.report.style import rgb, to_png
from gennari.report.surface_figures import DOT, areas_on_surface, sampling_locations


def patches_on(hemispheres, sides: list[str], faces: list[int]) -> PatchTable:
    n = len(sides)
    mesh = hemispheres[0].pial
    zeros, places = np.zeros(n), np.zeros((n, 3))
    return PatchTable(
        brain=np.array(["P"] * n), section=np.zeros(n, np.int32), side=np.array(sides), centre_um=np.zeros((n, 2)),
        face=np.array(faces, np.int32), weights=np.full((n, 3), 1 / 3), vertex=mesh.faces[faces][:, 0].astype(np.int32),
        brain_mm=places, inflated_mm=places, plane_angle_deg=zeros, rotation_deg=zeros, curvature_per_mm=zeros,
        other_sheet_mm=zeros, tissue_share=zeros, split=np.array(["train"] * n),
    )  # fmt: skip


def dots(axes) -> int:
    return sum(
        len(collection.get_offsets())
        for collection in axes.collections
        if np.allclose(collection.get_facecolor()[0, :3], rgb(DOT))
    )


def test_each_patch_is_a_dot_on_its_own_side_where_it_can_be_seen(hemispheres: tuple[Hemisphere, Hemisphere]):
    centre = hemispheres[0].pial.vertices_mm[hemispheres[0].pial.faces].mean(axis=1)
    left, right = int(np.argmin(centre[:, 0])), int(np.argmax(centre[:, 0]))
    patches = patches_on(hemispheres, ["L", "L", "R"], [left, right, left])
    figure = sampling_locations(hemispheres, patches)
    # columns: left lateral (seen from the left), left medial (from the right), right medial (left), right lateral
    assert [dots(axes) for axes in figure.axes[:8]] == [1, 1, 1, 0] * 2


def test_a_pair_is_joined_by_a_line_from_one_patch_to_the_other(hemispheres: tuple[Hemisphere, Hemisphere]):
    mesh = hemispheres[0].pial
    behind = np.flatnonzero((mesh.vertices_mm[mesh.faces].mean(axis=1) @ np.array([-1, -0.55, 0])) > 19)
    patches = patches_on(hemispheres, ["L", "L", "R"], [int(behind[0]), int(behind[-1]), 0])
    figure = sampling_locations(hemispheres, patches, pair=(0, 1))
    longest = max(figure.axes[0].lines, key=lambda line: len(np.asarray(line.get_xdata())))
    assert len(np.asarray(longest.get_xdata())) >= 3
    assert to_png(figure, dpi=30)


def test_of_very_many_patches_some_are_shown_and_it_is_said(hemispheres: tuple[Hemisphere, Hemisphere], monkeypatch):
    monkeypatch.setattr(surface_figures, "MOST_DOTS", 50)
    centre = hemispheres[0].pial.vertices_mm[hemispheres[0].pial.faces].mean(axis=1)
    patches = patches_on(hemispheres, ["L"] * 200, [int(np.argmin(centre[:, 0]))] * 200)
    figure = sampling_locations(hemispheres, patches)
    assert dots(figure.axes[0]) == 50
    assert figure.axes[8].get_legend().get_texts()[0].get_text() == "50 of 200 patch centres"


def test_a_pair_across_the_hemispheres_is_refused(hemispheres: tuple[Hemisphere, Hemisphere]):
    patches = patches_on(hemispheres, ["L", "R"], [0, 0])
    with pytest.raises(ValueError, match="a pair must lie on one hemisphere"):
        sampling_locations(hemispheres, patches, pair=(0, 1))


def test_areas_are_painted_and_tissue_and_ignored_vertices_are_not(
    hemispheres: tuple[Hemisphere, Hemisphere], label_set: LabelSet
):
    count = len(hemispheres[0].pial.vertices_mm)
    red, none = np.full(count, 3), np.where(np.arange(count) % 2, 2, IGNORE)
    figure = areas_on_surface(hemispheres, {"truth": (red, none)}, label_set)
    pictures = [np.asarray(axes.images[0].get_array(), float) for axes in figure.axes[:4]]
    hue = [picture[..., 0] - picture[..., 2] for picture in pictures]
    drawn = [picture[..., 3] > 0.99 for picture in pictures]
    assert all((hue[k][drawn[k]] > 0.2).all() for k in (0, 1))
    assert all(np.abs(hue[k][drawn[k]]).max() < 1e-6 for k in (2, 3))
    assert [text.get_text() for text in figure.axes[4].get_legend().get_texts()] == ["hOc1"]
