"""Laws of the house that no single module can keep alone."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "src" / "gennari").rglob("*.py"))
HEAVY = ("torch", "numba", "zarr", "tensorstore", "nilearn", "lightning_fabric", "matplotlib", "pandas")
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60
Function = ast.FunctionDef | ast.AsyncFunctionDef


def heavy_modules_after(program: str) -> list[str]:
    """Runs the program in a fresh interpreter and says which heavy packages it loaded."""
    ending = f"\nimport json, sys\nprint(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program + ending], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            yield node


def oversized(paths: list[Path]) -> list[str]:
    """What breaks the limits on length, as 'place: lines'."""
    found = []
    for path in paths:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > MAX_FILE_LINES:
            found.append(f"{path.name}: {lines}")
        for function in functions(path):
            length = (function.end_lineno or 0) - function.lineno + 1
            if length > MAX_FUNCTION_LINES:
                found.append(f"{path.name}:{function.lineno} {function.name}: {length}")
    return found


def imports_of_ours_inside_functions(paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        for function in functions(path):
            for node in ast.walk(function):
                if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == "gennari"):
                    found.append(f"{path.name}:{node.lineno}")
                if isinstance(node, ast.Import) and any(name.name.split(".")[0] == "gennari" for name in node.names):
                    found.append(f"{path.name}:{node.lineno}")
    return found


def calls_of(paths: list[Path], name: str) -> list[str]:
    found = []
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                found.append(f"{path.name}:{node.lineno}")
    return found


def reads_of_the_environment(paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
                found.append(f"{path.name}:{node.lineno}")
    return found


def library(*, without: tuple[str, ...] = ()) -> list[Path]:
    return [path for path in MODULES if not set(path.relative_to(ROOT / "src" / "gennari").parts) & set(without)]


def test_importing_gennari_loads_nothing_heavy():
    assert heavy_modules_after("import gennari") == []


def test_help_loads_nothing_heavy():
    program = (
        "import contextlib, sys\n"
        "sys.argv = ['gennari', '--help']\n"
        "from gennari.cli.app import main\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main()"
    )
    assert heavy_modules_after(program) == []


def test_help_runs_as_a_module_and_leaves_with_zero():
    command = [sys.executable, "-m", "gennari.cli.app", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "demo" in done.stdout


def test_no_file_is_over_300_lines_and_no_function_over_60():
    assert oversized(MODULES) == []


def test_tests_and_benches_keep_the_same_limit_on_functions():
    others = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("bench/**/*.py")]
    assert [place for place in oversized(others) if " " in place.split(":")[1]] == []


def test_the_library_imports_nothing_of_its_own_inside_a_function():
    assert imports_of_ours_inside_functions(MODULES) == []


def test_only_the_command_line_prints():
    assert calls_of(library(without=("cli",)), "print") == []


def test_the_library_reads_no_environment_variable():
    assert reads_of_the_environment(library(without=("cli",))) == []


def test_init_files_hold_no_code_but_the_top_one():
    inner = [path for path in MODULES if path.name == "__init__.py" and path.parent.name != "gennari"]
    assert [path.parent.name for path in inner if calls_or_imports(path)] == []


def calls_or_imports(path: Path) -> bool:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)


def test_no_module_is_called_utils_or_base():
    assert [path.name for path in MODULES if path.stem in ("utils", "util", "base", "helpers", "common")] == []


@pytest.mark.parametrize(
    ("source", "check"),
    [
        ("\n" * 301, oversized),
        ("def long():\n" + "    x = 1\n" * 60, oversized),
        ("def late():\n    from gennari.surface import mesh\n", imports_of_ours_inside_functions),
        ("def late():\n    import gennari.frames\n", imports_of_ours_inside_functions),
        ("def late():\n    from . import mesh\n", imports_of_ours_inside_functions),
        ("print('here')\n", lambda paths: calls_of(paths, "print")),
        ("import os\nHOME = os.environ['HOME']\n", reads_of_the_environment),
    ],
)
def test_each_of_these_guards_trips(source: str, check, tmp_path: Path):
    culprit = tmp_path / "culprit.py"
    culprit.write_text(source)
    assert len(check([culprit])) == 1


def test_the_start_up_guard_trips():
    assert heavy_modules_after("import zarr") == ["zarr"]


def test_the_citation_names_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["license"] == "Apache-2.0"
    paper = citation["preferred-citation"]
    assert paper["doi"] == "10.1007/978-3-030-00931-1_76"
    assert paper["authors"][0]["family-names"] == "Spitzer"


def test_every_pin_is_exact_and_every_dependency_is_pinned():
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[\w.!]+", line)] == []
    pinned = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in pins}
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wanted = re.search(r"^dependencies = \[\n(.*?)^\]", project, re.S | re.M)
    tests = re.search(r"^test = \[\n(.*?)^\]", project, re.S | re.M)
    assert wanted
    assert tests
    names = re.findall(r'^\s+"([A-Za-z0-9._-]+)', wanted[1] + tests[1], re.M)
    assert [name for name in names if re.sub(r"[-_.]+", "-", name).lower() not in pinned] == []


def test_the_makefile_installs_the_pinned_torch():
    (default,) = re.findall(r"^TORCH \?= (.+)$", (ROOT / "Makefile").read_text(), re.M)
    assert default in (ROOT / "constraints.txt").read_text().splitlines()


def test_no_tracked_text_names_a_path_of_one_machine():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    if listed.returncode:
        pytest.skip("needs a git checkout to know which files are tracked")
    own = (str(ROOT) + "/", str(Path.home()) + "/")
    texts = [ROOT / name for name in listed.stdout.splitlines() if Path(name).suffix in (".py", ".md", ".toml", "")]
    hits = [path.name for path in texts if path.is_file() and any(word in path.read_text("utf-8") for word in own)]
    assert hits == []


@pytest.mark.slow
def test_numba_caches_its_kernels_beside_the_code(tmp_path: Path):
    program = tmp_path / "kernel.py"
    program.write_text("from numba import njit\n@njit(cache=True)\ndef one():\n    return 1\none()\n")
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    subprocess.run([sys.executable, str(program)], check=True, env=environment, timeout=120)
    assert list((tmp_path / "__pycache__").glob("kernel.one-*.nbi"))
