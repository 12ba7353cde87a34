"""Programs with the names of SLURM's that run an array's jobs on this machine, each as soon as it is submitted.

What a cluster decides (queues, limits, nodes) is not here; what submitit writes and how its jobs start, are signalled
and ask to be queued again is.
"""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

PROGRAMS = {
    "srun": """
step=$SLURM_ARRAY_TASK_ID
while [[ $1 == --* ]]; do case $1 in --output|--error) shift 2;; *) shift;; esac; done
echo $$ > "$STAND_IN/$step.pid"
exec "$@"
""",
    "scontrol": 'echo "$@" >> "$STAND_IN/scontrol.log"; touch "$STAND_IN/requeue-${2#*_}"',
    "sacct": 'cat "$STAND_IN/sacct.txt" 2>/dev/null || echo "JobID|State|NodeList"',
    "sbatch": 'exec "$PYTHON" "$STAND_IN_MODULE" "$@"',
}


def install(folder: Path) -> dict[str, str]:
    """Write the programs to `folder`; gives the environment in which they are found."""
    folder.mkdir()
    for name, body in PROGRAMS.items():
        path = folder / name
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "STAND_IN": str(folder),
        "STAND_IN_MODULE": __file__,
        "PYTHON": sys.executable,
        "PYTHONPATH": str(Path(__file__).parent),
    }


def main(script: Path) -> None:
    """Be sbatch: start a process for each job of the array, and again if it was queued again; do not wait."""
    if "--partition=none" in script.read_text():
        sys.exit("sbatch: error: invalid partition specified: none")
    match = re.search(r"^#SBATCH --array=0-(\d+)", script.read_text(), re.M)
    for index in range(int(match[1]) + 1) if match else [0]:
        if os.fork() == 0:
            os.setsid()
            with open(os.devnull, "r+b") as nothing:
                for stream in (0, 1, 2):
                    os.dup2(nothing.fileno(), stream)
            _run(script.resolve(), index, array=match is not None)
            os._exit(0)
    sys.stdout.write("Submitted batch job 77\n")


def _run(script: Path, index: int, array: bool) -> None:
    folder = Path(os.environ["STAND_IN"])
    own = {"SLURM_ARRAY_JOB_ID": "77", "SLURM_ARRAY_TASK_ID": str(index)} if array else {}
    environment = {**os.environ, "SLURM_JOB_ID": str(77 + index), "SLURM_PROCID": "0", "SLURM_NTASKS": "1", **own}
    while True:
        done = subprocess.run(["bash", str(script)], env=environment)
        requeued = folder / f"requeue-{index}"
        if not requeued.exists():
            break
        requeued.unlink()
    if done.returncode:
        with (folder / "sacct.txt").open("a") as states:
            states.write(f"JobID|State|NodeList\n77_{index}|NODE_FAIL|here\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
