"""Run `golden.py` on two commits on this machine, and compare: are all numbers the same, bit by bit?

    python benchmarks/compare_commits.py main~1               # with the last commit
    python benchmarks/compare_commits.py main --worktree      # with the files as they are, committed or not
    python benchmarks/compare_commits.py v0.1 v0.2 --keep /tmp/freezes

Both are checked out beside this repository and frozen by the `golden.py` that lies here, with the same interpreter
and packages, each with compiled kernels of its own. The exit code is that of the comparison.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from golden import compare, expected

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


def git(*words: str) -> str:
    """Return what git answers in this repository."""
    return subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def checkout(commit: str | None, place: Path) -> Iterator[Path]:
    """Give the folder of a commit's files, for a while; of this checkout without one."""
    if commit is None:
        yield ROOT
        return
    git("worktree", "add", "--detach", "--quiet", str(place), commit)
    try:
        yield place
    finally:
        git("worktree", "remove", "--force", str(place))


def freeze(checkout: Path, cache: Path, output: Path, only: str) -> None:
    """Run golden.py with the package of a checkout and an empty cache."""
    own = {name: str(cache / name) for name in ("IL2MODEL_CACHE", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "MPLCONFIGDIR")}
    surroundings = {k: v for k, v in os.environ.items() if k != "IL2MODEL_DATA"}
    surroundings |= own | {"PYTHONPATH": str(checkout / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    where = subprocess.run(
        [sys.executable, "-c", "import il2model; print(il2model.__file__)"],
        check=True, capture_output=True, text=True, env=surroundings, cwd=cache,
    ).stdout.strip()  # fmt: skip
    if not Path(where).resolve().is_relative_to(checkout.resolve()):
        sys.exit(f"Python takes il2model from {where}, not from {checkout}; remove it from the environment.")
    command = [sys.executable, str(HERE / "golden.py"), "freeze", "-o", str(output), "--only", only]
    subprocess.run(command, check=True, env=surroundings, cwd=cache)


def main() -> int:
    """Freeze both and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", help="commit")
    parser.add_argument("new", nargs="?", default="HEAD", help="commit (default HEAD)")
    parser.add_argument("--worktree", action="store_true", help="compare with the files as they are")
    parser.add_argument("--only", default="*", help="groups, separated by commas; * stands for any letters")
    parser.add_argument("--keep", type=Path, help="folder to keep old.npz and new.npz in")
    parser.add_argument("--show", type=int, default=5, help="arrays named in a group")
    args = parser.parse_args()
    commits = [args.old, None if args.worktree else args.new]
    with tempfile.TemporaryDirectory() as home:
        results = Path(home) if args.keep is None else args.keep.resolve()
        results.mkdir(parents=True, exist_ok=True)
        files = [results / "old.npz", results / "new.npz"]
        for commit, file in zip(commits, files, strict=True):
            cache = Path(home) / f"cache-{file.stem}"
            cache.mkdir()
            name = "the files as they are" if commit is None else f"{commit} ({git('rev-parse', '--short', commit)})"
            print(f"{file.stem.upper()}: {name}", file=sys.stderr, flush=True)
            with checkout(commit, Path(home) / file.stem) as folder:
                freeze(folder, cache, file, args.only)
        return compare(*files, expected(HERE / "golden_expected.toml"), args.show)


if __name__ == "__main__":
    sys.exit(main())
