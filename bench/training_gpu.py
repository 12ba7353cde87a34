"""The same networks on a GPU: throughput over batches, what bounds it, and how far from that bound it runs."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from networks import Work, counted

BATCHES = (4, 16, 64, 256)
ROUNDS = 5
MATRIX = 8192
COPIED = 2**28
"""Floats copied to measure the memory's rate."""
_PRECISIONS = ("fp32", "tf32", "bf16")


@dataclass(frozen=True, kw_only=True)
class Best:
    """The fastest batch of one network, size and precision."""

    batch: int
    images_per_s: float
    peak_share: float
    bound: str
    of_bound: float
    speedup: float


def gpu_figures(
    device: torch.device,
    sides_px: tuple[int, ...],
    batches: tuple[int, ...] = BATCHES,
    matrix: int = MATRIX,
    copied: int = COPIED,
    rounds: int = ROUNDS,
) -> dict[str, object]:
    """Training steps of branch and U-Net, ours (channels_last) beside plain eager fp32, contiguous."""
    rate = _copy_rate(device, copied, rounds)
    print(f"gpu: {torch.cuda.get_device_name() if device.type == 'cuda' else device}, copies {rate / 1e9:.0f} GB/s")
    rows: list[dict[str, object]] = []
    first: Best | None = None
    for precision in _PRECISIONS:
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
        peak = _matmul_rate(device, matrix, torch.bfloat16 if precision == "bf16" else torch.float32, rounds)
        for kind in ("branch", "unet"):
            for side in sides_px:
                found = _swept(Work(kind=kind, side_px=side, batch=1), device, precision, batches, peak, rate, rounds)
                if found is None:
                    continue
                rows.append({"net": kind, "side_px": side, "precision": precision, **vars(found)})
                first = found if (kind, side, precision) == ("branch", sides_px[0], "bf16") else first
    headline = {} if first is None else {
        "gpu_images_per_s_1019": first.images_per_s, "gpu_peak_share_1019": first.peak_share,
        "gpu_bound_1019": first.bound, "gpu_of_bound_1019": first.of_bound, "gpu_speedup_1019": first.speedup,
    }  # fmt: skip
    return {**headline, "gpu": rows}


def _swept(
    work: Work,
    device: torch.device,
    precision: str,
    batches: tuple[int, ...],
    peak: float,
    rate: float,
    rounds: int,
) -> Best | None:
    """None if not even the smallest batch fits."""
    flops, moved = counted(work)["step"]
    moved /= 2 if precision == "bf16" else 1  # activations and their gradients, which are nearly all of it
    bounds = {"arithmetic": flops / peak, "bytes": moved / rate}
    bound = max(bounds, key=lambda name: bounds[name])
    best: Best | None = None
    for batch in batches:
        one = Work(kind=work.kind, side_px=work.side_px, batch=batch)
        try:
            ours = _seconds(one.passes(True, device, precision == "bf16")["step"], device, rounds)
            plain = _seconds(one.passes(False, device)["step"], device, rounds)
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            break
        found = Best(
            batch=batch,
            images_per_s=round(batch / ours, 2),
            peak_share=round(batch * flops / ours / peak, 4),
            bound=bound,
            of_bound=round(batch * bounds[bound] / ours, 4),
            speedup=round(plain / ours, 3),
        )
        print(
            f"gpu {work.kind:>6} {work.side_px} px {precision}, batch {batch}: {found.images_per_s:.1f} images/s, "
            f"{found.peak_share:.1%} of the matrix peak; bound by {bound}, at {found.of_bound:.0%} of that bound; "
            f"plain eager at the same setting of tf32 takes {found.speedup:.2f} times as long",
            flush=True,
        )
        best = found if best is None or found.images_per_s > best.images_per_s else best
    return best


def _seconds(run: Callable[[], object], device: torch.device, rounds: int) -> float:
    """Median over rounds, after two that warm up."""
    taken = []
    for turn in range(rounds + 2):
        _wait(device)
        began = time.perf_counter()
        run()
        _wait(device)
        if turn >= 2:
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _matmul_rate(device: torch.device, side: int, dtype: torch.dtype, rounds: int) -> float:
    one, other = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2 * side**3 / _seconds(lambda: torch.mm(one, other), device, rounds)


def _copy_rate(device: torch.device, count: int, rounds: int) -> float:
    """Bytes a second, read and written."""
    source = torch.zeros(count, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _seconds(lambda: target.copy_(source), device, rounds)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
