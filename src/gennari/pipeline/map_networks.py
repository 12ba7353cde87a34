"""The networks that segment a run's sections: both that were fine-tuned, or those of a finished model."""

from collections.abc import Mapping

from gennari.data.pixels import Normalisation
from gennari.nets.area_unet import AreaUNet
from gennari.nets.weights import load_area_unet
from gennari.pipeline.learning import VARIANTS, normalisation, weights_path
from gennari.pipeline.models import used_model
from gennari.pipeline.stages import Run

MODEL = "model"
"""What maps of a finished model are filed under, beside the run's own VARIANTS."""


def map_networks(run: Run) -> tuple[Mapping[str, AreaUNet], Normalisation]:
    """The networks by variant, and the grey values they expect.

    Raises:
        InputError: weights are missing or damaged.
    """
    model = used_model(run)
    if model is not None:
        return {MODEL: model.net()}, model.normalisation
    trusted = run.experiment.texture.encoder
    return {variant: load_area_unet(weights_path(run, variant), trusted) for variant in VARIANTS}, normalisation(run)
