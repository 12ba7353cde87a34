"""Maps that are written while they are made hold what one pass over the whole section gives."""

import numpy as np
import pytest

from gennari.apply.segment import segment
from gennari.errors import InputError
from gennari.metrics.calibration import tempered
from gennari.nets.sizes import output_spacing_um
from gennari.nets.weights import load_area_unet
from gennari.pipeline import section_maps
from gennari.pipeline.labelled import section_prior
from gennari.pipeline.learning import normalisation, weights_path
from gennari.pipeline.maps import mapped_sections
from gennari.pipeline.section_maps import read_section, write_map
from gennari.sources.probabilities import as_bytes, read_confidence_bytes, read_probability_bytes
from gennari.sources.sections import read_labels


@pytest.fixture(scope="module")
def net(finished):
    return load_area_unet(weights_path(finished, "pretrained"))


@pytest.fixture
def place(finished):
    """(brain, section) of a map."""
    (name, (section, *_)), *_ = mapped_sections(finished, "pretrained").items()
    return finished.dataset.brain(name), section


@pytest.mark.parametrize("tile_px", [128, 1024])
def test_a_written_map_is_that_of_the_whole_image(finished, net, place, tile_px, tmp_path, monkeypatch):
    brain, section = place
    config, grey = net.config, normalisation(finished)
    prior = section_prior(brain.hemispheres(), brain.atlas(), section, config)
    expected = segment(net, brain.read_full(section.id, config.spacing_um), prior, grey)
    blocks = section_maps.segment_blocks
    asked = []

    def smaller(*arguments, **options):
        for block in blocks(*arguments, **options, tile_px=tile_px):
            asked.append(block.run)
            yield block

    monkeypatch.setattr(section_maps, "segment_blocks", smaller)
    whole = read_section(brain, section, config)
    paths = [tmp_path / f"{name}.ome.zarr" for name in ("map", "shares")]
    write_map(net, whole, prior, grey, brain.label_set, *paths)
    assert len(asked) > (1 if tile_px == 128 else 0)
    labels, spacing_um = read_labels(paths[0])
    shares, same_um = read_probability_bytes(paths[1])
    assert spacing_um == same_um == output_spacing_um(config)
    looked = shares.max(axis=0) < 255  # tiles of glass were not run
    assert looked.any()
    assert (labels[looked] == expected.labels[looked]).mean() > 0.999
    difference = np.abs(shares.astype(int) - as_bytes(expected.probabilities.astype(np.float32)))
    assert difference[:, looked].max() <= 1


def test_flips_and_temperature_are_those_of_the_whole_image(finished, net, place, tmp_path):
    brain, section = place
    config, grey = net.config, normalisation(finished)
    expected = segment(net, brain.read_full(section.id, config.spacing_um), None, grey, flips="columns")
    plain = segment(net, brain.read_full(section.id, config.spacing_um), None, grey)
    paths = [tmp_path / f"{name}.ome.zarr" for name in ("map", "shares", "before")]
    whole = read_section(brain, section, config)
    write_map(net, whole, None, grey, brain.label_set, *paths, flips="columns", temperature=0.4)
    (labels, _), (shares, _), ((before,), _) = read_labels(paths[0]), *map(read_probability_bytes, paths[1:])
    looked = before < 255  # tiles of glass were not run
    assert (labels[looked] == expected.labels[looked]).mean() > 0.999
    wanted = as_bytes(tempered(expected.probabilities.astype(np.float32), 0.4))
    assert np.abs(shares.astype(int) - wanted)[:, looked].max() <= 1
    (unchanged,) = as_bytes(expected.probabilities.astype(np.float32).max(axis=0, keepdims=True))
    assert np.abs(before.astype(int) - unchanged)[looked].max() <= 1
    assert np.abs(expected.probabilities - plain.probabilities).max() > 0.01
    assert np.abs(shares.max(axis=0).astype(int) - before)[looked].max() > 10
    np.testing.assert_array_equal(read_confidence_bytes(paths[1])[0], shares.max(axis=0))


def test_only_the_map_is_written_unless_probabilities_are_wanted(finished, net, place, tmp_path):
    brain, section = place
    write_map(
        net,
        read_section(brain, section, net.config),
        None,
        normalisation(finished),
        brain.label_set,
        tmp_path / "m.ome.zarr",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["m.ome.zarr"]


def test_a_map_that_is_not_finished_is_not_there(finished, net, place, tmp_path, monkeypatch):
    brain, section = place

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(section_maps, "segment_blocks", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_map(
            net, read_section(brain, section, net.config), None, normalisation(finished), brain.label_set,
            tmp_path / "m.ome.zarr", tmp_path / "p.ome.zarr",
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_a_scan_that_is_coarser_than_the_networks_pixels_is_refused(finished, net, place):
    brain, section = place
    finer = net.config.model_copy(update={"spacing_um": section.spacing_um / 2})
    with pytest.raises(InputError, match="choose a coarser spacing, or sections that were scanned finer"):
        read_section(brain, section, finer)
