"""How well a network's features tell borders from the inside of areas on the unlabelled brain's held-out sections."""

from gennari.apply.borders import border_scores
from gennari.apply.confounds import confounds_of
from gennari.data.pixels import Normalisation
from gennari.execute import Report
from gennari.metrics.border_scores import auroc_parts, drawn_auroc
from gennari.nets.siamese import SiameseNet
from gennari.pipeline.border_detection import without_confounds
from gennari.pipeline.border_evaluation import labels_at, question_of
from gennari.pipeline.border_features import network_features
from gennari.pipeline.border_places import Ask, place_images, places_stage, read_asked_places
from gennari.pipeline.compare_cells import BorderSignal
from gennari.pipeline.stages import Run

_NAME = "network"


def prepare_borders(run: Run, tick: Report) -> None:
    """Have the places along the ribbon found, before workers ask for them."""
    places_stage(run, Ask(), tick)


def border_signal(run: Run, net: SiameseNet, grey: Normalisation, tick: Report) -> BorderSignal:
    """AUROC of the learned score, raw and with confounds out, as `gennari borders --evaluate` has it.

    Args:
        run: whose unlabelled brain has a truth; `prepare_borders` was called.
        net: pre-trained.
        grey: that of its training.
        tick: told how far it is.
    """
    ask = Ask()
    places = read_asked_places(run, ask)
    label = labels_at(ask.chosen(run), places, run.dataset.label_set)
    question = question_of(run, places, label, places.patches.split, ask.split)
    features = network_features({_NAME: net}, place_images(run, places), grey, "features", tick)[_NAME]
    score = border_scores(features, places)
    partial = without_confounds(score, confounds_of(places), question.train)
    found = [
        drawn_auroc(auroc_parts(values, question.truth, question.test, question.sections), question.drawn[:1])
        for values in (score, partial)
    ]
    return BorderSignal(auroc=round(float(found[0][0]), 4), auroc_partial=round(float(found[1][0]), 4))
