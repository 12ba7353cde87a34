"""The whole way of a user who has BigBrain's files: release layout -> import -> training -> maps -> other programs."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import shapely
import tensorstore as ts
import torch
from nibabel.freesurfer.io import read_annot
from safetensors import safe_open
from shapely.geometry import shape
from yaozarrs import validate_zarr_store

from gennari.nets.sizes import output_spacing_um
from gennari.phantom import release
from gennari.phantom.layers import LABEL_SET
from gennari.recipes.presets import TINY
from gennari.records import SIDES
from gennari.sources.annotations import read_annotation
from gennari.sources.atlas import read_atlas
from gennari.sources.dataset import open_dataset
from gennari.sources.mni_obj import read_mni_obj
from gennari.sources.sections import read_labels

SECTIONS = 6
OUTPUT_UM = output_spacing_um(TINY.texture)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The piece at 1 µm is smaller; all else is what a user gets."""
    monkeypatch.setattr(release, "FINE_PX", (512, 768))
    return


def _said(gennari, *arguments: object) -> str:
    said = gennari(*arguments)
    assert said.code == 0, said
    return said.out


def _precomputed(path: Path) -> ts.TensorStore:
    return ts.open({"driver": "neuroglancer_precomputed", "kvstore": f"file://{path}/"}, open=True).result()


def _zarr(path: Path) -> np.ndarray:
    return np.asarray(ts.open({"driver": "zarr3", "kvstore": f"file://{path}"}, open=True).result().read().result())


@pytest.mark.slow
def test_release_round_trip(gennari, small, tmp_path: Path) -> None:
    made, data, run = tmp_path / "release", tmp_path / "mine", tmp_path / "run"
    _said(gennari, "phantom", made, "--as", "bigbrain-release", "--sections", SECTIONS)
    _import(gennari, made, data)
    _is_what_was_released(made, data)

    findings = json.loads(_said(gennari, "check", data, "--preset", "tiny", "--json"))["findings"]
    levels = {finding["what"]: finding["level"] for finding in findings}
    assert levels["registration"] == "good"  # surfaces, planes, pixel size and left and right all fit the tissue
    assert "wrong" not in levels.values()

    _said(gennari, "sample", data, run, "--preset", "tiny")
    for verb in ("pretrain", "finetune"):
        _said(gennari, verb, run)
    _said(gennari, "segment", run, "--probabilities")
    told = json.loads(_said(gennari, "export", run, "--siibra-space", "a-space", "--json").splitlines()[-1])
    out = run / "export/pretrained"
    assert {Path(folder).name for folder in told["folders"]} == {path.name for path in out.iterdir() if path.is_dir()}

    maps = sorted((run / "maps/pretrained/B20").glob("????.ome.zarr"))
    assert len(maps) == SECTIONS // 3  # the part that is tested
    for path in maps:
        _others_read_the_map(out, path)
    _others_read_the_surface(out / "surface/B20", data)
    _others_read_the_model(out / "model")


def _import(gennari, made: Path, data: Path) -> None:
    of_b20 = ("--brain", "B20", "--dataset", data)
    _said(gennari, "import", "sections", made / release.PNG_FOLDER, *of_b20)
    inverted = gennari("import", "surfaces", made / release.SURFACES / "gii", *of_b20)
    assert inverted.code == 2  # the trap of the 2016 release
    assert "--turn" in inverted.err
    _said(gennari, "import", "surfaces", made / release.SURFACES / "gii", *of_b20, "--turn")
    _said(gennari, "import", "atlas", made / release.ATLAS, *of_b20)
    _said(gennari, "import", "annotations", made / release.ANNOTATIONS, *of_b20)


def _is_what_was_released(made: Path, data: Path) -> None:
    """Surfaces, atlas and annotations are those of the release, read by another of its files or of its readers."""
    brain = open_dataset(data).brain("B20")
    assert len(brain.sections) == SECTIONS
    for hemisphere, word in zip(brain.hemispheres(), ("left", "right"), strict=True):
        for name, mesh in (("gray", hemisphere.pial), ("white", hemisphere.white)):
            upright = read_mni_obj(made / release.SURFACES / "MNI-obj" / f"{name}_{word}_327680.obj")
            np.testing.assert_allclose(mesh.vertices_mm, upright.vertices_mm, atol=1e-4)
            np.testing.assert_array_equal(mesh.faces, upright.faces)
    given = read_atlas(made / release.ATLAS, LABEL_SET)
    for own, theirs in zip(brain.atlas(), given, strict=True):
        np.testing.assert_allclose(own, theirs, atol=1e-6)
    for section in brain.sections:
        drawn = json.loads((made / release.ANNOTATIONS / f"pm{section.id:04d}o.geojson").read_text())["features"]
        path = brain.annotation(section.id)
        assert path is not None
        pieces = read_annotation(path, LABEL_SET)
        assert sum(piece.geometry.area for piece in pieces) == pytest.approx(
            sum(shape(feature["geometry"]).area for feature in drawn)
        )


def _others_read_the_map(out: Path, path: Path) -> None:
    """One section's map as yaozarrs, tensorstore and shapely find it."""
    labels, spacing_um = read_labels(path)
    assert spacing_um == pytest.approx(OUTPUT_UM)
    number = path.name[:4]
    image = out / "sections/B20" / f"{number}.ome.zarr"
    for part in (image, image / "labels/areas", image.with_name(f"{number}_probabilities.ome.zarr")):
        validate_zarr_store(str(part))
    np.testing.assert_array_equal(_zarr(image / "labels/areas/0"), labels)
    shares = _zarr(image.with_name(f"{number}_probabilities.ome.zarr") / "0")
    assert (np.take_along_axis(shares, labels[None].astype(int), 0)[0] == shares.max(axis=0)).all()

    volume = out / "neuroglancer/B20" / number
    np.testing.assert_array_equal(_precomputed(volume / "areas").read().result()[:, :, 0, 0].T, labels + 1)
    assert _precomputed(volume / "image").read().result().shape[:2] == labels.T.shape
    assert json.loads((out / "siibra/B20" / f"{number}.json").read_text())["space"] == {"@id": "a-space"}

    features = json.loads((out / "geojson/B20" / f"{number}.geojson").read_text())["features"]
    pixels = (spacing_um / release.PM_SPACING_UM) ** 2
    found = {feature["properties"]["classification"]["name"]: shape(feature["geometry"]) for feature in features}
    assert {name: piece.area / pixels for name, piece in found.items()} == pytest.approx(
        {LABEL_SET.names[index]: (labels == index).sum() for index in np.unique(labels)}
    )
    row, col = np.argwhere(labels == labels.max())[0] + 0.5
    assert found[LABEL_SET.names[labels.max()]].contains(shapely.Point(col * pixels**0.5, row * pixels**0.5))


def _others_read_the_surface(folder: Path, data: Path) -> None:
    """Areas of both hemispheres as nibabel finds them, on as many vertices as the surfaces have."""
    hemispheres = open_dataset(data).brain("B20").hemispheres()
    for side, short, hemisphere in zip(SIDES, ("lh", "rh"), hemispheres, strict=True):
        keys = nib.load(folder / f"hemi-{side}_areas.label.gii").darrays[0].data  # pyright: ignore
        labels, _, names = read_annot(folder / f"{short}.areas.annot")
        assert len(keys) == len(hemisphere.medial_wall)
        assert (keys > 0).any()
        np.testing.assert_array_equal(labels, keys - 1)
        assert [name.decode() for name in names] == list(LABEL_SET.names)


def _others_read_the_model(folder: Path) -> None:
    """safetensors and torch open the model; the program gives probabilities of all classes."""
    with safe_open(folder / "weights.safetensors", "np") as weights:
        assert len(list(weights.keys())) > 10
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "CC BY-NC-SA" in card  # files named as BigBrain's are under BigBrain's licence until someone says otherwise
    parity = json.loads((folder / "parity.json").read_text(encoding="utf-8"))
    program = torch.export.load(folder / "areas.pt2").module()
    side = parity["window_px"]
    shares = program(torch.full((1, 1, side, side), 200.0))
    assert shares.shape[1] == len(LABEL_SET.names)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones_like(shares[:, 0]))
