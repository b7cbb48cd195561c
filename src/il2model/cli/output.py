"""What the shell prints and writes: tables, JSON, CSV, NetCDF, figures."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from .. import sums
from ..errors import InputError
from ..solver.problem import Floats, Ints
from ..spreadsheet import csv_text
from ..store import Content, unwritten, write_atomic

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ..simulation.solution import Solution

Format = Literal["table", "json", "csv", "nc"]
Listing = Literal["table", "json"]
_ENDINGS: Mapping[str, Format] = {".json": "json", ".csv": "csv", ".nc": "nc"}
#: Days of the printed table, where they are not chosen.
_DAYS = (0, 1, 2, 3, 4, 7, 14, 28, 56, 84, 112, 168, 252, 364, 508, 640)
_FIGURES = (".png", ".svg", ".pdf")


def say(text: str) -> None:
    """Print a line on standard error."""
    print(f"il2model: {text}", file=sys.stderr, flush=True)


@contextmanager
def written(place: Path | str | None) -> Iterator[None]:
    """Turn what goes wrong in writing to `place` into one sentence."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritten(place, error) from None


def write_file(path: Path, content: Content) -> None:
    """Write a file whole or not at all, its folder made if missing, and say so."""
    with written(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)
    say(f"wrote {path}")


def check_figure(path: Path | None) -> None:
    """Refuse a figure whose file has another ending than one that can be drawn."""
    if path is not None and path.suffix.lower() not in _FIGURES:
        raise InputError(f"The figure {path} must end in .png, .svg or .pdf.")


def check_page_name(path: Path | None) -> None:
    """Refuse a page whose file has another ending than that of a page."""
    if path is not None and path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"The page {path} must end in .html.")


def write_figure(path: Path, draw: Callable[[], Figure]) -> None:
    """Draw to a PNG, SVG or PDF file."""
    from ..plotting.figure import figure_bytes

    write_file(path, figure_bytes(draw(), path.suffix.lower().lstrip("."), dpi=150))


def write_table(folder: Path | None, table: pd.DataFrame, figure: Callable[[], Figure], stem: str) -> None:
    """Write a table (CSV) and a figure (PNG) to a folder, if there is one."""
    if folder is not None:
        from ..plotting.figure import figure_bytes

        for name, content in (
            (f"{stem}.csv", csv_text(table, index=False).encode()),
            (f"{stem}.png", figure_bytes(figure(), dpi=140)),
        ):
            with written(folder / name):
                sums.write(folder / name, content)
            say(f"wrote {folder / name}")


def listing(rows: Sequence[Mapping[str, object]], kind: Listing) -> None:
    """Print rows of the same keys as an aligned table, or as JSON."""
    if kind == "json":
        print(json.dumps(list(rows), indent=1))
        return
    if not rows:
        print("Nothing to list.")
        return
    heads = list(rows[0])
    cells = [heads, *([_cell(row[h]) for h in heads] for row in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(heads))]
    for line in cells:
        print("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


# ---------------------------------------------------------------------------------------------------------- solutions
def format_of(given: Format | None, output: Path | None) -> Format:
    """Return the format that was asked for, or that of the file's ending."""
    kind = given or _ENDINGS.get(output.suffix if output else "", "table")
    if kind == "nc" and output is None:
        raise InputError("NetCDF needs a file: add -o FILE.nc.")
    return kind


def write_solution(
    solution: Solution, names: Sequence[str], rows: Ints | None, kind: Format, output: Path | None
) -> None:
    """Write the named quantities to a file, or print them: of a table some of the times, or all."""
    rows = np.arange(len(solution.time)) if rows is None else rows
    if kind == "nc":
        assert output is not None
        write_file(output, bytes(solution.to_xarray(names).to_netcdf(engine="scipy")))
        return
    if kind == "csv":
        text = csv_text(solution.to_dataframe(names), digits=None)
    else:
        text = json.dumps(_as_json(solution, names, rows)) if kind == "json" else _as_table(solution, names, rows)
    text += "\n" * (not text.endswith("\n"))
    if output is None:
        sys.stdout.write(text)
    else:
        write_file(output, text)


def printed(time: Floats) -> Ints:
    """Return the numbers of the times of a table whose days were not chosen."""
    return np.array(
        sorted({int(np.argmin(np.abs(time - d))) for d in (*(d for d in _DAYS if d <= time[-1]), time[-1])})
    )


def _as_json(solution: Solution, names: Sequence[str], rows: Ints) -> dict[str, object]:
    def plain(values: Floats) -> list[float | None]:
        return [float(v) if np.isfinite(v) else None for v in values]

    content: dict[str, object] = {"time": {"unit": "day", "value": plain(solution.time[rows])}}
    for name in names:
        item, (low, middle, high) = solution.items[name], solution.spread(name)
        entry: dict[str, object] = {"unit": item.unit, "name": item.name, "value": plain(middle[rows])}
        if low is not None and high is not None:
            entry |= {"q05": plain(low[rows]), "q95": plain(high[rows])}
        content[name] = entry
    content["manifest"] = dict(solution.manifest)
    return content


def _number(value: float) -> str:
    if not np.isfinite(value):
        return "-"
    size = abs(value)
    if size == 0 or 1e-3 <= size < 1e5:
        return f"{value:.4g}" if size < 1000 else f"{value:.0f}"
    return f"{value:.3g}"


def _as_table(solution: Solution, names: Sequence[str], rows: Ints) -> str:
    from ..plotting import UNIT_WORDS

    columns = [["time", "[day]", *map(_number, solution.time[rows])]]
    for name in names:
        unit, (low, middle, high) = solution.items[name].unit, solution.spread(name)
        word = UNIT_WORDS.get(unit, unit)
        cells = [_number(v) for v in middle[rows]]
        if low is not None and high is not None:
            cells = [
                f"{m} ({_number(a)} to {_number(b)})" for a, m, b in zip(low[rows], cells, high[rows], strict=True)
            ]
        columns.append([name, f"[{word}]" if word else "", *cells])
    widths = [max(map(len, column)) for column in columns]
    lines = [f"Regimen: {solution.regimens[0]}", f"Result:  {solution._note()}.", ""]
    lines += ["  ".join(c.rjust(w) for c, w in zip(cells, widths, strict=True)) for cells in zip(*columns, strict=True)]
    return "\n".join(lines)
