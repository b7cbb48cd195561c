"""The command line that runs a study again."""

from __future__ import annotations

from .question import PATIENTS, RTOL
from .study import SensitivityStudy


def command(study: SensitivityStudy, policy: str = "refuse") -> str:
    """Return the command line that runs a study, or a sentence where none can."""
    plain = isinstance(study.regimen, str | None) and isinstance(study.control, str)
    if not plain or study.base is not None or study.rtol != RTOL:
        return "From Python: il2model.SensitivityStudy.load of this folder's study.json."
    words = ["il2model sensitivity", f"--method {study.method}", f"--n {study.n}", f"--seed {study.seed}"]
    words.append(f"--outputs {','.join(study.outputs)}")
    if study.inputs != study.candidates:
        words.append(f"--parameters {','.join(study.inputs)}")
    for name, value, default in (
        ("regimen", study.regimen, None),
        ("control", study.control, "placebo"),
        ("until", study.until, None),
        ("ranges", study.ranges, "prior"),
        ("policy", policy, "refuse"),
    ):
        words += [] if value == default else [f"--{name} {value}"]
    words += [f"--times {','.join(f'{t:.12g}' for t in study.times)}"] if study.times else []
    words += ["--second-order"] if study.second_order else []
    words += [f"--patients {study.patients}"] if study.compares and study.patients != PATIENTS else []
    return " ".join([*words, "-o DIR"])
