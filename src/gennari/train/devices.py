"""Where and how exactly a training computes: one Fabric for device, precision and processes."""

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from gennari.errors import InputError
from gennari.train.ranks import Ranks
from gennari.train.settings import Precision

ALONE = Ranks()


def fastest_device() -> torch.device:
    """Where a trained network is run: CUDA where there is a device, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def make_fabric(precision: Precision = "auto", ranks: Ranks = ALONE) -> Fabric:
    """A launched Fabric: CUDA where there is a device, else the CPU; one device for each process of torchrun's.

    Args:
        precision: "auto" is bf16 autocast on CUDA devices that have it, else float32.
        ranks: as torchrun started them.

    Raises:
        InputError: bf16 is asked for where it is not, or there are more processes than GPUs on this machine.
    """
    cuda = torch.cuda.is_available()
    able = cuda and torch.cuda.is_bf16_supported()
    if precision == "bf16" and not able:
        raise InputError(
            f"precision 'bf16' needs a CUDA device with bfloat16, got {'one without it' if cuda else 'the CPU'}, since "
            "elsewhere bfloat16 is emulated at best: less exact and no faster; use 'auto' or 'fp32'"
        )
    if cuda and ranks.local_size > torch.cuda.device_count():
        raise InputError(
            f"each process needs a GPU of its own, got {ranks.local_size} processes and {torch.cuda.device_count()} "
            "GPUs on this machine; lower --nproc-per-node"
        )
    fabric = Fabric(
        accelerator="cuda" if cuda else "cpu",
        devices=ranks.local_size,
        num_nodes=ranks.size // ranks.local_size,
        strategy="ddp" if ranks.size > 1 else "auto",
        precision="bf16-mixed" if able and precision != "fp32" else "32-true",
    )
    fabric.launch()
    return fabric


class InPrecision(nn.Module):
    """A net whose forward runs under Fabric's autocast; what comes out is float32, and so are losses made of it.

    Fabric's own wrapper is not used: it forbids torch.autograd.grad on the outputs under autocast (the gradient shares
    need it), and wraps the net for DDP (`parallel.py` says why we average gradients ourselves).
    """

    def __init__(self, net: nn.Module, fabric: Fabric) -> None:
        super().__init__()
        self.net = net
        self._autocast = fabric.autocast

    def forward(self, *inputs: Tensor | None) -> Tensor | tuple[Tensor, ...]:
        """The net's outputs in float32."""
        with self._autocast():
            out = self.net(*inputs)
        return out.float() if isinstance(out, Tensor) else tuple(part.float() for part in out)


def set_up(net: nn.Module, fabric: Fabric, sync_batch_norm: bool) -> InPrecision:
    """Move a net to its device and make it compute in Fabric's precision.

    Raises:
        InputError: batch norm is to be synchronised on the CPU.
    """
    if sync_batch_norm:
        if fabric.device.type != "cuda":
            raise InputError(
                f"sync_batch_norm needs CUDA, since torch's SyncBatchNorm refuses tensors of the CPU, got "
                f"{fabric.device.type}; switch it off, then batch norm sees one micro-batch of one process"
            )
        nn.SyncBatchNorm.convert_sync_batchnorm(net)  # replaces the layers inside `net`, names stay
    return InPrecision(fabric.to_device(net), fabric)
