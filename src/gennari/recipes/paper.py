"""The paper's own numbers, each field's departure beside it."""

from gennari.nets.sizes import PRESETS
from gennari.recipes.experiment import Experiment
from gennari.sampling.pairs import PairSettings
from gennari.sampling.settings import PatchSettings
from gennari.sampling.split import SplitSettings
from gennari.train.settings import FinetuneSettings, Optimiser, Phase, PretrainSettings

PAPER_2018 = Experiment(
    name="paper-2018",
    # printed: 1/12 of the sections is held out for the pretext task
    pretext_split=SplitSettings(kind="paper", every=12),
    # not printed: how the 111 sections were split; here runs with guard bands, so that no tested one has a neighbour
    # in training
    area_split=SplitSettings(blocks=2, draws=200),
    # printed: 200,000 patches from the centre of cortex cut at 90 +- 45 degrees; sections 0-3000, which the data set's
    # list of sections says. Not printed: how near the centre, how much tissue; upright is of the authors' scripts
    patches=PatchSettings(
        count=200_000, min_plane_angle_deg=45.0, min_tissue=0.0, min_quality="poor", orientation="upright"
    ),
    # printed: as many pairs as patches, within a hemisphere, degrees by a power law. Departure: few hubs carry it, so
    # that 2,000 sources of distances do instead of 28,000
    pairs=PairSettings(),
    # printed: 2 um, 1019 px. The stem's ReLU is ours; widths are of the authors' scripts
    texture=PRESETS["s2"],
    # printed: all but batch, momentum, unit of distance (mm, as its figure's axis has it) and the norm's square, which
    # its words, L2 regularisation with a weight decay factor, mean and its formula leaves out (squared_norm=False)
    pretrain=PretrainSettings(
        epochs=16,
        rate=0.01,
        schedule="halving",
        halve_every=3,
        optimiser=Optimiser(name="sgd", momentum=0.9, nesterov=True),
        alpha=10.0,
        weight_penalty=0.001,
        distance_scale_mm=1.0,
    ),
    # printed: all but momentum and the atlas branch's widths (here the image branch's). Departure: windows of 2043 px,
    # since no net of valid convolutions takes both its 1019 and its 2025; 644 px of 4 um come out
    finetune=FinetuneSettings(
        phases=(
            Phase(steps=8000, rate=0.05, halve_at=(3000, 5000, 6000)),
            Phase(steps=10_000, rate=0.025, halve_at=(3000, 5000, 6000), atlas=True, atlas_rate_factor=10.0),
        ),
        batch=40,
        window_px=2043,
        classes_even=False,
        atlas_widths=PRESETS["s2"].channels,
        optimiser=Optimiser(name="sgd", momentum=0.9, nesterov=True),
    ),
)
"""Spitzer et al. 2018 as printed (sections 3.1 and 3.2); for a user's own sections, it has no phantom."""

# printed: a tenth of the patches for 50 epochs; that the rate halves every 3 of these too is read from the text
PAPER_2018_20K = PAPER_2018.model_copy(
    update={
        "name": "paper-2018-20k",
        "patches": PAPER_2018.patches.model_copy(update={"count": 20_000}),
        "pretrain": PAPER_2018.pretrain.model_copy(update={"epochs": 50}),
    }
)
