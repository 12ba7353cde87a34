"""The look-alike of BigBrain's releases: their layout, their frames and their traps."""

from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from gennari.errors import InputError
from gennari.phantom import release
from gennari.phantom.layers import LABEL_SET
from gennari.phantom.release import build_release, release_geometry
from gennari.phantom.settings import BrainPlan, PhantomSettings
from gennari.records import SIDES, Hemisphere, Section
from gennari.sources.annotations import rasterise, read_annotation
from gennari.sources.atlas import read_atlas
from gennari.sources.bigbrain import PM_SHAPE_PX, SECTIONS_1UM
from gennari.sources.gifti import read_surface
from gennari.sources.mni_obj import read_mni_obj
from gennari.sources.placement import Placement, place_section
from gennari.sources.section_files import find_sections
from gennari.sources.sections import open_section
from gennari.sources.surfaces import read_hemispheres
from gennari.surface.ribbon import cut_ribbon

SETTINGS = PhantomSettings(
    brains=(BrainPlan(name="BigBrain", role="labelled", sections=1),), subdivisions=0, atlas_individuals=2
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("release") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(release, "FINE_PX", (512, 768))
        build_release(root, SETTINGS, lambda tick: None)
        yield root


@pytest.fixture(scope="module")
def surfaces(made: Path) -> tuple[Hemisphere, Hemisphere]:
    return read_hemispheres(made / release.SURFACES / "MNI-obj", bigbrain=True)


def imported(folder: Path) -> tuple[Section, str]:
    (file,) = find_sections(str(folder))
    return place_section(file, "BigBrain", Placement()), file.location


def on_cortex(pair: tuple[Section, str], surfaces: tuple[Hemisphere, Hemisphere], spacing_um: float) -> np.ndarray:
    """Grey values where the surfaces say that cortex is."""
    section, location = pair
    cortex = cut_ribbon(surfaces, section, spacing_um).cortex
    assert cortex.any()
    return open_section(location, section).whole(spacing_um)[cortex]


def test_the_brain_is_as_large_as_bigbrain_and_lies_where_it_does() -> None:
    geometry = release_geometry(0)
    points = np.concatenate([hemisphere.pial.vertices_mm for hemisphere in geometry.hemispheres])
    assert points[:, 1].min() == pytest.approx(-64.0)
    assert points[:, 1].max() < 76  # 3 mm of room for individuals
    x_mm = 1e-3 * 21.1666667 * PM_SHAPE_PX[1] - 70.677184
    assert (points[:, 0] > -70.677184).all()
    assert (points[:, 0] < x_mm).all()
    assert (points[:, 2] > -58.788284).all()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match="holds other files"):
        build_release(tmp_path, SETTINGS, lambda tick: None)


@pytest.mark.slow
def test_files_have_the_names_of_the_release(made: Path) -> None:
    names = {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
    top = "BigBrainRelease.2015"
    surfaces = {f"{name}_{side}_327680" for name in ("gray", "white") for side in ("left", "right")}
    (number,) = (path.name[2:6] for path in made.glob(f"{release.PNG_FOLDER}/pm????o.png"))
    (fine,) = (path.name[4:8] for path in made.glob("aligned/B20_????.tif"))
    assert int(fine) in SECTIONS_1UM
    assert names == {
        *(f"{top}/3D_Surfaces/Apr7_2016/gii/{name}.gii" for name in surfaces),
        *(f"{top}/3D_Surfaces/Apr7_2016/MNI-obj/{name}.obj" for name in surfaces),
        f"{top}/2D_Final_Sections/Coronal/Png/Full_Resolution/pm{number}o.png",
        f"{top}/2D_Final_Sections/Coronal/Minc/pm{number}o.mnc",
        f"aligned/B20_{fine}.tif",
        f"aligned/B20_{fine}_affine.json",
        f"annotations/pm{number}o.geojson",
        "julich-brain/hemi-L_probability.func.gii",
        "julich-brain/hemi-R_probability.func.gii",
        "README.txt",
        "phantom.json",
    }


@pytest.mark.slow
def test_the_gifti_surfaces_are_inverted_and_the_obj_ones_are_not(made: Path) -> None:
    folder = made / release.SURFACES
    for file in ("gray_left_327680", "white_right_327680"):
        inverted, right = read_surface(folder / "gii" / f"{file}.gii"), read_mni_obj(folder / "MNI-obj" / f"{file}.obj")
        np.testing.assert_array_equal(inverted.faces, right.faces)
        np.testing.assert_allclose(inverted.vertices_mm * (-1, -1, 1), right.vertices_mm, atol=1e-5)
    with pytest.raises(InputError, match="2016 release is inverted: negate x and y"):
        read_hemispheres(folder / "gii")
    for hemisphere in read_hemispheres(folder / "MNI-obj"):
        assert -67 < hemisphere.pial.vertices_mm[:, 1].min() < -60


@pytest.mark.slow
def test_minc_and_png_show_the_same_section_at_the_same_place(made: Path) -> None:
    png, png_at = imported(made / release.PNG_FOLDER)
    minc, minc_at = imported(made / release.MINC_FOLDER)
    np.testing.assert_array_equal(minc.to_brain.matrix, png.to_brain.matrix)
    assert imagecodecs.imread(png_at).shape == PM_SHAPE_PX
    np.testing.assert_array_equal(open_section(minc_at, minc).whole(300.0), open_section(png_at, png).whole(300.0))


@pytest.mark.slow
def test_surfaces_lie_on_the_tissue_of_both_releases(made: Path, surfaces: tuple[Hemisphere, Hemisphere]) -> None:
    # registration is off by up to 0.5 mm, and tissue may be missing
    for folder in (release.PNG_FOLDER, release.ALIGNED):
        grey = on_cortex(imported(made / folder), surfaces, 64.0)
        assert np.mean(grey < 230) > 0.85


@pytest.mark.slow
def test_pages_of_the_fine_image_have_1_4_16_and_64_um(made: Path) -> None:
    (path,) = made.glob("aligned/*.tif")
    with tifffile.TiffFile(path) as file:
        assert file.is_bigtiff
        assert [page.shape for page in file.pages] == [(512, 768), (128, 192), (32, 48), (8, 12)]
    section, _ = imported(made / "aligned")
    assert section.spacing_um == pytest.approx(1.0)


@pytest.mark.slow
def test_annotations_and_atlas_speak_of_the_same_brain(made: Path, surfaces: tuple[Hemisphere, Hemisphere]) -> None:
    section, _ = imported(made / release.PNG_FOLDER)
    (path,) = (made / "annotations").iterdir()
    drawn = rasterise(read_annotation(path, LABEL_SET), section, 200.0)
    cortex = cut_ribbon(surfaces, section, 200.0).cortex
    areas = (drawn >= LABEL_SET.first_area) & (drawn < len(LABEL_SET.names))
    assert areas.any()
    assert np.mean(cortex[areas]) > 0.6
    for hemisphere, probabilities in zip(surfaces, read_atlas(made / "julich-brain", LABEL_SET), strict=True):
        assert hemisphere.side in SIDES
        assert len(probabilities) == len(hemisphere.pial.vertices_mm)


@pytest.mark.slow
def test_what_is_finished_is_not_made_again(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [path for path in made.rglob("*") if path.suffix in (".png", ".mnc", ".tif")]
    before = [path.stat().st_mtime_ns for path in images]
    build_release(made, SETTINGS, lambda tick: None)
    assert [path.stat().st_mtime_ns for path in images] == before
    with pytest.raises(InputError, match="was made from other ones"):
        build_release(made, SETTINGS.model_copy(update={"seed": 1}), lambda tick: None)
