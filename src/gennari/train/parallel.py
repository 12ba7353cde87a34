"""Several processes, one training: gradients averaged, batch norm statistics joined, small values gathered.

Torch's DistributedDataParallel is not used. A step's gradient is all-reduced here, once, in one piece: the weight
penalty and the gradient shares are taken outside of the wrapped forward, the atlas branch rests in some phases, the
texture branch may be frozen, and ranks may hold different numbers of micro-batches or none; each is a special case
there and none here. What is given up is the overlap of sending with computing; a gradient is 2 to 8 MB.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from gennari.errors import InputError

Value = TypeVar("Value")
BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d  # SyncBatchNorm is none of them


def check_parts(parts: set[int], fabric: Fabric, sync_batch_norm: bool, across_ranks: bool = False) -> None:
    """Refuse more processes than a step has micro-batches.

    Args:
        parts: the numbers of micro-batches that occur in a step.
        fabric: says how many processes there are.
        sync_batch_norm: whether batch norm waits for all ranks, which then must run equally many.
        across_ranks: whether the loss does.

    Raises:
        InputError: a process would never have work, or ranks would wait for each other for ever.
    """
    size = fabric.world_size
    if max(parts) < size:
        raise InputError(
            f"each process needs a micro-batch in a step, got {size} processes and {max(parts)} micro-batches; "
            "lower micro_batch or start fewer processes"
        )
    uneven = sorted(count for count in parts if count % size)
    if (sync_batch_norm or across_ranks) and uneven:
        what = "sync_batch_norm" if sync_batch_norm else "a contrast across_ranks"
        raise InputError(
            f"with {what} a step's micro-batches must be a multiple of the processes ({size}), got a step "
            f"with {uneven[0]}; choose another micro_batch or number of processes, or switch it off"
        )


def gathered(value: Value, fabric: Fabric) -> list[Value]:
    """Each rank's value, in the order of ranks; on every rank the same list."""
    if fabric.world_size == 1:
        return [value]
    values: list[Value | None] = [None] * fabric.world_size
    torch.distributed.all_gather_object(values, value)
    return values  # pyright: ignore[reportReturnType]


def gathered_rows(values: Tensor, fabric: Fabric) -> tuple[Tensor, int]:
    """The rows of all ranks, in their order, and where this one's begin; gradients go back to whose rows they are.

    Ranks may hold different numbers of rows; all must call it equally often. A row's gradient is the sum over ranks.
    """
    counts = fabric.all_gather(torch.tensor(len(values), device=values.device))
    assert isinstance(counts, Tensor)
    numbers = counts.flatten().tolist()
    padded = torch.cat([values, values.new_zeros(max(numbers) - len(values), *values.shape[1:])])
    everyone = fabric.all_gather(padded, sync_grads=values.requires_grad)
    assert isinstance(everyone, Tensor)
    rows = torch.cat([of_rank[:number] for of_rank, number in zip(everyone, numbers, strict=True)])
    return rows, sum(numbers[: fabric.global_rank])


def average_gradients(parameters: Sequence[nn.Parameter], weight: float, fabric: Fabric) -> None:
    """Replace each rank's gradients by their sum over ranks, weighted; one that no rank has stays None.

    Args:
        parameters: the same on every rank.
        weight: of this rank; weights of all ranks sum to 1.
        fabric: its processes.
    """
    if fabric.world_size == 1:
        return
    there = torch.tensor([float(p.grad is not None) for p in parameters], device=fabric.device)
    own = [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() * weight for p in parameters]
    total = fabric.all_reduce(torch.cat([*own, there]), reduce_op="sum")
    assert isinstance(total, Tensor)
    *pieces, held = total.split([*(p.numel() for p in parameters), len(parameters)])
    for p, piece, ranks in zip(parameters, pieces, held.tolist(), strict=True):
        if ranks:
            p.grad = torch.empty_like(p) if p.grad is None else p.grad
            p.grad.copy_(piece.view(p.shape))


@contextmanager
def joined_statistics(net: nn.Module, fabric: Fabric) -> Iterator[None]:
    """Let ranks run their micro-batches in the block; then running statistics are those of one process running all.

    A running statistic moves by r <- (1 - m) r + m x, so k micro-batches make r -> (1 - m)^k r + c. Each rank's c is
    read off its own result, and the ranks' maps are applied one after another: what remains is what a single process
    would have after all the micro-batches in the order of ranks, up to rounding, and the same on every rank.
    """
    norms = [m for m in net.modules() if isinstance(m, BatchNorm) and m.track_running_stats]
    if fabric.world_size == 1 or not norms:
        yield
        return
    start, tracked = _statistics(norms)
    yield
    now, counts = (fabric.all_gather(values) for values in _statistics(norms))
    assert isinstance(now, Tensor)
    assert isinstance(counts, Tensor)
    new = counts - tracked  # (ranks, norms)
    widths = [norm.num_features for norm in norms for _ in ("mean", "var")]
    keep = torch.tensor([1 - norm.momentum for norm in norms], device=new.device) ** new  # pyright: ignore
    kept = keep.repeat_interleave(2, dim=1).repeat_interleave(torch.tensor(widths, device=new.device), dim=1)
    joined = start
    for own_kept, own in zip(kept, now, strict=True):
        joined = own_kept * joined + (own - own_kept * start)
    pieces = joined.split(widths)
    for i, norm in enumerate(norms):
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.num_batches_tracked is not None
        norm.running_mean.copy_(pieces[2 * i])
        norm.running_var.copy_(pieces[2 * i + 1])
        norm.num_batches_tracked.copy_(tracked[i] + new[:, i].sum())


def _statistics(norms: Sequence[nn.Module]) -> tuple[Tensor, Tensor]:
    """(all means and variances in one row, number of batches seen by each norm)."""
    values = torch.cat([value for norm in norms for value in (norm.running_mean, norm.running_var)])  # pyright: ignore
    return values, torch.stack([norm.num_batches_tracked for norm in norms])  # pyright: ignore
