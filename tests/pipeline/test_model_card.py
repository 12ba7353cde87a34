import pytest
import yaml

from gennari.pipeline.evaluation import Summary
from gennari.pipeline.export_model import model_config
from gennari.pipeline.learning import weights_path
from gennari.pipeline.model_card import is_non_commercial, licence_words, model_card
from gennari.sources.documents import read_json


@pytest.fixture(scope="module")
def config(finished):
    return model_config(finished, "pretrained", weights_path(finished, "pretrained"))


@pytest.mark.parametrize(
    ("licence", "non_commercial", "share_alike"),
    [
        ("CC BY-NC-SA 4.0", True, True),
        ("CC BY-NC 4.0", True, False),
        ("CC BY-SA 4.0", False, True),
        ("Creative Commons Attribution-NonCommercial-ShareAlike", True, True),
        ("for non-commercial use", True, False),
        ("CC BY 4.0", False, False),
        ("FreeSurfer software licence (MGH SAIL and NCBI)", False, False),
    ],
)
def test_a_licence_says_what_it_means_for_weights(licence, non_commercial, share_alike):
    words = licence_words(licence)
    assert is_non_commercial(licence) == non_commercial
    assert ("non-commercial purposes only" in words) == non_commercial
    assert ("passed on under the same licence" in words) == share_alike
    assert ("names neither a ban" in words) == (not non_commercial and not share_alike)
    assert words.startswith(f"Training data: {licence}.")


def test_a_card_has_the_header_of_a_model_hub_and_every_chapter(config):
    card = model_card(config.model_copy(update={"data_licence": "surfaces: CC BY-NC-SA 4.0"}), None)
    _, header, body = card.split("---\n", 2)
    assert yaml.safe_load(header)["license"] == "cc-by-nc-sa-4.0"
    assert yaml.safe_load(header)["library_name"] == "gennari"
    for chapter in ("Intended use", "Licence", "What was measured", "How to use it", "Where it comes from", "Citation"):
        assert f"## {chapter}\n" in body
    assert "Not for diagnosis" in body
    assert config.weights_sha256 in body
    assert "was not evaluated" in body


def test_figures_on_a_card_are_those_of_the_evaluation(config, finished):
    summary = read_json(finished.path("summary.json"), Summary)
    card = model_card(config, summary)
    found = summary.methods["pretrained"]
    assert f"| Dice, mean over areas | {found.dice:.3f} |" in card
    assert f"| err_seg (Yasnoff 1977) | {found.err_seg:.2f} |" in card
    label_set = finished.dataset.label_set
    for name, dice in zip(label_set.names, found.dice_by_class, strict=True):
        line = f"| Dice of {name} | {'not on these sections' if dice is None else f'{dice:.3f}'} |"
        assert (line in card) == (name in label_set.areas)


def test_a_model_of_synthetic_sections_says_so(config):
    assert config.synthetic
    assert "It has seen synthetic sections only" in model_card(config, None)
    assert "synthetic" not in model_card(config.model_copy(update={"synthetic": False}), None)


def test_a_baselines_card_does_not_speak_of_pre_training(config):
    assert "began with random weights" in model_card(config.model_copy(update={"variant": "baseline"}), None)
    assert "began with the Siamese network" in model_card(config, None)


def test_a_card_names_an_encoder_that_is_not_the_papers(config):
    assert "A U-Net that gives one of" in model_card(config, None)
    texture = config.net.config.model_copy(update={"encoder": "residual"})
    other = config.model_copy(update={"net": config.net.model_copy(update={"config": texture})})
    assert "A U-Net with encoder residual that gives one of" in model_card(other, None)
