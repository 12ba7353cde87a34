"""Put a run's exported model into this checkout's package, where `gennari segment` finds it: part of making a release.

gennari demo --out D
gennari export D/run --what model
python bench/ship_model.py D/run/export/pretrained/model
"""

import argparse
import json
from pathlib import Path

from gennari.pipeline.models import SHIPPED, shipped_folder
from gennari.pipeline.shipping import ship_model

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of an exported model")
    size = ship_model(parser.parse_args().model, shipped_folder())
    print(json.dumps({"model": SHIPPED, "megabytes": round(size, 3)}))
