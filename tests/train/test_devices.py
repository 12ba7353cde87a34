import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from gennari.errors import InputError
from gennari.train.devices import fastest_device, make_fabric, set_up
from gennari.train.ranks import Ranks


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def old_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)


@pytest.mark.parametrize("precision", ["auto", "fp32"])
@pytest.mark.usefixtures("no_gpu")
def test_the_cpu_computes_in_float32(precision):
    fabric = make_fabric(precision)
    assert fabric.device.type == "cpu"
    assert fabric.world_size == 1
    net = set_up(nn.Conv2d(1, 2, 3), fabric, sync_batch_norm=False)
    inner = []
    net.net.register_forward_hook(lambda module, given, out: inner.append(out.dtype))
    net(torch.zeros(1, 1, 4, 4))
    assert inner == [torch.float32]


@pytest.mark.usefixtures("no_gpu")
def test_bf16_on_the_cpu_is_refused():
    with pytest.raises(InputError, match=r"'bf16' needs a CUDA device with bfloat16, got the CPU, since .* use 'auto'"):
        make_fabric("bf16")


@pytest.mark.usefixtures("old_gpu")
def test_bf16_on_a_gpu_without_it_is_refused():
    with pytest.raises(InputError, match="got one without it"):
        make_fabric("bf16")


@pytest.mark.usefixtures("old_gpu")
def test_more_processes_than_gpus_are_refused():
    with pytest.raises(InputError, match=r"got 2 processes and 1 GPUs on this machine; lower --nproc-per-node"):
        make_fabric("auto", Ranks(rank=0, size=2, local_size=2))


def test_under_autocast_the_net_computes_in_bf16_and_gives_float32():
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    net = set_up(nn.Conv2d(1, 2, 3), fabric, sync_batch_norm=False)
    inner = []
    net.net.register_forward_hook(lambda module, given, out: inner.append(out.dtype))
    out = net(torch.zeros(1, 1, 4, 4))
    assert inner == [torch.bfloat16]
    assert out.dtype == torch.float32
    assert {p.dtype for p in net.parameters()} == {torch.float32}


def test_a_gradient_on_outputs_can_be_taken_under_autocast(toy, tmp_path):
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    row = toy.run_pretrain(tmp_path, fabric).history[-1]  # its distance_share is made of such gradients
    assert 0 < row.distance_share < 1


def test_synchronised_batch_norm_on_the_cpu_is_refused(cpu):
    with pytest.raises(InputError, match=r"sync_batch_norm needs CUDA, since .* got cpu; switch it off"):
        set_up(nn.Sequential(nn.BatchNorm2d(2)), cpu, sync_batch_norm=True)


@pytest.mark.parametrize(("there", "kind"), [(True, "cuda"), (False, "cpu")])
def test_a_trained_network_runs_on_the_gpu_where_there_is_one(there: bool, kind: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert fastest_device() == torch.device(kind)
