"""The process's global random generators. Our batches draw from none of them; a layer such as dropout does."""

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor


def generator_states(device: torch.device) -> dict[str, Tensor]:
    """The states of the global generators of torch, numpy and Python, and of the CUDA device if it is one; as bytes."""
    kind, key, *rest = np.random.get_state(legacy=True)
    states = {
        "torch": torch.get_rng_state(),
        "numpy": _bytes([kind, np.asarray(key).tolist(), *rest]),
        "python": _bytes(random.getstate()),
    }
    return states | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def restore_generators(states: Mapping[str, Tensor], device: torch.device) -> None:
    """Set the generators to these states; CUDA's only where there are both, a device and its state."""
    torch.set_rng_state(states["torch"])
    kind, key, *rest = _plain(states["numpy"])
    np.random.set_state((kind, np.array(key, np.uint32), *rest))
    version, internal, gauss = _plain(states["python"])
    random.setstate((version, tuple(internal), gauss))
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)


@contextmanager
def own_generators(seed: int, fabric: Fabric, go_on: Mapping[str, Tensor] | None = None) -> Iterator[None]:
    """Give the global generators to a training for the block; afterwards they are as they were.

    Args:
        seed: what they start from; each rank has a stream of its own.
        fabric: rank and device.
        go_on: states to start from instead.
    """
    before = generator_states(fabric.device)
    start = int(np.random.SeedSequence((seed, fabric.global_rank)).generate_state(1)[0])
    torch.manual_seed(start)
    np.random.seed(start)
    random.seed(start)
    if go_on is not None:
        restore_generators(go_on, fabric.device)
    try:
        yield
    finally:
        restore_generators(before, fabric.device)


def _bytes(value: object) -> Tensor:
    return torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)


def _plain(state: Tensor) -> list:
    return json.loads(bytes(state.numpy()))
