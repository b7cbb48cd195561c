"""Memory and time of large cohorts, each in a process of its own; writes results/memory.csv.

python benchmarks/memory.py               # 100,000 patients, 100 times, 8 observables
python benchmarks/memory.py --million     # and 10^6 patients with running quantiles in float32 (minutes)
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

OBSERVABLES = [
    "treg_percent", "plasma_ccl2", "csf_pnfh", "plasma_nfl", "alsfrs_r", "svc", "motor_units", "survival",
]  # fmt: skip

RUN = """
import json, resource, sys, time
import numpy as np
import il2model as il2
n, precision, summary, rtol = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "summary", float(sys.argv[4])
start, cpu = time.perf_counter(), time.process_time()
cohort = il2.Cohort.sample(n, seed=1)
sampled = time.perf_counter() - start
shown = [0.0]
def progress(done, total):
    if done / total >= shown[0]:
        shown[0] += 0.1
        print(f"{done} of {total} after {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
s = il2.simulate("mirocals", cohort=cohort, until=640, save=np.linspace(0, 640, 100),
                 observables=json.loads(sys.argv[5]), precision=precision, summary=summary,
                 options=il2.SolverOptions(rtol=rtol), progress=progress)
alive = s["survival"].sel(statistic="mean")[-1] if summary else s.values("survival")[:, -1].mean()
print(json.dumps({
    "wall_s": time.perf_counter() - start, "sampling_s": sampled,
    "cpu_ms_per_patient": 1e3 * (time.process_time() - cpu) / n, "failed": int((s.status != 0).sum()),
    "peak_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, "steps": float(s.steps.mean()),
    "survival_640": float(alive),
}))
"""


def main() -> None:
    """Run the cases and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--million", action="store_true")
    args = parser.parse_args()
    cases = [(n, "float64", "subjects", 1e-4) for n in (1_000, 10_000, 100_000)]
    if args.million:
        cases.append((1_000_000, "float32", "summary", 1e-4))
    rows = []
    for n, precision, kind, rtol in cases:
        command = [sys.executable, "-c", RUN, str(n), precision, kind, str(rtol), json.dumps(OBSERVABLES)]
        out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        row = {"patients": n, "precision": precision, "kept": kind, "rtol": rtol, "times": 100, "observables": 8}
        rows.append(row | json.loads(out.stdout))
        print(rows[-1], flush=True)
    target = Path(__file__).parent / "results" / "memory.csv"
    if target.exists():  # keep earlier rows of cases that were not run now
        done = {(str(r["patients"]), r["precision"], r["kept"]) for r in rows}
        with target.open(newline="") as stream:
            old = [r for r in csv.DictReader(stream) if (r["patients"], r["precision"], r["kept"]) not in done]
        rows += [{k: r.get(k, "") for k in rows[0]} for r in old]
    with target.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
