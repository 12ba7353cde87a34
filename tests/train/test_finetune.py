import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from gennari.apply.segment import segment
from gennari.data.area_batches import LabelledSection
from gennari.data.augmentation import Augmentation
from gennari.data.pixels import Normalisation
from gennari.errors import InputError
from gennari.execute import Tick
from gennari.nets.area_unet import AreaUNet
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import PRESETS, TextureConfig
from gennari.nets.weights import load_area_unet, read_tensors, save_net
from gennari.records import IGNORE
from gennari.train.finetune import FinetuneResult, finetune, window_grid
from gennari.train.settings import FinetuneSettings, Optimiser, Phase

CONFIG = TextureConfig(spacing_um=32, patch_px=16, channels=(4, 6), convs=(1, 1), padding="same", features=8)
SETTINGS = FinetuneSettings(
    phases=(
        Phase(steps=6, rate=0.05, schedule="constant"),
        Phase(steps=8, rate=0.02, schedule="one-cycle", atlas=True, atlas_rate_factor=4.0),
    ),
    batch=8,
    window_px=32,
    atlas_widths=(2, 2),
    log_every=4,
    checkpoint_every=3,
    augmentation=Augmentation(mirror=0.5),
)
NORMALISATION = Normalisation(mean=0.5, std=0.2)


def _section(rng: np.random.Generator) -> LabelledSection:
    """Dark left, bright right; a band is not annotated; the prior says the same."""
    image = np.where(np.arange(60) < 30, 60, 190) + rng.normal(0, 10, (80, 60))
    labels = np.tile((np.arange(30) >= 15).astype(np.uint8), (40, 1))
    prior = np.stack([labels == 0, labels == 1]).astype(np.float16)
    labels[10:20] = IGNORE
    return LabelledSection(image=image.astype(np.uint8), labels=labels, prior=prior)


@pytest.fixture
def sections(rng: np.random.Generator) -> list[LabelledSection]:
    return [_section(rng) for _ in range(2)]


def _train(
    sections: list[LabelledSection],
    out: Path,
    settings: FinetuneSettings = SETTINGS,
    init: Path | None = None,
    stop_at: int | None = None,
) -> FinetuneResult:
    def tick(tick: Tick) -> None:
        if tick.done == stop_at:
            raise KeyboardInterrupt

    fabric = Fabric(accelerator="cpu", devices=1)
    return finetune(settings, CONFIG, sections, NORMALISATION, init, out, tick, classes=3, fabric=fabric)


def _weights(result: FinetuneResult) -> dict[str, torch.Tensor]:
    return read_tensors(result.weights)[0]


@pytest.mark.parametrize("stop_at", [2, 5, 6, 10, 14])
def test_a_killed_and_resumed_run_ends_with_the_same_bits(stop_at: int, sections: list, tmp_path: Path):
    straight = _train(sections, tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        _train(sections, tmp_path / "killed", stop_at=stop_at)
    resumed = _train(sections, tmp_path / "killed")
    a, b = _weights(straight), _weights(resumed)
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert straight.history == resumed.history


@pytest.mark.slow
def test_windows_that_a_loader_makes_train_the_same_network(sections: list, tmp_path: Path):
    ahead = SETTINGS.model_copy(update={"loaders": 1})
    one, other = _train(sections, tmp_path / "here"), _train(sections, tmp_path / "ahead", ahead)
    assert all(torch.equal(value, _weights(other)[name]) for name, value in _weights(one).items())
    assert one.history == other.history
    assert all(0 < row.data_wait_share < 1 for row in (*one.history, *other.history))
    # how batches are made does not tell two runs apart
    assert _train(sections, tmp_path / "here", ahead, stop_at=1).history == one.history


def test_the_network_learns_what_is_annotated_and_segments_with_it(sections: list, tmp_path: Path):
    settings = SETTINGS.model_copy(update={"phases": (Phase(steps=60, rate=0.05, schedule="one-cycle"),)})
    result = _train(sections, tmp_path, settings)
    assert result.history[-1].accuracy > 0.95
    assert result.history[-1].loss < 0.5 * result.history[0].loss
    out = segment(load_area_unet(result.weights), sections[0].image, None, NORMALISATION)
    known = sections[0].labels != IGNORE
    assert (out.labels == sections[0].labels)[known].mean() > 0.95


def test_rows_end_with_their_phase(sections: list, tmp_path: Path):
    history = _train(sections, tmp_path).history
    assert [(row.phase, row.step) for row in history] == [(0, 4), (0, 6), (1, 10), (1, 14)]
    assert [row.rate for row in history[:2]] == [0.05, 0.05]


def test_the_atlas_branch_rests_in_the_phase_without_it(sections: list, tmp_path: Path):
    first = SETTINGS.phases[0]
    one = _weights(_train(sections, tmp_path / "1", SETTINGS.model_copy(update={"phases": (first,)})))
    none = SETTINGS.model_copy(update={"phases": (first.model_copy(update={"steps": 1, "rate": 1e-9}),)})
    start = _weights(_train(sections, tmp_path / "0", none))
    both = _weights(_train(sections, tmp_path / "2"))
    for name in (name for name in one if name.startswith("atlas.")):
        assert torch.equal(one[name], start[name])
    assert not torch.equal(both["atlas.0.conv1.weight"], start["atlas.0.conv1.weight"])


def test_the_atlas_branch_has_its_own_rate(sections: list, tmp_path: Path):
    def moved(factor: float) -> float:
        phase = Phase(steps=1, rate=0.01, schedule="constant", atlas=True, atlas_rate_factor=factor)
        plain = Optimiser(momentum=0.0)
        settings = SETTINGS.model_copy(update={"phases": (phase,), "optimiser": plain})
        still = settings.model_copy(update={"phases": (phase.model_copy(update={"rate": 1e-12}),)})
        after, before = (
            _weights(_train(sections, tmp_path / f"{factor}{name}", s)) for name, s in (("a", settings), ("b", still))
        )
        return float((after["atlas.0.conv1.weight"] - before["atlas.0.conv1.weight"]).norm())

    assert moved(8.0) == pytest.approx(8 * moved(1.0), rel=1e-2)


def test_only_the_texture_branch_starts_differently_when_pre_trained(sections: list, tmp_path: Path):
    save_net(tmp_path / "s.safetensors", SiameseNet(CONFIG, torch.Generator().manual_seed(9)))
    still = SETTINGS.model_copy(update={"phases": (Phase(steps=1, rate=1e-12, schedule="constant"),)})
    scratch = _weights(_train(sections, tmp_path / "a", still))
    warm = _weights(_train(sections, tmp_path / "b", still, tmp_path / "s.safetensors"))
    pretrained = read_tensors(tmp_path / "s.safetensors")[0]
    torch.testing.assert_close(warm["texture.stem.weight"], pretrained["texture.stem.weight"])
    assert not torch.allclose(warm["texture.stem.weight"], scratch["texture.stem.weight"])
    torch.testing.assert_close(warm["classify.weight"], scratch["classify.weight"])
    torch.testing.assert_close(warm["ups.0.weight"], scratch["ups.0.weight"])


def test_a_frozen_texture_branch_stays_as_it_came(sections: list, tmp_path: Path):
    save_net(tmp_path / "s.safetensors", SiameseNet(CONFIG, torch.Generator().manual_seed(9)))
    settings = SETTINGS.model_copy(update={"freeze_texture": True})
    after = _weights(_train(sections, tmp_path / "a", settings, tmp_path / "s.safetensors"))
    pretrained = read_tensors(tmp_path / "s.safetensors")[0]
    assert all(torch.equal(after[name], pretrained[name]) for name in after if name.startswith("texture."))


def test_a_light_decoder_on_a_frozen_branch_learns_its_linear_layer_alone(sections: list, tmp_path: Path):
    save_net(tmp_path / "s.safetensors", SiameseNet(CONFIG, torch.Generator().manual_seed(9)))
    settings = SETTINGS.model_copy(update={"freeze_texture": True, "decoder": "light", "atlas_widths": ()})
    settings = settings.model_copy(update={"phases": (Phase(steps=4, rate=0.05),)})
    result = _train(sections, tmp_path / "a", settings, tmp_path / "s.safetensors")
    after, net = _weights(result), AreaUNet(CONFIG, 3, 0, (), torch.Generator().manual_seed(settings.seed), "light")
    before = net.state_dict() | read_tensors(tmp_path / "s.safetensors")[0]
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert moved == {"classify.levels.0.weight", "classify.levels.0.bias", "classify.levels.1.weight"}
    assert load_area_unet(result.weights).decoder == "light"


def test_micro_batches_give_the_same_windows_and_nearly_the_same_loss(sections: list, tmp_path: Path):
    settings = SETTINGS.model_copy(update={"micro_batch": 4})
    a, b = _train(sections, tmp_path / "a", settings), _train(sections, tmp_path / "b")
    assert a.history[-1].loss == pytest.approx(b.history[-1].loss, rel=0.3)
    assert a.history[-1].loss != b.history[-1].loss


def test_a_loss_that_is_not_finite_names_step_and_windows(sections: list, tmp_path: Path):
    prior = np.full_like(sections[0].prior, np.nan)
    broken = [dataclasses.replace(s, prior=prior, name=name) for s, name in zip(sections, ("B 3", ""), strict=True)]
    with pytest.raises(InputError, match=r"at step 6 of finetune it was nan for windows (B 3|section 1) at \(-?\d+, "):
        _train(broken, tmp_path)


def test_an_atlas_phase_without_a_prior_is_refused(sections: list, tmp_path: Path):
    bare = [dataclasses.replace(section, prior=None) for section in sections]
    with pytest.raises(ValueError, match="needs sections with a prior"):
        _train(bare, tmp_path)


def test_other_labels_or_weights_are_another_run(sections: list, tmp_path: Path):
    _train(sections, tmp_path)
    save_net(tmp_path / "s.safetensors", SiameseNet(CONFIG))
    with pytest.raises(InputError, match="same settings and data"):
        _train(sections, tmp_path, init=tmp_path / "s.safetensors")
    labels = sections[0].labels.copy()
    labels[0, 0] = 2
    with pytest.raises(InputError, match="same settings and data"):
        _train([dataclasses.replace(sections[0], labels=labels), sections[1]], tmp_path)


def test_the_window_grid_of_s2_lies_on_the_sections_grids():
    grid = window_grid(PRESETS["s2"], 2043)
    assert (grid.output_px, grid.stride_px, grid.image_before_px) == (644, 2, 377)
    assert (grid.atlas_px, grid.atlas_before_px, grid.atlas_stride_px) == (1020, 188, 1)
