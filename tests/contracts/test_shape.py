"""The house stays in order: short functions, short modules, no circles, tests where their module is."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import measures  # noqa: E402


@pytest.mark.parametrize("places", [measures.long_functions, measures.long_modules, measures.circles])
def test_nothing_is_longer_or_more_tangled_than_agreed(places):
    assert places(ROOT) == []


def test_the_measures_see_what_they_measure(tmp_path):
    package = tmp_path / "src" / "il2model"
    package.mkdir(parents=True)
    body = "\n".join(f"    x = {k}" for k in range(70))
    package.joinpath("one.py").write_text(f'"""One."""\nfrom .two import g\n\n\ndef f():\n{body}\n' + "\n" * 300)
    package.joinpath("two.py").write_text('"""Two."""\nfrom .one import f\n\n\ndef g():\n    """Short."""\n')
    assert measures.circles(tmp_path) == [("one.py", "two.py")]
    assert [p.split()[1] for p in measures.long_functions(tmp_path)] == ["f:"]
    assert len(measures.long_modules(tmp_path)) == 1


def test_unit_tests_mirror_the_package():
    package = {p.name for p in (ROOT / "src" / "il2model").iterdir() if p.is_dir() and p.name != "__pycache__"}
    folders = {p.name for p in (ROOT / "tests" / "unit").iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders <= package
    assert package - folders == set()
