"""What ranks tell each other; with real processes in test_processes.py."""

import copy

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from gennari.errors import InputError
from gennari.train.parallel import average_gradients, check_parts, gathered, joined_statistics


class Pretend(Fabric):
    """One of several ranks, which is told what the others would send."""

    def __init__(self, size: int, others: list | None = None):
        super().__init__(accelerator="cpu", devices=1)
        self.size, self.others, self.sent = size, list(others or []), []

    @property
    def world_size(self) -> int:
        return self.size

    def all_gather(self, data, group=None, sync_grads=False):
        self.sent.append(data)
        return self.others.pop(0) if self.others else torch.stack([data] * self.size)

    def all_reduce(self, data, group=None, reduce_op="mean"):
        assert reduce_op == "sum"
        return data + self.others.pop(0)


def test_more_processes_than_micro_batches_are_refused():
    check_parts({2, 1}, Pretend(2), sync_batch_norm=False)
    with pytest.raises(InputError, match="needs a micro-batch in a step, got 3 processes and 2 micro-batches; lower"):
        check_parts({2, 1}, Pretend(3), sync_batch_norm=False)


def test_synchronised_ranks_must_run_equally_many():
    check_parts({4, 2}, Pretend(2), sync_batch_norm=True)
    with pytest.raises(InputError, match=r"must be a multiple of the processes \(2\), got a step with 3"):
        check_parts({4, 3}, Pretend(2), sync_batch_norm=True)


def test_ranks_whose_contrast_waits_for_the_others_must_run_equally_many():
    check_parts({4, 2}, Pretend(2), sync_batch_norm=False, across_ranks=True)
    check_parts({4, 3}, Pretend(2), sync_batch_norm=False, across_ranks=False)
    with pytest.raises(InputError, match=r"with a contrast across_ranks a step's .* got a step with 3"):
        check_parts({4, 3}, Pretend(2), sync_batch_norm=False, across_ranks=True)


def test_a_process_alone_hears_itself(cpu):
    p = nn.Parameter(torch.ones(2))
    p.grad = torch.ones(2)
    average_gradients([p], 0.5, cpu)
    assert p.grad.tolist() == [1, 1]
    assert gathered("word", cpu) == ["word"]


def test_gradients_are_the_weighted_sum_and_what_no_rank_has_stays_none():
    both, only_here, only_there, nowhere = (nn.Parameter(torch.zeros(2)) for _ in range(4))
    both.grad, only_here.grad = torch.tensor([1.0, 2.0]), torch.tensor([4.0, 8.0])
    # the other rank weighs 3/4 and has gradients [10, 20] of the first and [4, 8] of the third
    other = torch.tensor([7.5, 15, 0, 0, 3, 6, 0, 0, 1, 0, 1, 0])
    average_gradients([both, only_here, only_there, nowhere], 0.25, Pretend(2, [other]))
    assert both.grad.tolist() == [7.75, 15.5]
    assert only_here.grad.tolist() == [1, 2]
    assert only_there.grad is not None
    assert only_there.grad.tolist() == [3, 6]
    assert nowhere.grad is None


def test_joined_statistics_are_those_of_one_process_that_runs_all(rng):
    start = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2), nn.BatchNorm1d(2, momentum=0.3))
    batches = [torch.from_numpy(rng.normal(i, 1 + i, (5, 3))).float() for i in range(6)]
    shares = [batches[:3], batches[3:5], batches[5:], []]  # four ranks, one idle
    alone = copy.deepcopy(start)
    for batch in batches:
        alone(batch)

    def told_by(share: list) -> list:
        fabric, net = Pretend(4), copy.deepcopy(start)
        with joined_statistics(net, fabric):
            for batch in share:
                net(batch)
        return fabric.sent

    values, counts = (torch.stack(rows) for rows in zip(*map(told_by, shares), strict=True))
    for share in shares:
        net = copy.deepcopy(start)
        with joined_statistics(net, Pretend(4, [values, counts])):
            for batch in share:
                net(batch)
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(net.state_dict()[name], value, rtol=1e-5, atol=1e-6)


def test_resting_norms_keep_their_statistics_exactly(rng):
    net = nn.Sequential(nn.BatchNorm1d(3)).eval()
    net[0].running_mean.copy_(torch.from_numpy(rng.normal(size=3)))
    before = copy.deepcopy(net.state_dict())
    with joined_statistics(net, Pretend(3)):
        net(torch.ones(4, 3))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
