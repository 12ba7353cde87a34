"""Recipes: frozen values that fit together, found by name."""

import inspect
import tomllib

import pytest
import tomli_w
from pydantic import ValidationError

from gennari.cli.sample import sample
from gennari.data.augmentation import Augmentation
from gennari.errors import InputError
from gennari.nets.field_of_view import field_of_view_um
from gennari.nets.sizes import PRESETS, output_spacing_um, unet_sizes
from gennari.pipeline.cell_work import lengthened
from gennari.recipes.comparisons import comparison
from gennari.recipes.experiment import Experiment, changed
from gennari.recipes.phantoms import PHANTOMS, phantom_settings
from gennari.recipes.presets import DEMO, EXPERIMENTS, TINY, experiment
from gennari.recipes.tables import REPRODUCTIONS, reproduction
from gennari.train.settings import PretrainSettings, learning_rate

SEALED = "sealed"
"""The phantom that is only ever tested on; the recipe of the others serves it."""
OF_THE_PAPER = {"paper-2018": 200_000, "paper-2018-20k": 20_000}
"""Recipes for a user's own sections, and their patches."""


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_recipe_survives_its_config_file(name):
    recipe = experiment(name)
    text = tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True))
    assert Experiment.model_validate(tomllib.loads(text)) == recipe


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_recipe_is_named_as_it_is_asked_for_and_all_but_the_papers_have_a_phantom(name):
    assert experiment(name).name == name
    assert (name in PHANTOMS) == (name not in OF_THE_PAPER)
    assert name != SEALED


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_windows_and_atlas_fit_the_network(name):
    recipe = experiment(name)
    assert unet_sizes(recipe.texture, recipe.finetune.window_px).output_px > 0
    assert len(recipe.finetune.atlas_widths) == len(recipe.texture.channels)


@pytest.mark.parametrize("name", PHANTOMS)
def test_network_and_phantom_fit_each_other(name):
    recipe, settings = experiment("default" if name == SEALED else name), phantom_settings(name)
    assert recipe.texture.spacing_um % settings.spacing_um == 0
    assert output_spacing_um(recipe.texture) % max(64.0, settings.spacing_um) == 0


@pytest.mark.parametrize("name", sorted(set(PHANTOMS) - {"borders-small", SEALED}))
def test_a_phantom_has_one_pretext_brain_and_four_labelled_ones(name):
    roles = [plan.role for plan in phantom_settings(name).brains]
    assert sorted(roles) == ["labelled"] * 4 + ["pretext"]


@pytest.mark.parametrize("name", ["default", "easy", "hard"])
def test_the_default_plan_has_111_annotated_sections_and_holds_some_out_twice(name):
    plan = {brain.name: brain.sections for brain in phantom_settings(name).brains}
    assert plan == {"P": 240, "A": 28, "B": 28, "C": 28, "D": 27}
    split = experiment(name).area_split
    assert split.val_share > 0
    assert split.draws > 1


def test_borders_are_looked_for_on_the_unlabelled_brain_of_the_default_phantom():
    borders, default = phantom_settings("borders-small"), phantom_settings("default")
    assert borders.model_copy(update={"brains": default.brains}) == default
    assert borders.brains == default.brains[:1]
    recipe = experiment("borders-small")
    assert recipe.patches.orientation == "upright"
    assert recipe.pretrain.keep_every


def test_the_default_recipe_is_what_won_the_comparison():
    recipe, comparing = experiment("default"), comparison("small")
    won, base = comparing.objective("soft-contrast-short"), comparing.base.experiment
    assert won.patches == "pretext"
    assert recipe.pretrain == won.settings
    assert recipe.finetune == lengthened(base.finetune, won.steps_factor)
    same = {"pretrain": recipe.pretrain, "finetune": recipe.finetune, "name": recipe.name}
    assert base.model_copy(update=same) == recipe
    assert recipe.pretrain.contrast_alone
    assert experiment("paper-2018").pretrain.use_distance
    assert inspect.signature(sample).parameters["preset"].default == recipe.name


def test_the_sealed_brain_has_the_default_phantoms_tissue_and_is_none_of_its_five():
    sealed, default = phantom_settings(SEALED), phantom_settings("default")
    assert sealed.model_copy(update={"brains": default.brains}) == default
    (brain,) = sealed.brains
    assert (brain.name, brain.role, brain.sections, brain.first) == ("E", "labelled", 28, 0.5)
    assert brain.individual == len(default.brains)
    assert brain.name not in {plan.name for plan in default.brains}


def test_plans_are_written_as_before_where_no_individual_is_asked_for():
    for name, settings in PHANTOMS.items():
        for plan in settings.brains:
            assert ("individual" in plan.model_dump()) == ("individual" in plan.model_dump_json()) == (name == SEALED)
        assert type(settings).model_validate_json(settings.model_dump_json()) == settings


def test_settings_are_written_as_before_where_no_weights_are_kept_on_the_way():
    for recipe in EXPERIMENTS.values():
        written = recipe.pretrain.model_dump()
        assert ("keep_every" in written) == (recipe.name == "borders-small")
        assert PretrainSettings.model_validate(written) == recipe.pretrain


def test_easy_default_and_hard_differ_in_their_tissue_alone_and_the_demo_is_easy():
    easy, default, hard = (phantom_settings(name) for name in ("easy", "default", "hard"))
    assert easy.area_contrast >= default.area_contrast > hard.area_contrast
    assert easy.gradient > default.gradient >= hard.gradient
    assert easy.density_sd < default.density_sd < hard.density_sd
    for settings in (easy, hard):
        same = {"area_contrast", "gradient", "density_sd", "boundary_sd", "border_sd_mm"}
        assert settings.model_dump(exclude=same) == default.model_dump(exclude=same)
    assert phantom_settings("demo").model_dump(exclude={"brains"}) == easy.model_dump(exclude={"brains"})


def test_the_demos_network_sees_layers_and_not_the_folding():
    output_um, _ = field_of_view_um(DEMO.texture)
    assert 2500 <= output_um <= 5500


def test_fine_tuning_is_first_without_and_then_with_the_atlas():
    for recipe in EXPERIMENTS.values():
        assert [phase.atlas for phase in recipe.finetune.phases] == [False, True]


def test_tiny_is_the_demo_with_less_of_everything():
    assert TINY.finetune.phases[0].steps < DEMO.finetune.phases[0].steps
    assert TINY.patches.count < DEMO.patches.count
    assert TINY.pretrain.optimiser == DEMO.pretrain.optimiser


@pytest.mark.parametrize(("name", "epochs"), [("paper-2018", 16), ("paper-2018-20k", 50)])
def test_the_papers_recipe_holds_what_the_paper_prints_of_the_pretext_task(name, epochs):
    recipe = experiment(name)
    assert (recipe.texture.spacing_um, recipe.texture.patch_px, recipe.texture.features) == (2, 1019, 32)
    assert (recipe.pretext_split.kind, recipe.pretext_split.every) == ("paper", 12)
    assert recipe.patches.count == OF_THE_PAPER[name]
    assert recipe.patches.min_plane_angle_deg == 90 - 45
    assert recipe.patches.orientation == "upright"
    assert not recipe.pairs.cross_hemisphere
    task = recipe.pretrain
    assert (task.epochs, task.alpha, task.weight_penalty, task.distance_scale_mm) == (epochs, 10, 0.001, 1)
    assert task.use_distance
    assert task.use_coordinates
    assert not task.further
    phase = task.phase(100)
    rates = [learning_rate(phase, 100 * epoch) for epoch in (0, 2, 3, 5, 6, 15)]
    assert rates == [0.01, 0.01, 0.005, 0.005, 0.0025, 0.01 / 32]
    assert learning_rate(phase, 299) == 0.01
    assert (task.optimiser.name, task.optimiser.momentum, task.optimiser.nesterov) == ("sgd", 0.9, True)
    assert (task.optimiser.weight_decay, task.optimiser.clip_norm) == (0, None)
    assert task.augmentation == recipe.finetune.augmentation == Augmentation()


def test_the_papers_recipe_holds_what_the_paper_prints_of_fine_tuning():
    recipe = experiment("paper-2018")
    task = recipe.finetune
    first, second = task.phases
    assert (first.steps, first.atlas, second.steps, second.atlas) == (8000, False, 10_000, True)
    steps = (0, 2999, 3000, 4999, 5000, 5999, 6000, 7999)
    halvings = (1, 1, 2, 2, 4, 4, 8, 8)
    assert [learning_rate(first, step) for step in steps] == [0.05 / by for by in halvings]
    assert [learning_rate(second, step) for step in (*steps, 9999)] == [0.025 / by for by in (*halvings, 8)]
    assert second.rate * second.atlas_rate_factor == pytest.approx(0.25)
    assert (task.batch, task.micro_batch, task.window_px, task.classes_even) == (40, None, 2043, False)
    assert (task.optimiser.name, task.optimiser.momentum, task.optimiser.nesterov) == ("sgd", 0.9, True)
    sizes = unet_sizes(recipe.texture, task.window_px)
    assert sizes.output_px * output_spacing_um(recipe.texture) / 1000 == pytest.approx(2.58, abs=0.005)
    assert experiment("paper-2018-20k").finetune == task


@pytest.mark.parametrize("find", [experiment, phantom_settings])
def test_an_unknown_name_is_answered_with_those_there_are(find):
    with pytest.raises(InputError, match=r"must be one of demo, .*tiny.*, got 'dmeo'; check --preset"):
        find("dmeo")


def test_recipes_cannot_be_changed_or_extended():
    with pytest.raises(ValidationError, match="frozen"):
        DEMO.seed = 1
    with pytest.raises(TypeError, match="item assignment"):
        EXPERIMENTS["mine"] = DEMO  # pyright: ignore[reportIndexIssue]
    with pytest.raises(ValidationError, match="sede"):
        Experiment.model_validate({**DEMO.model_dump(), "sede": 1})


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_recipe_is_valid_as_a_whole(name):
    recipe = experiment(name)
    assert Experiment.model_validate(recipe.model_dump()) == recipe
    assert changed(recipe) == recipe


def test_a_recipe_is_changed_by_parts_and_what_is_none_stays():
    recipe = changed(DEMO, patches={"count": 500, "min_quality": None}, area_split={"kind": "lobo", "held_out": "D"})
    assert recipe.patches == DEMO.patches.model_copy(update={"count": 500})
    assert (recipe.area_split.kind, recipe.area_split.held_out) == ("lobo", "D")
    assert recipe.pretext_split == DEMO.pretext_split


def test_a_change_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match=r"recipe 'demo' as changed by options: 'patches.min_tissue' does not fit"):
        changed(DEMO, patches={"min_tissue": 2})
    with pytest.raises(InputError, match=r"unknown key 'patches\.cuont'; did you mean 'count'"):
        changed(DEMO, patches={"cuont": 2})


@pytest.mark.parametrize("name", REPRODUCTIONS)
def test_a_table_has_sections_to_choose_rates_by_and_networks_that_fit(name):
    table = reproduction(name)
    assert table.name == name
    recipe = table.experiment
    assert recipe.area_split.val_share > 0
    assert table.few < recipe.patches.count
    assert len(set(table.seeds)) == len(table.seeds) >= 2
    assert set(table.control_seeds) <= set(table.seeds)
    assert unet_sizes(recipe.texture, recipe.finetune.window_px).output_px > 0
    assert len(recipe.finetune.atlas_widths) == len(recipe.texture.channels)
    assert not recipe.finetune.phases[0].atlas
    assert recipe.finetune.phases[1].atlas


def test_the_paper_s_table_has_its_own_numbers():
    paper = reproduction("paper")
    assert paper.experiment == experiment("paper-2018")
    assert (paper.few, paper.few_epochs) == (20_000, 50)
    full = reproduction("full").experiment
    assert full.texture == PRESETS["s2"]
    assert full.patches.count == 200_000


def test_an_unknown_table_is_named():
    with pytest.raises(InputError, match="a table must be one of small, full, paper, tiny, got 'big'"):
        reproduction("big")
