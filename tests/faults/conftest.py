"""The toys must be found by name: spawned workers import the functions that they are handed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
