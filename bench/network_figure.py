"""Draws both networks of a recipe with their sizes, read off the built modules: docs/images/networks.png.

python bench/network_figure.py --recipe paper-2018
"""

import argparse
from pathlib import Path

import torch

from gennari.nets.area_unet import AreaUNet
from gennari.nets.siamese import SiameseNet
from gennari.phantom.layers import LABEL_SET
from gennari.recipes.presets import experiment
from gennari.report.network_figures import network_figure
from gennari.report.style import to_png
from gennari.sources.atomic import atomic_path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/images/networks.png"))
    parser.add_argument("--recipe", default="paper-2018", help="the experiment whose networks are drawn")
    given = parser.parse_args()
    recipe = experiment(given.recipe)
    with torch.device("meta"):
        siamese = SiameseNet(recipe.texture, further=tuple(recipe.pretrain.further))
        unet = AreaUNet(recipe.texture, len(LABEL_SET.names), len(LABEL_SET.areas), recipe.finetune.atlas_widths)
    figure = network_figure(siamese, unet, recipe.finetune.window_px)
    with atomic_path(given.out) as temporary:
        temporary.write_bytes(to_png(figure, 100))


if __name__ == "__main__":
    main()
