"""Every Python block of the README runs, in order."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf8"), re.S)
    assert len(blocks) >= 2
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert (tmp_path / "course.png").stat().st_size > 10_000


def test_the_commands_of_the_readme_run(capsys, tmp_path, monkeypatch):
    import shlex

    from il2model.cli.main import main

    monkeypatch.chdir(tmp_path)
    text = README.read_text(encoding="utf8")
    commands = [c.split(" #")[0] for c in re.findall(r"^il2model (.*)$", text, re.M)]
    assert len(commands) >= 3
    for command in commands:
        assert main(shlex.split(command)) == 0, command
