"""Folders as people have them: names of several tools, several formats, and the traps between them."""

import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from nibabel.freesurfer.io import write_geometry

from gennari.errors import InputError
from gennari.records import Hemisphere, Side, TriangleMesh
from gennari.sources.gifti import write_surface
from gennari.sources.surface_files import find_surface, is_bigbrain_release
from gennari.sources.surfaces import read_hemispheres

Pair = tuple[Hemisphere, Hemisphere]
Writer = Callable[[Path, TriangleMesh, Side], None]


def write_mni(path: Path, mesh: TriangleMesh, side: Side) -> None:
    numbers = [len(mesh.vertices_mm), *mesh.vertices_mm.ravel(), *mesh.vertices_mm.ravel(), len(mesh.faces), 0, 1, 1, 1]
    numbers += [1, *(3 * np.arange(1, len(mesh.faces) + 1)), *mesh.faces.ravel()]
    path.write_text("P 0.3 0.3 0.4 10 1 " + "\n".join(str(number) for number in numbers))


def write_fs(path: Path, mesh: TriangleMesh, side: Side) -> None:
    axes = {"xras": np.array([-1.0, 0, 0]), "yras": np.array([0, 0, -1.0]), "zras": np.array([0, 1.0, 0])}
    info = {
        "head": np.array([2, 0, 20], np.int32), "valid": "1  # volume info valid", "filename": "orig.mgz",
        "volume": np.array([256, 256, 256]), "voxelsize": np.ones(3), **axes, "cras": np.array([1.0, 2.0, 3.0]),
    }  # fmt: skip
    write_geometry(path, mesh.vertices_mm - [1, 2, 3], mesh.faces, volume_info=info)


def fill(folder: Path, pair: Pair, write: Writer, names: dict[tuple[Side, str], str], turn=(1, 1, 1)) -> None:
    folder.mkdir(exist_ok=True)
    for hemisphere in pair:
        for (side, surface), name in names.items():
            if side == hemisphere.side:
                mesh = getattr(hemisphere, surface)
                write(folder / name, TriangleMesh(vertices_mm=mesh.vertices_mm * turn, faces=mesh.faces), side)


def named(pattern: str, left: str, right: str, pial: str = "pial") -> dict[tuple[Side, str], str]:
    words: dict[Side, str] = {"L": left, "R": right}
    return {
        (s, n): pattern.format(side=words[s], name=pial if n == "pial" else n) for s in words for n in ("pial", "white")
    }


RELEASE = named("{name}_{side}_327680.obj", "left", "right", "gray")


@pytest.mark.parametrize(
    ("write", "names"),
    [
        (write_surface, named("hemi-{side}_{name}.surf.gii", "L", "R")),
        (write_surface, named("tpl-bigbrain_hemi-{side}_desc-{name}.surf.gii", "L", "R")),
        (write_surface, named("sub01.{side}.{name}.32k_fs_LR.surf.gii", "L", "R")),
        (write_surface, named("{name}_{side}.gii", "left", "right")),
        (write_surface, named("{side}.{name}.gii", "lh", "rh")),
        (write_fs, named("{side}.{name}", "lh", "rh")),
        (write_mni, RELEASE),
        (write_mni, named("civet_{name}_surface_rsl_{side}_81920.obj", "left", "right", "gray")),
    ],
)
def test_a_folder_is_read_whatever_its_format(
    write: Writer, names: dict[tuple[Side, str], str], hemispheres: Pair, tmp_path: Path
) -> None:
    fill(tmp_path, hemispheres, write, names)
    for there, read in zip(hemispheres, read_hemispheres(tmp_path), strict=True):
        assert read.side == there.side
        np.testing.assert_allclose(read.pial.vertices_mm, there.pial.vertices_mm, atol=1e-5)
        np.testing.assert_allclose(read.white.vertices_mm, there.white.vertices_mm, atol=1e-5)
        np.testing.assert_array_equal(read.pial.faces, there.pial.faces)


def test_tkras_is_left_where_it_is_wanted(hemispheres: Pair, tmp_path: Path) -> None:
    fill(tmp_path, hemispheres, write_fs, named("{side}.{name}", "lh", "rh"))
    left, _ = read_hemispheres(tmp_path, freesurfer="tkr")
    np.testing.assert_allclose(left.pial.vertices_mm, hemispheres[0].pial.vertices_mm - [1, 2, 3], atol=1e-5)


def test_the_bundled_fsaverage_is_found_by_its_names(tmp_path: Path) -> None:
    spec = find_spec("nilearn")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "datasets/data/fsaverage5"
    with pytest.raises(InputError, match=r"has pial\.left\.gii\.gz, pial_left\.gii\.gz; leave one"):
        read_hemispheres(folder)
    for path in folder.glob("*_*.gii.gz"):
        shutil.copy(path, tmp_path)
    left, right = read_hemispheres(tmp_path)
    assert len(left.pial.vertices_mm) == len(right.inflated.vertices_mm) == 10_242


def test_inverted_surfaces_of_the_release_are_refused_though_their_names_are_exchanged_too(
    hemispheres: Pair, tmp_path: Path
) -> None:
    forward = tuple(
        Hemisphere(
            side=h.side, inflated=h.inflated, medial_wall=h.medial_wall,
            pial=TriangleMesh(vertices_mm=h.pial.vertices_mm * (1, 7, 1) + (0, 5, 0), faces=h.pial.faces),
            white=TriangleMesh(vertices_mm=h.white.vertices_mm * (1, 7, 1) + (0, 5, 0), faces=h.white.faces),
        )
        for h in hemispheres
    )  # fmt: skip
    fill(tmp_path / "right", (forward[0], forward[1]), write_mni, RELEASE)
    read_hemispheres(tmp_path / "right")
    fill(tmp_path / "inverted", (forward[0], forward[1]), write_mni, RELEASE, turn=(-1, -1, 1))
    with pytest.raises(InputError, match="the 2016 release is inverted: negate x and y of every vertex"):
        read_hemispheres(tmp_path / "inverted")
    # x alone would pass here: y tells
    exchanged = {(side, name): RELEASE["R" if side == "L" else "L", name] for side, name in RELEASE}
    fill(tmp_path / "both", (forward[0], forward[1]), write_mni, exchanged, turn=(-1, -1, 1))
    with pytest.raises(InputError, match="the 2016 release is inverted: negate x and y of every vertex"):
        read_hemispheres(tmp_path / "both")


def test_surfaces_in_a_reference_space_are_passed_over_and_refused_alone(hemispheres: Pair, tmp_path: Path) -> None:
    fill(tmp_path, hemispheres, write_mni, named("{name}_{side}_327680.obj", "left", "right", "gray"))
    fill(
        tmp_path,
        hemispheres,
        write_mni,
        named("{name}_{side}_327680_2009b_sym.obj", "left", "right", "gray"),
        (2, 2, 2),
    )
    left, _ = read_hemispheres(tmp_path)
    np.testing.assert_allclose(left.pial.vertices_mm, hemispheres[0].pial.vertices_mm, atol=1e-5)
    for path in tmp_path.glob("*_327680.obj"):
        path.unlink()
    with pytest.raises(InputError, match=r"2009b_sym\.obj lies, by its name, in a reference space.*2009c asymmetric"):
        read_hemispheres(tmp_path)


def test_two_files_for_one_surface_are_refused(hemispheres: Pair, tmp_path: Path) -> None:
    fill(tmp_path, hemispheres, write_mni, RELEASE)
    write_surface(tmp_path / "gray_left_327680.gii", hemispheres[0].pial, "L")
    with pytest.raises(
        InputError, match=r"pial surface of side L, but .* has gray_left_327680\.gii, gray_left_327680\.obj"
    ):
        read_hemispheres(tmp_path)
    # ours is asked first
    write_surface(tmp_path / "hemi-L_pial.surf.gii", hemispheres[0].pial, "L")
    assert read_hemispheres(tmp_path)[0].side == "L"


def test_other_files_are_no_surfaces(tmp_path: Path) -> None:
    for name in (
        "hemi-L_white.func.gii", "lh.white.preaparc", "lh.curv", "left.gii", "pial.gii", "l_pial.gii",
        "left_right_pial.gii", "lh.pial.txt", "pial_white_left.obj",
    ):  # fmt: skip
        (tmp_path / name).write_text("")
    assert all(find_surface(tmp_path, side, name) is None for side in ("L", "R") for name in ("pial", "white"))


def test_the_release_is_known_by_its_names() -> None:
    assert is_bigbrain_release(Path("x/gray_left_327680.gii"))
    assert not is_bigbrain_release(Path("x/gray_left_81920.obj"))
