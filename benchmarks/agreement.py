"""The exported SBML in libRoadRunner and COPASI, beside this package; writes results/agreement.csv.

    python benchmarks/agreement.py            # 100 random parameter sets x 5 regimens; some minutes

The largest scaled difference |a - b| / (scale + |b|) of every state, over sets and times, at rtol 1e-9 here and
1e-10 there.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "helpers"))

from agreement import Copasi, RoadRunner, compare, names


def main() -> None:
    """Compare and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=100)
    args = parser.parse_args()
    rows = []
    for engine in (RoadRunner, Copasi):
        start = time.perf_counter()
        for regimen, worst in compare(engine, args.sets).items():
            for (state, unit), difference in zip(names(), worst, strict=True):
                rows.append(
                    {"engine": engine.name, "regimen": regimen, "state": state, "unit": unit, "sets": args.sets,
                     "largest_scaled_difference": f"{difference:.2e}"}
                )  # fmt: skip
        print(f"{engine.name}: {time.perf_counter() - start:.0f} s", flush=True)
    with (HERE / "results" / "agreement.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    packages = ("il2model", "libroadrunner", "python-copasi", "python-libsbml", "numpy", "numba")
    record = {"versions": {p: version(p) for p in packages}, "command": "python benchmarks/agreement.py"}
    (HERE / "results" / "agreement.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
