import json
import sys
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from gennari.errors import InputError
from gennari.pipeline.atlas_maps import AtlasOptions
from gennari.pipeline.import_atlas import coverage, import_atlas
from gennari.records import SIDES, Hemisphere
from gennari.sources.dataset import Dataset, open_dataset
from gennari.sources.gifti import surface_path, write_columns, write_surface

PLAIN = AtlasOptions()
SAME = AtlasOptions(affine="identity")
AFFINE = np.array([[0.5, 0, 0, -25.0], [0, 0.5, 0, -12.0], [0, 0, 0.5, -12.0], [0, 0, 0, 1]])
SHAPE = (100, 48, 48)


def maps(folder: Path, hemispheres: tuple[Hemisphere, Hemisphere], names: tuple[str, ...] = ("hOc1", "hOc2")) -> None:
    """Above z = 0 the first, below the second; the rest 0.25."""
    for hemisphere in hemispheres:
        above = hemisphere.mid.vertices_mm[:, 2] > 0
        values = np.full((len(above), len(names)), 0.25)
        values[:, 0], values[:, 1] = above, ~above
        write_columns(folder / f"map_{hemisphere.side}.func.gii", names, values, hemisphere.side)


def volume(path: Path, affine: np.ndarray = AFFINE, top: float = 1.0) -> None:
    """A ramp along z from 0 at -12 mm to `top` at +12 mm (in the space of AFFINE)."""
    z = AFFINE[2, 3] + AFFINE[2, 2] * np.arange(SHAPE[2])
    data = np.broadcast_to(top * (z + 12) / 24, SHAPE).astype(np.float32)
    nib.save(nib.Nifti1Image(data, affine), path)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "given").mkdir()
    return tmp_path / "given"


def test_vertex_maps_come_in_the_order_of_the_data_set(shell_dataset: Dataset, shells, place: Path) -> None:
    maps(place, shells, ("hOc2", "hOc1", "area x"))
    made = import_atlas(shell_dataset, "A", str(place), PLAIN)
    assert made.others == ("area x",)
    assert made.covered == (1.0, 1.0)
    for values, hemisphere in zip(open_dataset(shell_dataset.root).brain("A").atlas(), shells, strict=True):
        above = hemisphere.mid.vertices_mm[:, 2] > 0
        np.testing.assert_array_equal(values, np.column_stack([~above, above]))


def test_names_are_found_by_a_whole_word(shell_dataset: Dataset, shells, place: Path) -> None:
    maps(place, shells, ("Area hOc1 (V1, 17, CalcS) left", "Area hOc2 (V2, 18)", "Area hOc12 (x)"))
    assert import_atlas(shell_dataset, "A", str(place), PLAIN).others == ("Area hOc12 (x)",)


def test_a_name_that_may_mean_two_areas_is_refused(shell_dataset: Dataset, shells, place: Path) -> None:
    maps(place, shells, ("hOc1-hOc2", "hOc2"))
    with pytest.raises(InputError, match="may mean hOc1 or hOc2"):
        import_atlas(shell_dataset, "A", str(place), PLAIN)
    import_atlas(shell_dataset, "A", str(place), AtlasOptions(rename={"hOc1-hOc2": "hOc1"}))


def test_missing_areas_are_refused_unless_they_are_said_to_be_absent(
    shell_dataset: Dataset, shells, place: Path
) -> None:
    maps(place, shells, ("hOc1", "other"))
    with pytest.raises(InputError, match="hOc2 is missing"):
        import_atlas(shell_dataset, "A", str(place), PLAIN)
    made = import_atlas(shell_dataset, "A", str(place), AtlasOptions(absent=("hOc2",)))
    assert made.expected_mm2["hOc2"] == 0
    assert 0.3 < made.covered[0] < 0.7


def test_what_is_ignored_is_other_cortex(shell_dataset: Dataset, shells, place: Path) -> None:
    maps(place, shells)
    options = AtlasOptions(ignore=("hOc2",), absent=("hOc2",))
    assert import_atlas(shell_dataset, "A", str(place), options).others == ("hOc2",)


def test_a_volume_is_read_on_the_mid_surface(shell_dataset: Dataset, shells, place: Path) -> None:
    volume(place / "hOc1_l.nii.gz")
    volume(place / "hOc1_r.nii.gz", top=0.5)
    volume(place / "hOc2.nii.gz")
    import_atlas(shell_dataset, "A", str(place), SAME)
    for values, hemisphere, top in zip(shell_dataset_atlas(shell_dataset), shells, (1.0, 0.5), strict=True):
        ramp = np.where(hemisphere.medial_wall, 0, (hemisphere.mid.vertices_mm[:, 2] + 12) / 24)
        np.testing.assert_allclose(values, np.column_stack([top * ramp, ramp]), atol=1e-4)


def shell_dataset_atlas(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    return open_dataset(dataset.root).brain("A").atlas()


def test_an_affine_leads_from_the_brain_to_the_atlas(shell_dataset: Dataset, shells, place: Path) -> None:
    move = np.diag([1.1, 1.1, 1.1, 1.0])
    move[:3, 3] = (3, -4, 5)
    for name in ("hOc1", "hOc2"):
        volume(place / f"{name}.nii", affine=move @ AFFINE)
    (place / "affine.json").write_text(json.dumps(move.tolist()))
    import_atlas(shell_dataset, "A", str(place), AtlasOptions(affine=str(place / "affine.json")))
    values = shell_dataset_atlas(shell_dataset)[0][~shells[0].medial_wall, 0]
    np.testing.assert_allclose(values, (shells[0].mid.vertices_mm[~shells[0].medial_wall, 2] + 12) / 24, atol=1e-4)


def test_surfaces_in_the_space_of_the_volume_lead_there_too(shell_dataset: Dataset, shells, place: Path) -> None:
    other = place / "surfaces"
    for hemisphere in shells:
        for name in ("pial", "white"):
            mesh = getattr(hemisphere, name)
            moved = type(mesh)(vertices_mm=mesh.vertices_mm + np.array([0, 20.0, 0]), faces=mesh.faces)
            write_surface(surface_path(other, hemisphere.side, name), moved, hemisphere.side)
    moved_affine = AFFINE.copy()
    moved_affine[1, 3] += 20
    for name in ("hOc1", "hOc2"):
        volume(place / f"{name}.nii", affine=moved_affine)
    import_atlas(shell_dataset, "A", str(place), AtlasOptions(through=other))
    values = shell_dataset_atlas(shell_dataset)[0][~shells[0].medial_wall, 0]
    np.testing.assert_allclose(values, (shells[0].mid.vertices_mm[~shells[0].medial_wall, 2] + 12) / 24, atol=1e-4)


def test_two_reference_spaces_are_not_mixed(shell_dataset: Dataset, shells, place: Path) -> None:
    other = place / "surfaces"
    for hemisphere in shells:
        word = {"L": "left", "R": "right"}[hemisphere.side]
        write_surface(other / f"gray_{word}_2009b_sym.gii", hemisphere.pial, hemisphere.side)
        write_surface(other / f"white_{word}_2009b_sym.gii", hemisphere.white, hemisphere.side)
    for name in ("hOc1", "hOc2"):
        volume(place / f"{name}_nlin2icbm152asym2009c.nii")
    with pytest.raises(InputError, match="2009b symmetric is not MNI152 2009c"):
        import_atlas(shell_dataset, "A", str(place), AtlasOptions(through=other))
    for path in place.glob("*.nii"):
        path.rename(path.with_name(path.name.replace("asym2009c", "2009b")))
    import_atlas(shell_dataset, "A", str(place), AtlasOptions(through=other))


def test_a_volume_without_a_way_to_its_space_is_refused(shell_dataset: Dataset, place: Path) -> None:
    volume(place / "hOc1.nii")
    for options in (PLAIN, AtlasOptions(affine="identity", through=place)):
        with pytest.raises(InputError, match="needs one way"):
            import_atlas(shell_dataset, "A", str(place), options)
    with pytest.raises(InputError, match="got there is none"):
        import_atlas(shell_dataset, "A", str(place), AtlasOptions(through=place))
    (place / "affine.json").write_text("[[0,0,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,1]]")
    with pytest.raises(InputError, match="mend the matrix"):
        import_atlas(shell_dataset, "A", str(place), AtlasOptions(affine=str(place / "affine.json")))


def test_label_and_many_volume_files_need_a_table(shell_dataset: Dataset, shells, place: Path) -> None:
    many = np.stack([np.full(SHAPE, value, np.float32) for value in (0.2, 0.6)], axis=3)
    nib.save(nib.Nifti1Image(many, AFFINE), place / "all.nii")
    with pytest.raises(InputError, match="holds 2 maps"):
        import_atlas(shell_dataset, "A", str(place / "all.nii"), SAME)
    (place / "classes.csv").write_text("0,hOc2\n1,hOc1\n")
    options = AtlasOptions(affine="identity", classes=place / "classes.csv")
    import_atlas(shell_dataset, "A", str(place / "all.nii"), options)
    inside = shell_dataset_atlas(shell_dataset)[0][~shells[0].medial_wall]
    np.testing.assert_allclose(inside, np.tile([0.6, 0.2], (len(inside), 1)), atol=1e-6)
    nib.save(nib.Nifti1Image(np.full(SHAPE, 7, np.int16), AFFINE), place / "labels.nii")
    (place / "classes.csv").write_text("7,hOc1\n8,hOc2\n")
    options = AtlasOptions(affine="identity", classes=place / "classes.csv", replace=True)
    import_atlas(shell_dataset, "A", str(place / "labels.nii"), options)
    inside = shell_dataset_atlas(shell_dataset)[0][~shells[0].medial_wall]
    np.testing.assert_allclose(inside, np.tile([1.0, 0.0], (len(inside), 1)), atol=1e-6)


def test_siibra_fetches_only_maps_of_areas(shell_dataset: Dataset, shells, monkeypatch) -> None:
    fetched = []

    class Maps:
        regions = ("Area hOc1 (V1) left", "Area hOc1 (V1) right", "Area hOc2 (V2) left", "Area 4p left")

        def fetch(self, region: str) -> nib.Nifti1Image:
            fetched.append(region)
            return nib.Nifti1Image(np.full(SHAPE, 0.5, np.float32), AFFINE)

    monkeypatch.setitem(sys.modules, "siibra", SimpleNamespace(get_map=lambda **words: Maps()))
    import_atlas(shell_dataset, "A", "siibra:julich 3.1", SAME)
    assert fetched == list(Maps.regions[:3])
    left, right = shell_dataset_atlas(shell_dataset)
    assert np.unique(left[~shells[0].medial_wall], axis=0).tolist() == [[0.5, 0.5]]
    assert np.unique(right[~shells[1].medial_wall], axis=0).tolist() == [[0.5, 0.0]]


def test_maps_of_another_mesh_or_in_percent_are_refused(shell_dataset: Dataset, shells, place: Path) -> None:
    for side in SIDES:
        write_columns(place / f"m_{side}.func.gii", ["hOc1", "hOc2"], np.zeros((7, 2)), side)
    with pytest.raises(InputError, match="has 7; take the map of this mesh"):
        import_atlas(shell_dataset, "A", str(place), PLAIN)
    percent = np.full((len(shells[0].medial_wall), 2), 40.0)
    for side in SIDES:
        write_columns(place / f"m_{side}.func.gii", ["hOc1", "hOc2"], percent, side)
    with pytest.raises(InputError, match="divide percentages by 100"):
        import_atlas(shell_dataset, "A", str(place), PLAIN)


def test_options_name_areas_and_places_exist(shell_dataset: Dataset, place: Path) -> None:
    with pytest.raises(InputError, match="got 'x'"):
        import_atlas(shell_dataset, "A", str(place), AtlasOptions(absent=("x",)))
    with pytest.raises(InputError, match="nothing"):
        import_atlas(shell_dataset, "A", str(place / "x"), PLAIN)


def test_an_atlas_is_replaced_only_when_asked(shell_dataset: Dataset, shells, place: Path) -> None:
    maps(place, shells)
    import_atlas(shell_dataset, "A", str(place), PLAIN)
    with pytest.raises(InputError, match="--replace"):
        import_atlas(shell_dataset, "A", str(place), PLAIN)
    import_atlas(shell_dataset, "A", str(place), AtlasOptions(replace=True))


def test_coverage_counts_area_and_leaves_out_the_wall(shells, shell_dataset: Dataset) -> None:
    values = [np.zeros((len(shell.medial_wall), 2)) for shell in shells]
    for column, shell in zip(values, shells, strict=True):
        column[shell.mid.vertices_mm[:, 2] > 0, 0] = 0.5
        column[shell.medial_wall, 1] = 1.0
    (left, right), expected = coverage(shells, values, shell_dataset.label_set)
    assert left == pytest.approx(right)
    assert 0.4 < left < 0.5
    assert expected["hOc2"] == 0
    by_hand = 0.0
    for column, shell in zip(values, shells, strict=True):
        for corners in shell.mid.faces:
            a, b, c = shell.mid.vertices_mm[corners]
            third = 0.5 * np.linalg.norm(np.cross(b - a, c - a)) / 3
            by_hand += sum(third * column[v, 0] for v in corners if not shell.medial_wall[v])
    assert expected["hOc1"] == pytest.approx(by_hand)
