"""Names that lead out of the folder they are said in, and code that hides in data."""

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numcodecs
import numpy as np
import pytest
import tifffile
import zarr

from gennari.errors import InputError
from gennari.frames import coronal
from gennari.records import Section
from gennari.sources.dataset import open_dataset
from gennari.sources.label_images import read_label_image
from gennari.sources.probabilities import read_probability_bytes
from gennari.sources.sections import open_pyramid
from gennari.sources.stores import inside
from gennari.sources.vertex_maps import read_vertex_map

SECTION = Section(brain="A", id=1, spacing_um=1.0, shape_px=(8, 8), to_brain=coronal(0.0, 0.0, 0.0))
OUTSIDE = ("../secret", "/secret", "a/../../secret", "..", "", "a\\b", "file:x", "a\0b")


class Planted:
    """What a pickle would run."""

    run = False

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return plant, ("x",)


def plant(_: str) -> None:
    Planted.run = True


@pytest.fixture(autouse=True)
def nothing_was_run():
    Planted.run = False
    yield
    assert not Planted.run


@pytest.mark.parametrize("part", OUTSIDE)
def test_a_part_of_a_folder_lies_inside_it(part: str) -> None:
    with pytest.raises(InputError, match="what here speaks of must lie inside it"):
        inside(part, "here")


def test_parts_may_lie_deeper() -> None:
    assert inside("a/b.c/0", "here") == "a/b.c/0"


@pytest.mark.parametrize("part", OUTSIDE)
def test_levels_of_images_do_not_lead_out(part: str, tmp_path: Path) -> None:
    level = {"path": part, "coordinateTransformations": [{"type": "scale", "scale": [1, 1]}]}
    zarr.create_group(tmp_path / "1.zarr", zarr_format=3, attributes={"ome": {"multiscales": [{"datasets": [level]}]}})
    scale = {"key": part, "size": [8, 8, 1], "resolution": [1, 1, 1], "chunk_sizes": [[8, 8, 1]], "encoding": "raw"}
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "info").write_text(json.dumps({"data_type": "uint8", "num_channels": 1, "scales": [scale]}))
    for name in ("1.zarr", "1"):
        with pytest.raises(InputError, match="must lie inside it, but it names"):
            open_pyramid(str(tmp_path / name))
    with pytest.raises(InputError, match="must lie inside it, but it names"):
        read_label_image(tmp_path / "1.zarr", SECTION, {1: "a"})


@pytest.mark.parametrize("name", ["../A", "/A", "a/b", "..", "", "a\\b", "x" * 200, "a\nb"])
def test_names_of_brains_do_not_lead_out(name: str, tmp_path: Path) -> None:
    labels = {"names": ["a"], "colours": ["#000000"], "first_area": 0}
    whole = {"name": "d", "licence": "x", "label_set": labels, "brains": [name]}
    (tmp_path / "dataset.json").write_text(json.dumps(whole))
    with pytest.raises(InputError, match=r"'brains.0' does not fit: .* printable letters"):
        open_dataset(tmp_path)
    (tmp_path / "dataset.json").write_text(json.dumps({**whole, "brains": ["A"]}))
    (tmp_path / "brains" / "A").mkdir(parents=True)
    brain = {"name": name, "role": "labelled", "sections": [], "geometry": "none"}
    (tmp_path / "brains" / "A" / "brain.json").write_text(json.dumps(brain))
    with pytest.raises(InputError, match=r"'name' does not fit: .* printable letters"):
        open_dataset(tmp_path).brain("A")


def test_a_brain_is_that_of_its_folder(tmp_path: Path) -> None:
    labels = {"names": ["a"], "colours": ["#000000"], "first_area": 0}
    whole = {"name": "d", "licence": "x", "label_set": labels, "brains": ["A"]}
    (tmp_path / "dataset.json").write_text(json.dumps(whole))
    (tmp_path / "brains" / "A").mkdir(parents=True)
    brain = {"name": "B", "role": "labelled", "sections": [], "geometry": "none"}
    (tmp_path / "brains" / "A" / "brain.json").write_text(json.dumps(brain))
    with pytest.raises(InputError, match="must be of the brain whose folder it lies in, got 'B'"):
        open_dataset(tmp_path).brain("A")


def pickled_zarr(path: Path) -> None:
    """A zarr 2 array of objects whose codec is pickle, as zarr's own library would read it."""
    path.mkdir(parents=True)
    head = {"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "compressor": None, "fill_value": None}
    (path / ".zarray").write_text(json.dumps({**head, "order": "C", "filters": [{"id": "pickle", "protocol": 5}]}))
    (path / "0").write_bytes(numcodecs.Pickle().encode(np.array([Planted()], object)))


def test_a_label_image_in_zarr_runs_nothing(tmp_path: Path) -> None:
    pickled_zarr(tmp_path / "1.zarr" / "0")
    (tmp_path / "1.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
    (tmp_path / "1.zarr" / ".zattrs").write_text(json.dumps({"multiscales": [{"datasets": [{"path": "0"}]}]}))
    for read in (lambda path: read_label_image(path, SECTION, {1: "a"}), lambda path: open_pyramid(str(path))):
        with pytest.raises(InputError, match=r"1\.zarr"):
            read(tmp_path / "1.zarr")


def test_probabilities_run_nothing(tmp_path: Path) -> None:
    pickled_zarr(tmp_path / "1.zarr" / "0")
    ome = {"multiscales": [{"datasets": [{"coordinateTransformations": [{"scale": [1, 1, 1]}]}]}]}
    (tmp_path / "1.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
    (tmp_path / "1.zarr" / ".zattrs").write_text(json.dumps({"ome": ome}))
    with pytest.raises(InputError, match="whole OME-Zarr image of probabilities"):
        read_probability_bytes(tmp_path / "1.zarr")


def test_numpy_files_run_nothing(tmp_path: Path) -> None:
    np.save(tmp_path / "L.npy", np.array([Planted()], object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=np.array([Planted()], object), allow_pickle=True)
    (tmp_path / "R.npy").write_bytes((tmp_path / "a.npz").read_bytes())
    for name in ("L.npy", "R.npy"):
        with pytest.raises(InputError, match="one whole number a vertex, but reading it fails"):
            read_vertex_map(tmp_path / name, {1: "a"})


def test_minc_files_hold_their_own_pixels(tmp_path: Path) -> None:
    def written(path: Path, link: Callable[[h5py.File], None]) -> None:
        with h5py.File(path, "w") as file:
            for name in ("xspace", "zspace"):
                axis = file.create_dataset(f"minc-2.0/dimensions/{name}", data=np.int32(0))
                axis.attrs.update({"start": 0.0, "step": 0.02})
            file["minc-2.0/image/0/image-min"], file["minc-2.0/image/0/image-max"] = 0.0, 255.0
            link(file)
            file["minc-2.0/image/0/image"].attrs["dimorder"] = np.bytes_("zspace,xspace")

    def kept(file: h5py.File) -> None:
        file.create_dataset("minc-2.0/image/0/image", data=np.zeros((8, 8), np.uint8))

    def outside(file: h5py.File) -> None:
        place = [(str(tmp_path / "secret"), 0, 64)]
        file.create_dataset("minc-2.0/image/0/image", (8, 8), "u1", external=place)

    def virtual(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((8, 8), "u1")
        layout[:] = h5py.VirtualSource(str(tmp_path / "kept.mnc"), "minc-2.0/image/0/image", (8, 8), "u1")
        file.create_virtual_dataset("minc-2.0/image/0/image", layout)

    def linked(file: h5py.File) -> None:
        file["minc-2.0/image/0/image"] = h5py.ExternalLink("kept.mnc", "minc-2.0/image/0/image")

    (tmp_path / "secret").write_bytes(bytes(64))
    written(tmp_path / "kept.mnc", kept)
    assert open_pyramid(str(tmp_path / "kept.mnc")).levels[0].fetch(0, 8, 0, 8).shape == (8, 8)
    for name, link in (("outside", outside), ("virtual", virtual), ("linked", linked)):
        written(tmp_path / f"{name}.mnc", link)
        with pytest.raises(InputError, match=r"in the file itself|leads elsewhere"):
            open_pyramid(str(tmp_path / f"{name}.mnc"))


def test_a_label_tiff_opens_no_further_file(tmp_path: Path) -> None:
    """OME's XML may say that the pixels lie in another file."""
    tifffile.imwrite(tmp_path / "secret.tif", np.full((8, 8), 2, np.uint8), metadata=None)
    with tifffile.TiffWriter(tmp_path / "1.ome.tif", ome=True) as writer:
        writer.write(np.ones((8, 8), np.uint8), metadata={"axes": "YX"})
    raw = (tmp_path / "1.ome.tif").read_bytes()
    assert b"<TiffData" in raw
    pieces = read_label_image(tmp_path / "1.ome.tif", SECTION, {1: "a", 2: "b"})
    assert [piece.name for piece in pieces] == ["a"]
