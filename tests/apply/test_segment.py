import numpy as np
import pytest
import torch

from gennari.apply.segment import Flips, segment, segment_blocks
from gennari.apply.tiles import LEAST_PX, MOST_READ, tile_spans, usual_tile_px
from gennari.data.pixels import Normalisation
from gennari.data.prepare import normalise
from gennari.data.prior import Prior
from gennari.errors import InputError
from gennari.nets.area_unet import AreaUNet
from gennari.nets.sizes import PRESETS, TextureConfig, unet_sizes, valid_inputs

NORMALISATION = Normalisation(mean=0.5, std=0.25)
VALID = TextureConfig(spacing_um=32, patch_px=51, channels=(4, 6, 8), convs=(2, 1, 1))
SAME = TextureConfig(spacing_um=32, patch_px=48, channels=(4, 6, 8), convs=(2, 1, 1), padding="same")
CONFIGS = {
    "valid": VALID,
    "valid, stride 1": VALID.model_copy(update={"stem_stride": 1, "patch_px": 44}),
    "valid, coarse output": VALID.model_copy(update={"output_level": 1}),
    "same": SAME,
    "same, coarse output": SAME.model_copy(update={"output_level": 1}),
    "same, stride 1": SAME.model_copy(update={"stem_stride": 1}),
}


def _net(config: TextureConfig, areas: int = 3) -> AreaUNet:
    widths = (2, 3, 4, 4)[: len(config.channels)] if areas else ()
    net = AreaUNet(config, 5, areas, widths, torch.Generator().manual_seed(1))
    side = valid_inputs(config, 100, 400)[0]
    net.train()
    with torch.no_grad():  # batch norm statistics that are not the identity
        x = torch.randn(2, 1, side, side, generator=torch.Generator().manual_seed(2))
        stem = unet_sizes(config, side).atlas_px
        net(x, torch.rand(2, areas, stem, stem) if areas else None)
    return net.eval()


def _whole(net: AreaUNet, image: np.ndarray, prior: np.ndarray | None) -> np.ndarray:
    """Probabilities by one pass over the padded image."""
    config, stride = net.config, net.config.output_stride_px
    shape = [-(-side // stride) for side in image.shape]
    if config.padding == "same":
        sides = [-(-side // config.period_px) * config.period_px for side in image.shape]
        before, atlas_before = 0, 0
        atlas_sides = [side // config.stem_stride for side in sides]
    else:
        inputs = [(px, unet_sizes(config, px)) for px in valid_inputs(config, 1, 1500)]
        fits = [next((px, s) for px, s in inputs if s.output_px >= side) for side in shape]
        sides, atlas_sides = [px for px, _ in fits], [s.atlas_px for _, s in fits]
        before, atlas_before = fits[0][1].before_px, fits[0][1].atlas_before_px
    window = np.full(sides, 255, np.uint8)
    window[before : before + image.shape[0], before : before + image.shape[1]] = image
    x = torch.from_numpy(normalise(window, NORMALISATION)[None, None])
    atlas = None
    if prior is not None:
        out = np.zeros((len(prior), *atlas_sides), np.float32)
        end = [atlas_before + side for side in prior.shape[1:]]
        out[:, atlas_before : end[0], atlas_before : end[1]] = prior
        atlas = torch.from_numpy(out[None])
    with torch.inference_mode():
        return net(x, atlas)[0].softmax(dim=0).numpy()[:, : shape[0], : shape[1]]


def _whole_mirrored(net: AreaUNet, image: np.ndarray, prior: np.ndarray | None, over: tuple[int, ...]) -> np.ndarray:
    """Probabilities by one pass over the mirror image of the image set in glass, mirrored back."""
    config, cells = net.config, []
    shape = [-(-side // config.output_stride_px) for side in image.shape]
    for side, least in zip(image.shape, shape, strict=True):
        if config.padding == "same":
            cells.append(-(-side // config.period_px) * config.period_px // config.output_stride_px)
        else:
            sizes = (unet_sizes(config, px) for px in valid_inputs(config, 1, 1500))
            cells.append(next(s.output_px for s in sizes if s.output_px >= least))
    canvas = np.full([n * config.output_stride_px for n in cells], 255, np.uint8)
    canvas[: image.shape[0], : image.shape[1]] = image
    atlas = None
    if prior is not None:
        atlas = np.zeros((len(prior), *(side // config.stem_stride for side in canvas.shape)), prior.dtype)
        atlas[:, : prior.shape[1], : prior.shape[2]] = prior
        atlas = np.flip(atlas, over)
    return np.flip(_whole(net, np.flip(canvas, over), atlas), over)[:, : shape[0], : shape[1]]


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("shape", [(211, 150), (64, 301)])
def test_tiles_give_what_one_pass_gives(name: str, shape: tuple[int, int], rng: np.random.Generator):
    config = CONFIGS[name]
    net = _net(config)
    image = rng.integers(0, 256, shape, dtype=np.uint8)
    stem = [-(-side // config.stem_stride) for side in shape]
    prior = rng.random((3, *stem)).astype(np.float16)
    result = segment(net, image, prior, NORMALISATION, tile_px=160)
    expected = _whole(net, image, prior)
    assert result.tiles > 1
    np.testing.assert_allclose(result.probabilities, expected, atol=1e-3)
    assert (result.labels == expected.argmax(axis=0)).mean() > 0.999
    one = segment(net, image, prior, NORMALISATION, tile_px=1000)
    assert one.tiles == 1
    np.testing.assert_allclose(one.probabilities, expected, atol=1e-3)


@pytest.mark.parametrize("name", [*CONFIGS, "valid, four blocks"])
@pytest.mark.parametrize(("flips", "mirrors"), [("columns", ((), (-1,))), ("all", ((), (-1,), (-2,), (-2, -1)))])
def test_flipped_tiles_give_the_mean_of_one_pass_over_each_mirror_image(
    name: str, flips: Flips, mirrors: tuple[tuple[int, ...], ...], rng: np.random.Generator
):
    # of four blocks outputs are no multiple of the pooling period
    deep = VALID.model_copy(update={"channels": (3, 4, 4, 5), "convs": (1, 1, 1, 1), "patch_px": 67})
    config = CONFIGS.get(name, deep)
    net, image = _net(config), rng.integers(0, 256, (211, 150), dtype=np.uint8)
    prior = rng.random((3, *(-(-side // config.stem_stride) for side in image.shape))).astype(np.float16)
    passes = [_whole_mirrored(net, image, prior, over) for over in mirrors]
    expected = np.mean(passes, axis=0)
    result = segment(net, image, prior, NORMALISATION, tile_px=160, flips=flips)
    assert result.tiles > 1
    assert np.abs(passes[0] - passes[1]).max() > 0.05, "a mirror image must be seen otherwise"
    np.testing.assert_allclose(passes[0], _whole(net, image, prior), atol=1e-6)
    np.testing.assert_allclose(result.probabilities, expected, atol=1e-3)
    first, second = np.sort(expected, axis=0)[[-1, -2]]
    clear = first - second > 1e-5
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(result.labels[clear], expected.argmax(axis=0)[clear])


def test_flips_leave_the_statistics_of_batch_norm_alone(rng: np.random.Generator):
    net = _net(SAME, areas=0).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    segment(net, rng.integers(0, 256, (64, 64), dtype=np.uint8), None, NORMALISATION, flips="all")
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_coarse_prior_tiles_as_its_fine_grid_does(rng: np.random.Generator):
    net, image = _net(SAME), rng.integers(0, 256, (300, 100), dtype=np.uint8)
    prior = Prior(coarse=rng.uniform(size=(3, 20, 8)).astype(np.float16), ratio=0.13, fine_px=(150, 50))
    found = segment(net, image, prior, NORMALISATION, tile_px=160)
    dense = segment(net, image, prior[..., :, :], NORMALISATION, tile_px=160)
    np.testing.assert_array_equal(found.probabilities, dense.probabilities)


@pytest.mark.parametrize("name", ["valid", "same"])
def test_a_net_without_atlas_tiles_as_well(name: str, rng: np.random.Generator):
    net = _net(CONFIGS[name], areas=0)
    image = rng.integers(0, 256, (183, 97), dtype=np.uint8)
    result = segment(net, image, None, NORMALISATION, tile_px=140)
    np.testing.assert_allclose(result.probabilities, _whole(net, image, None), atol=1e-3)


@pytest.mark.parametrize("config", CONFIGS.values())
@pytest.mark.parametrize("side", [1, 63, 64, 200, 517])
def test_spans_cover_the_output_once_and_stay_within_the_tile(config: TextureConfig, side: int):
    spans = tile_spans(config, side, 160)
    pixels = [i for span in spans for i in range(span.out.start, span.out.stop)]
    assert pixels == list(range(-(-side // config.output_stride_px)))
    for span in spans:
        assert span.image.stop - span.image.start <= 160
        assert unet_sizes(config, span.image.stop - span.image.start).atlas_px == span.atlas.stop - span.atlas.start
        assert span.inside.stop - span.inside.start == span.out.stop - span.out.start


def test_tiles_outside_the_mask_are_not_run_and_get_the_empty_class(rng: np.random.Generator):
    net = _net(SAME)
    image = rng.integers(0, 256, (300, 100), dtype=np.uint8)
    prior = np.zeros((3, 150, 50), np.float16)
    every = segment(net, image, prior, NORMALISATION, tile_px=160)
    mask = np.zeros((150, 50), bool)
    mask[0, 0] = True
    result = segment(
        net,
        image,
        prior,
        NORMALISATION,
        tile_px=160,
        near=lambda rows, cols: bool(mask[rows, cols].any()),
        empty_class=4,
    )
    assert result.tiles == 1 < every.tiles
    first = tile_spans(SAME, 300, 160)[0].out.stop
    np.testing.assert_array_equal(result.probabilities[:, :first], every.probabilities[:, :first])
    assert (result.labels[first:] == 4).all()
    assert (result.probabilities[4, first:] == 1).all()


def test_the_net_comes_back_in_the_mode_it_came_in(rng: np.random.Generator):
    net = _net(SAME, areas=0).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    segment(net, rng.integers(0, 256, (64, 64), dtype=np.uint8), None, NORMALISATION)
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize("name", ["valid", "same"])
def test_a_tile_too_small_for_the_network_is_refused(name: str):
    with pytest.raises(InputError, match=r"tile_px must be about .* got 40"):
        tile_spans(CONFIGS[name], 500, 40)


@pytest.mark.parametrize("name", PRESETS)
def test_tiles_read_little_more_than_they_map(name: str):
    config = PRESETS[name]
    spans = tile_spans(config, 60_000, usual_tile_px(config))
    read = sum(span.image.stop - span.image.start for span in spans) / 60_000
    assert read**2 < 1.1 * MOST_READ  # the last tile may be shorter, and the grid rounds
    assert usual_tile_px(config) >= LEAST_PX


def test_a_section_is_cut_into_the_usual_tiles_where_nobody_says(rng: np.random.Generator, monkeypatch):
    net, image = _net(SAME, areas=0), rng.integers(0, 256, (300, 210), dtype=np.uint8)
    monkeypatch.setattr("gennari.apply.segment.usual_tile_px", lambda config: 160)
    assert segment(net, image, None, NORMALISATION).tiles == segment(net, image, None, NORMALISATION, tile_px=160).tiles


def test_a_prior_must_lie_on_its_grid(rng: np.random.Generator):
    net, image = _net(SAME), rng.integers(0, 256, (64, 64), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"prior must lie on the stem's grid \(32, 32\), got \(31, 32\)"):
        segment(net, image, np.zeros((3, 31, 32), np.float16), NORMALISATION)


def test_blocks_come_by_rows_and_nothing_outside_the_image_is_read(rng: np.random.Generator):
    net, image = _net(SAME, areas=0), rng.integers(0, 256, (300, 210), dtype=np.uint8)
    asked = []

    def read(rows: slice, cols: slice) -> np.ndarray:
        asked.append((rows, cols))
        return image[rows, cols]

    found = segment(net, image, None, NORMALISATION, tile_px=160)
    blocks = list(segment_blocks(net, read, (300, 210), None, NORMALISATION, tile_px=160))
    assert len(blocks) == len(asked) == found.tiles > 4
    assert all(0 <= rows.start < rows.stop <= 300 and 0 <= cols.start < cols.stop <= 210 for rows, cols in asked)
    assert [block.rows.start for block in blocks] == sorted(block.rows.start for block in blocks)
    count = np.zeros(found.labels.shape, int)
    for block in blocks:
        count[block.rows, block.cols] += 1
        np.testing.assert_array_equal(block.labels, found.labels[block.rows, block.cols])
    assert (count == 1).all()


def test_a_net_that_is_left_half_way_comes_back_in_its_mode(rng: np.random.Generator):
    net = _net(SAME, areas=0).train()
    image = rng.integers(0, 256, (300, 210), dtype=np.uint8)
    blocks = segment_blocks(net, lambda rows, cols: image[rows, cols], (300, 210), None, NORMALISATION, tile_px=160)
    next(blocks)
    assert not net.training
    blocks.close()
    assert net.training
