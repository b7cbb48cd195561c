"""Measures of the house: circles, long functions, complexity, long modules, repeated tables, lines.

    python benchmarks/measures.py                  the checkout in which the script lies
    python benchmarks/measures.py --against REF    beside another commit, in a table

The same counts are gates of the test command where they are bounds (`tests/contracts/test_shape.py`).
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).resolve().parents[1]
FUNCTION, COMPLEXITY, MODULE = 60, 12, 300
Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(root: Path) -> list[Path]:
    """Return the modules of the package."""
    return sorted((root / "src" / "il2model").rglob("*.py"))


def functions(path: Path) -> Iterator[tuple[str, int, Function]]:
    """Yield (name, lines without the docstring, node) of every function of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, Function):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node) is not None:
                text = node.body[0]
                lines -= (text.end_lineno or text.lineno) - text.lineno + 1
            yield node.name, lines, node


def complex_functions(root: Path) -> list[str]:
    """Return functions over the limit of complexity (McCabe), as ruff counts them."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "C901", "--output-format", "concise"]
    command += ["--config", f"lint.mccabe.max-complexity={COMPLEXITY}", "src/il2model"]
    out = subprocess.run(command, cwd=root, capture_output=True, text=True)
    return [line for line in out.stdout.splitlines() if " C901 " in line]


def long_functions(root: Path) -> list[str]:
    """Return functions over the limit; `build` of a mechanism page may be as long as its mechanism."""
    return [
        f"{path.relative_to(root)}:{node.lineno} {name}: {lines} lines"
        for path in sources(root)
        for name, lines, node in functions(path)
        if lines > FUNCTION and not (path.parent.name == "model" and name == "build")
    ]


def long_modules(root: Path) -> list[str]:
    """Return modules over the limit that give no reason (`Long because ...`) in their docstring."""
    found = []
    for path in sources(root):
        text = path.read_text(encoding="utf8")
        reason = "Long because" in (ast.get_docstring(ast.parse(text)) or "")
        if text.count("\n") > MODULE and not reason:
            found.append(f"{path.relative_to(root)}: {text.count(chr(10))} lines")
    return found


def imports(root: Path, path: Path) -> Iterator[Path]:
    """Yield the files of the package that a file imports, type-checking imports too."""
    package = root / "src" / "il2model"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = path.parent
        for _ in range(node.level - 1):
            base = base.parent
        place = base.joinpath(*(node.module or "").split(".")) if node.module else base
        for name in node.names:
            for candidate in (place / f"{name.name}.py", place.with_suffix(".py"), place / "__init__.py"):
                if candidate.is_file() and candidate != path and package in candidate.parents:
                    yield candidate
                    break


def circles(root: Path) -> list[tuple[str, ...]]:
    """Return groups of files that import each other in a loop (strongly connected components)."""
    files = sources(root)
    edges = np.zeros((len(files), len(files)), bool)
    for row, path in enumerate(files):
        edges[row, [files.index(other) for other in imports(root, path)]] = True
    _, label = connected_components(csr_array(edges), connection="strong")
    names = [str(path.relative_to(root / "src" / "il2model")) for path in files]
    return [
        tuple(name for name, own in zip(names, label, strict=True) if own == group)
        for group in np.flatnonzero(np.bincount(label) > 1)
    ]


def count(root: Path, pattern: str) -> int:
    """Return how often a pattern stands in the package's sources."""
    return sum(len(re.findall(pattern, path.read_text(encoding="utf8"))) for path in sources(root))


def measures(root: Path) -> dict[str, int]:
    """Return every measure by name."""
    every = [(path, *f) for path in sources(root) for f in functions(path)]
    return {
        "circles of files": len(circles(root)),
        f"functions over {FUNCTION} lines": len(long_functions(root)),
        f"functions over complexity {COMPLEXITY}": len(complex_functions(root)),
        f"modules over {MODULE} lines without a reason": len(long_modules(root)),
        "`Any`": count(root, r"\bAny\b"),
        "`.index(`": count(root, r"\.index\("),
        "`# fmt: skip`": count(root, r"# fmt: skip"),
        "files that name mirocals": sum(
            "mirocals" in path.read_text(encoding="utf8").lower() for path in sources(root)
        ),
        "numbers of a trial typed (640, 750, 3700)": count(root, r"(?<![\w.\"'])(?:640|750|3700)(?:\.0)?(?![\w.])"),
        "Philox generators made": count(root, r"Philox\("),
        "files written by rename": count(root, r"\.replace\(target\)|temporary\.replace|os\.replace"),
        "solver problems put together": count(root, r"\bProblem\(\s*(?:y0|y\b|\n)"),
        "modules": len(sources(root)),
        "lines": sum(path.read_text(encoding="utf8").count("\n") for path in sources(root)),
        "functions": len(every),
    }


def checkout(reference: str, folder: str) -> Path:
    """Put the sources of a commit into a folder."""
    archive = subprocess.run(["git", "archive", reference, "src"], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    return Path(folder)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", metavar="REF", help="a commit to stand beside")
    parser.add_argument("--list", action="store_true", help="list the places, too")
    given = parser.parse_args()
    now = measures(ROOT)
    before: dict[str, int] = {}
    if given.against:
        with tempfile.TemporaryDirectory() as folder:
            before = measures(checkout(given.against, folder))
    print(f"{'':46s}{'before':>10s}{'now':>10s}" if before else f"{'':46s}{'now':>10s}")
    for name, value in now.items():
        print(f"{name:46s}" + (f"{before[name]:>10d}" if before else "") + f"{value:>10d}")
    if given.list:
        places = [
            *long_functions(ROOT),
            *complex_functions(ROOT),
            *long_modules(ROOT),
            *(" - ".join(c) for c in circles(ROOT)),
        ]
        print("\n".join(["", *places]), file=sys.stdout)


if __name__ == "__main__":
    main()
