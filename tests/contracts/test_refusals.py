"""The page of refusals shows sentences that the program says."""

import doctest
import re
import shlex
from pathlib import Path

import pytest

from il2model.cli.main import main
from il2model.errors import InputError

TEXT = (Path(__file__).parents[2] / "docs" / "explanation" / "refusals.md").read_text(encoding="utf8")


def shown(language):
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.S | re.M)


def test_the_shell_says_what_the_page_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    seen = 0
    for line, said in re.findall(r"^\$ ([^\n]*)\n((?:(?!\$)[^\n]*\n)*)", "".join(shown("console")), re.M):
        if made := re.fullmatch(r"printf '(.*)' > (\S+)", line):
            file = Path(made[2])
            file.parent.mkdir(exist_ok=True)
            file.write_text(made[1].replace("\\n", "\n"), encoding="utf8")
            continue
        assert main(shlex.split(line)[1:]) == 2, line
        assert capsys.readouterr().err == said, line
        seen += 1
    assert seen >= 15


def test_python_says_what_the_page_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names, seen = {}, 0
    for example in doctest.DocTestParser().get_examples("\n".join(shown("pycon"))):
        code = compile(example.source, "refusals.md", "single")
        if not example.want:
            exec(code, names)
            continue
        with pytest.raises(InputError) as caught:
            exec(code, names)
        assert f"{type(caught.value).__name__}: {caught.value}\n" == example.want
        seen += 1
    assert seen >= 15
