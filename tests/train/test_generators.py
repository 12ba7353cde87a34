import random

import numpy as np
import pytest
import torch

from gennari.train.generators import generator_states, own_generators, restore_generators

CPU = torch.device("cpu")


def _draw() -> list[float]:
    return [float(torch.randn(())), float(np.random.normal()), random.gauss(0, 1), random.random()]


def test_restored_generators_draw_the_same_again():
    _draw()  # numpy and Python keep the second of two Gaussian numbers for later
    states = generator_states(CPU)
    first = _draw() + _draw()
    restore_generators(states, CPU)
    assert _draw() + _draw() == first


def test_a_training_leaves_the_generators_as_it_found_them(cpu):
    states = generator_states(CPU)
    expected = _draw()
    restore_generators(states, CPU)
    with own_generators(3, cpu):
        _draw()
    assert _draw() == expected
    restore_generators(states, CPU)
    with pytest.raises(ZeroDivisionError), own_generators(3, cpu):
        _ = _draw()[0] / 0
    assert _draw() == expected


def test_a_training_draws_by_its_seed_alone(cpu):
    def drawn(seed: int) -> list[float]:
        with own_generators(seed, cpu):
            return _draw()

    assert drawn(3) == drawn(3)
    assert not set(drawn(3)) & set(drawn(4))


def test_a_training_can_go_on_from_given_states(cpu):
    with own_generators(3, cpu):
        _draw()
        states, expected = generator_states(CPU), _draw()
    with own_generators(3, cpu, states):
        assert _draw() == expected
