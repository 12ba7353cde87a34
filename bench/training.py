"""Throughput of training beside plain eager torch, and the time it waits for data; the last line is JSON.

python bench/training.py            # five minutes on two cores; on CUDA too where there is a device
python bench/training.py --quick    # few rounds, small sizes; its figures only say that it runs
python bench/training.py --gpu-only # about a minute on a CUDA device: that part alone, 1019 px, two batches

On the CPU one thread each, in two processes that take turns: ours as `gennari` starts it (channels_last, large pages)
and plain torch (contiguous, as it comes). The peak is that of a matrix product in our process, in the same turns.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from gennari.nets.sizes import PRESETS, unet_sizes
from networks import Pass, Work, counted
from pack import data_wait, patch_rates
from training_gpu import gpu_figures

MATRIX = 1536
GPU_BATCHES = (16, 64)
LARGE_PAGES = "THP_MEM_ALLOC_ENABLE"
Timed = tuple[Work, Pass]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured."""

    rounds: int
    sides_px: tuple[int, ...]
    batches: tuple[int, ...]


FULL = Size(rounds=5, sides_px=(1019, 2043), batches=(1, 2, 4))
QUICK = Size(rounds=1, sides_px=(763,), batches=(1,))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--gpu-only", action="store_true")
    given = parser.parse_args()
    size = QUICK if given.quick else FULL
    if given.gpu_only:
        print(json.dumps(gpu_alone(size.sides_px[:1])))
        return
    began = time.monotonic()
    torch.set_num_threads(1)
    cpu = cpu_figures(size)
    with tempfile.TemporaryDirectory() as folder:
        rates = patch_rates(Path(folder) / "rates", quick=size is QUICK)
        with _large_pages():
            waited = data_wait(Path(folder) / "wait", quick=size is QUICK)
    gpu = gpu_figures(torch.device("cuda"), size.sides_px) if torch.cuda.is_available() else None
    print(f"{time.monotonic() - began:.0f} s in all")
    keys = ("gpu_images_per_s_1019", "gpu_peak_share_1019", "gpu_bound_1019", "gpu_of_bound_1019", "gpu_speedup_1019")
    print(json.dumps({**cpu, **rates, **waited, **dict.fromkeys(keys), **(gpu or {})}))


def gpu_alone(sides_px: tuple[int, ...]) -> dict[str, object]:
    """The GPU part with few batches and rounds."""
    if not torch.cuda.is_available():
        raise SystemExit("--gpu-only measures a CUDA device, and there is none")
    return gpu_figures(torch.device("cuda"), sides_px, batches=GPU_BATCHES, rounds=3)


def cpu_figures(size: Size) -> dict[str, object]:
    """Images a second and share of the peak of branch and U-Net, ours and plain, one thread."""
    work = [Work(kind="branch", side_px=size.sides_px[0], batch=batch) for batch in size.batches]
    work += [Work(kind="unet", side_px=side, batch=1) for side in size.sides_px]
    for one in work:
        if one.kind == "unet":
            unet_sizes(PRESETS["s2"], one.side_px)  # says which sizes fit if this one does not
    flops = {(one.kind, one.side_px): counted(one) for one in work}
    with _Pair() as pair:
        found = [_measured(pair, one, name, size.rounds, flops[one.kind, one.side_px][name][0])
                 for one in work for name in ("forward", "step")]  # fmt: skip
    steps = [m for m in found if m.work.kind == "branch" and m.name == "step"]
    best = max(steps, key=lambda m: m.images_per_s)
    return {
        "speedup_vs_eager_1019": round(best.speedup, 3),
        "cpu_peak_share_1019": round(best.peak_share, 3),
        "cpu_batch_1019": best.work.batch,
        "cpu_images_per_s_1019": round(best.images_per_s, 3),
        "cpu": [m.plain() for m in found],
    }


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Medians over the rounds."""

    work: Work
    name: Pass
    gflop: float
    images_per_s: float
    speedup: float
    peak_share: float
    eager_peak_share: float
    peak_gflops: float

    def plain(self) -> dict[str, object]:
        """For JSON."""
        return {
            "net": self.work.kind, "side_px": self.work.side_px, "batch": self.work.batch, "pass": self.name,
            "gflop": round(self.gflop, 2), "images_per_s": round(self.images_per_s, 3),
            "speedup": round(self.speedup, 3), "peak_share": round(self.peak_share, 3),
            "eager_peak_share": round(self.eager_peak_share, 3), "peak_gflops": round(self.peak_gflops, 1),
        }  # fmt: skip


def _measured(pair: "_Pair", work: Work, name: Pass, rounds: int, flops: float) -> Measured:
    turns = []
    for turn in range(rounds + 1):
        seconds = pair.ours("matmul"), pair.ours((work, name)), pair.plain((work, name))
        if turn:  # the first only warms up
            turns.append(seconds)
    peaks = [2 * MATRIX**3 / matmul for matmul, _, _ in turns]
    done = work.batch * flops
    found = Measured(
        work=work,
        name=name,
        gflop=flops / 1e9,
        images_per_s=work.batch / statistics.median(ours for _, ours, _ in turns),
        speedup=statistics.median(plain / ours for _, ours, plain in turns),
        peak_share=statistics.median(done / ours / peak for (_, ours, _), peak in zip(turns, peaks, strict=True)),
        eager_peak_share=statistics.median(
            done / plain / peak for (_, _, plain), peak in zip(turns, peaks, strict=True)
        ),
        peak_gflops=statistics.median(peaks) / 1e9,
    )
    print(
        f"cpu {work.kind:>6} {work.side_px} px, batch {work.batch}, {name:>7}: {found.images_per_s:6.2f} images/s, "
        f"{found.peak_share:4.0%} of {found.peak_gflops:.0f} GFLOP/s; plain eager {found.eager_peak_share:4.0%}, "
        f"{found.speedup:.2f} times as long",
        flush=True,
    )
    return found


class _Pair:
    """Two processes that work by turns: ours, and plain torch."""

    def __enter__(self) -> "_Pair":
        with _large_pages():
            self._ours = _started(ours=True)
        self._plain = _started(ours=False)
        return self

    def __exit__(self, *_: object) -> None:
        for connection, process in (self._ours, self._plain):
            connection.send(None)
            process.join()

    def ours(self, wanted: Timed | str) -> float:
        """Seconds in our process."""
        return _asked(self._ours[0], wanted)

    def plain(self, wanted: Timed | str) -> float:
        """Seconds in the other one."""
        return _asked(self._plain[0], wanted)


class _large_pages:
    """The environment as `gennari` sets it before torch is loaded."""

    def __enter__(self) -> None:
        os.environ[LARGE_PAGES] = "1"

    def __exit__(self, *_: object) -> None:
        del os.environ[LARGE_PAGES]


def _started(ours: bool) -> tuple[Connection, multiprocessing.process.BaseProcess]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, ours), daemon=True)
    process.start()
    return here, process


def _asked(connection: Connection, wanted: Timed | str) -> float:
    connection.send(wanted)
    return connection.recv()


def _serve(connection: Connection, ours: bool) -> None:
    """Time what is asked for, in seconds of this thread (the machine's other work does not count)."""
    torch.set_num_threads(1)
    one, other = torch.randn(MATRIX, MATRIX), torch.randn(MATRIX, MATRIX)
    held: tuple[Work | None, dict] = (None, {})
    while (wanted := connection.recv()) is not None:
        if wanted == "matmul":
            run = lambda: torch.mm(one, other)  # noqa: E731
        else:
            work, name = wanted
            if held[0] != work:
                held = (work, work.passes(ours, torch.device("cpu")))
            run = held[1][name]
        began = time.process_time()
        run()
        connection.send(time.process_time() - began)


if __name__ == "__main__":
    main()
