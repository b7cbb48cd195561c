"""Command lines of every verb that the program has, wrong in one value."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from il2model.cli.main import VERBS, build_app


@cache
def verbs() -> dict[tuple[str, ...], dict[str, str | None]]:
    """Return every verb of the program with its options: the placeholder of each, None for a flag."""
    app, found = build_app(), {}
    for verb in (name for group in VERBS.values() for name in group):
        for sub in [[s] for s in app[verb] if not s.startswith("-")] or [[]]:
            arguments = app.parse_commands([verb, *sub])[1][-1].assemble_argument_collection()
            found[verb, *sub] = {
                n: None
                if a.hint is bool
                else a.parameter.metavar[0]
                if isinstance(a.parameter.metavar, tuple)
                else a.parameter.metavar
                for a in arguments
                for n in (*a.names, *a.negatives)
            }
    return found


_NUMBERS = ["nan", "x", "3 parsec", "1e400x", "0x1F", "", "1 2"]
_NAMES = ["no-such-name", "", "../x", "mirocalz", "\x00", "µ", "-"]
#: Values that no option with this placeholder can take.
WRONG: dict[str, list[str]] = {
    "N": [*_NUMBERS, "2.5", "-7", "inf", "-inf", "1e400", "1e19", "1e-3"],
    "X": [*_NUMBERS, "-inf"],
    "W": [*_NUMBERS, "0", "-1", "inf"],
    "SHARE": [*_NUMBERS, "-0.1", "1.1", "inf"],
    "DAY": [*_NUMBERS, "inf", "-inf", "1e400", "3 MIU"],
    "DAYS": [*_NUMBERS, "inf", "-inf", "-5", "1e400", "3 MIU", "0,nan"],
    "DOSE": [*_NUMBERS, "inf MIU", "nan MIU", "-2 MIU", "2 day", "MIU", "1e400 MIU", "2 MIU/m3"],
    "ID=VALUE": ["x", "=", "il2_clearance", "il2_clearance=", "=3", "no_such=1", "il2_clearance=nan", "nk_count=nan"],
    "NAME": _NAMES,
    "ID": _NAMES,
    "SET": _NAMES,
    "STAGE": _NAMES,
    "TRIAL": _NAMES,
    "NAME,...": [*_NAMES, ","],
    "IDS": [*_NAMES, ",", "treg_percent,no-such", "treg_percent,treg_percent"],
    "LIST": [*_NAMES, ",", "nan", "5-", "9-3", "nan-5", "all,all"],
    "FILE": ["/proc/none/x.png", "/dev/null/x", "\x00"],
    "DIR": ["/proc/none", "/dev/null/x", "\x00"],
}
#: Lines that run in a moment, for the verbs that take longer by themselves; {} stands for a new folder.
QUICK: dict[tuple[str, ...], list[str]] = {
    ("simulate",): [
        "--amount",
        "2 MIU",
        "--days",
        "2",
        "--every",
        "5",
        "--cycles",
        "1",
        "--until",
        "5",
        "--max-steps",
        "2000",
    ],
    ("trial",): ["mirocals", "--replicates", "2", "--pool", "20", "--size", "20"],
    ("trials", "show"): ["mirocals"],
    ("power",): ["--cuts", "all", "--sizes", "20", "--replicates", "2", "--pool", "20"],
    ("optimize",): ["--generations", "1", "--patients", "4", "--draws", "0", "--until", "10"],
    ("sensitivity",): [
        "--method",
        "morris",
        "--n",
        "2",
        "--outputs",
        "treg_auc",
        "--until",
        "5",
        "--alone",
        "-o",
        "{}",
    ],
    ("calibrate",): ["pk", "--quick", "-o", "{}"],
    ("report",): ["/no/such/folder"],
    ("parameters", "show"): ["il2_clearance"],
    ("parameters", "diff"): ["prior", "calibrated"],
    ("export",): ["nonmem", "-o", "{}.csv"],
}
#: Options whose wrong values are told by others: an address is only known to be wrong after a while.
_LEFT = {"--dask", "--help", "-h", "--version"}


def set_option(words: list[str], option: str, value: str) -> list[str]:
    """Return a line in which an option has another value."""
    words = list(words)
    if option in words:
        at = words.index(option)
        words[at + 1] = value
        return words
    return [*words, f"{option}={value}"] if option.startswith("--") else [*words, option, value]


@st.composite
def wrong_lines(draw: st.DrawFn) -> list[str]:
    """Draw a line of any verb that is right but for one value, which its option cannot take."""
    known = [(v, o, m) for v, options in verbs().items() for o, m in options.items() if m in WRONG or "|" in (m or "")]
    verb, option, metavar = draw(st.sampled_from([k for k in known if k[1] not in _LEFT]))
    value = draw(st.sampled_from(WRONG.get(metavar or "", ["no-such", "", "\x00"])))
    return [*verb, *set_option(QUICK.get(verb, []), option, value)]
