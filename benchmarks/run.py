"""Measure this package beside its peers: one interleaved run, CPU time on one core, matched error.

    python benchmarks/run.py            # all that is installed, some ten minutes
    python benchmarks/run.py --quick    # fewer rounds, without AMICI and diffrax

Writes benchmarks/results/: peers.csv, peers.md, work-precision.png, scaling.csv and machine.json. A peer
that is not installed is named in the table. Ratios are gated; seconds are not.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import numpy as np
from peers import Ours, Peer, all_peers
from problem import error, il2_half, make_case

HERE = Path(__file__).parent / "results"
TARGETS = (5e-5, 5e-7)
#: Required ratio of the peer's time to ours at equal error: (float64 at 5e-5, float32 at 5e-5, float64 at 5e-7).
GOALS = {
    "numbalsoda": (13, 25, 8),
    "libroadrunner": (40, 75, 22),
    "AMICI": (22, 45, 14),
    "scipy LSODA": (300, 600, None),
}


def cpu(peer: Peer, count: int, rtol: float) -> tuple[float, np.ndarray]:
    """CPU milliseconds per patient, and the result."""
    start = time.process_time()
    found = peer.run(count, rtol)
    return 1e3 * (time.process_time() - start) / count, found


def measure(rounds: int, without: set[str]) -> list[dict[str, object]]:
    """Errors of every peer at every tolerance, then interleaved times of those near the targets."""
    case = make_case(64)
    reference = Ours("scalar")
    reference.prepare(case)
    truth = reference.run(64, 1e-10)
    peers: list[Peer] = []
    for peer in all_peers():
        if peer.name.split(",")[0].split(" ")[0].lower() in without:
            print(f"{peer.name}: left out", flush=True)
            continue
        try:
            start = time.perf_counter()
            peer.prepare(case)
            print(f"{peer.name}: ready after {time.perf_counter() - start:.1f} s", flush=True)
            peers.append(peer)
        except ImportError as missing:
            print(f"{peer.name}: not installed ({missing})", flush=True)
        except Exception as failure:
            print(f"{peer.name}: could not be prepared ({type(failure).__name__}: {failure})", flush=True)
    rows: list[dict[str, object]] = []
    for peer in peers:
        for rtol in peer.tolerances:
            try:
                if rtol == peer.tolerances[0]:
                    peer.run(1, rtol)  # warm up
                ms, found = cpu(peer, peer.patients, rtol)
                errors = error(found, truth[: peer.patients])
            except Exception as failure:
                print(f"{peer.name} at {rtol:g}: {type(failure).__name__}: {failure}", flush=True)
                continue
            row = {"peer": peer, "rtol": rtol, "error": float(np.median(errors)), "worst": float(errors.max())}
            rows.append(row | {"first": ms, "times": []})
            print(f"{peer.name:32s} rtol {rtol:.0e}  error {row['error']:.1e}  first look {ms:9.2f} ms", flush=True)
    chosen = [r for r in rows if near(r, rows)]
    for k in range(rounds):
        for row in chosen:
            row["times"].append(cpu(row["peer"], row["peer"].patients, row["rtol"])[0])
        print(f"round {k + 1} of {rounds}", flush=True)
    return rows


def near(row: dict, rows: list[dict]) -> bool:
    """True for the two tolerances of a peer that bracket a target, or the nearest."""
    own = sorted((r for r in rows if r["peer"] is row["peer"]), key=lambda r: r["error"])
    for target in TARGETS:
        below = [r for r in own if r["error"] <= target][-1:]
        above = [r for r in own if r["error"] > target][:1]
        if any(row is r for r in below + above):
            return True
    return False


def at_error(rows: list[dict], peer: Peer, target: float) -> float | None:
    """Median milliseconds of a peer at an error, between its two tolerances (log-log)."""
    own = sorted((r for r in rows if r["peer"] is peer and r["times"]), key=lambda r: r["error"])
    x, y = np.log([r["error"] for r in own]), np.log([np.median(r["times"]) for r in own])
    if len(own) == 0 or x.min() > np.log(3 * target) or x.max() < np.log(target / 3):
        return None
    return float(np.exp(np.interp(np.log(target), x, y)))


def report(rows: list[dict]) -> tuple[str, list[str]]:
    """Write the table; return it and the goals that were missed."""
    peers = list(dict.fromkeys(r["peer"] for r in rows))
    ours = {p.variant: p for p in peers if isinstance(p, Ours)}
    base = {(v, t): at_error(rows, p, t) for v, p in ours.items() for t in TARGETS}
    lines = [
        "| solver | ms at 5e-5 | x 4 lanes | x float32 | ms at 5e-7 | x 4 lanes | how |",
        "|---|---|---|---|---|---|---|",
    ]
    missed = []

    def show(value: float | None) -> str:
        return "-" if value is None else f"{value:.3g}"

    best: dict[str, list[float | None]] = {}
    for peer in peers:
        a, b = (at_error(rows, peer, t) for t in TARGETS)
        ratios = [
            None if a is None or not base["batch", TARGETS[0]] else a / base["batch", TARGETS[0]],
            None if a is None or not base["single", TARGETS[0]] else a / base["single", TARGETS[0]],
            None if b is None or not base["batch", TARGETS[1]] else b / base["batch", TARGETS[1]],
        ]
        cells = [peer.name, show(a), show(ratios[0]), show(ratios[1]), show(b), show(ratios[2]), peer.how]
        lines.append(f"| {' | '.join(cells)} |")
        family = next((g for g in GOALS if peer.name.startswith(g)), None)
        if family:
            known = best.setdefault(family, [None, None, None])
            best[family] = [
                x if y is None else y if x is None else min(x, y) for x, y in zip(known, ratios, strict=True)
            ]
    for family, goals in GOALS.items():
        what = ("float64 at 5e-5", "float32 at 5e-5", "float64 at 5e-7")
        for goal, found, where in zip(goals, best.get(family, [None] * 3), what, strict=True):
            if goal and found is not None and found < goal:
                missed.append(f"{family}, {where}: {found:.3g}x, the goal is {goal}x")
    scalar = base["scalar", TARGETS[0]]
    lsoda = next((p for p in peers if p.name == "numbalsoda"), None)
    peer = at_error(rows, lsoda, TARGETS[0]) if lsoda is not None else None
    if scalar and peer:
        lines.append(f"\nOne patient alone against numbalsoda at 5e-5: {peer / scalar:.3g}x (goal 3.5x).")
        if peer / scalar < 3.5:
            missed.append(f"one patient alone against numbalsoda: {peer / scalar:.3g}x, the goal is 3.5x")
    return "\n".join(lines), missed


def figure(rows: list[dict]) -> None:
    """Draw time against error."""
    from il2model.plotting.figure import Drawing

    drawing = Drawing(figsize=(8, 5), layout="constrained")
    ax = drawing.subplots()
    for k, peer in enumerate(dict.fromkeys(r["peer"] for r in rows)):
        own = sorted((r for r in rows if r["peer"] is peer), key=lambda r: r["error"])
        own = [r for r in own if r["times"]]  # the interleaved ones
        y = [np.median(r["times"]) for r in own]
        style = "-" if isinstance(peer, Ours) else "--"
        ax.loglog([r["error"] for r in own], y, style, marker="os^vD<>Pxp"[k % 10], label=peer.name, markersize=5)
    ax.set_xlabel("error (median over patients)")
    ax.set_ylabel("CPU ms per patient, one core")
    ax.set_title("MIROCALS, 640 days, 95 doses, 35 states: work against precision", fontsize=11, loc="left")
    ax.grid(alpha=0.3, which="both", linewidth=0.4)
    ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    drawing.savefig(HERE / "work-precision.png", dpi=130)


def scaling() -> list[dict[str, object]]:
    """Cost per patient against patients, threads, doses and states; steps; sensitivities; starts."""
    import il2model as il2
    from il2model.dosing.regimen import Regimen
    from il2model.solver.blueprint import VARIANTS
    from il2model.solver.fast import StepTape
    from il2model.solver.problem import SolverOptions

    rows: list[dict[str, object]] = []
    options = SolverOptions(rtol=1e-4)

    def add(what: str, x: object, value: float, unit: str) -> None:
        rows.append({"what": what, "x": x, "value": value, "unit": unit})
        print(f"{what:40s} {x!s:>8s} {value:10.4g} {unit}", flush=True)

    case = make_case(4096)
    batch = case.kernel.variant("batch")
    sizes = (16, 64, 256, 1024, 4096)
    found: dict[int, list[float]] = {n: [] for n in sizes}
    for _ in range(3):  # each size does the same work in each round
        for n in sizes:
            parts = [case.part(k, k + n) for k in range(0, 4096, n)]
            found[n].append(_cpu(lambda parts=parts: [batch.solve(p, options) for p in parts]) / 4096)
    for n in sizes:
        add("CPU per patient by patients", n, 1e3 * float(np.median(found[n])), "ms")
    result = batch.solve(case.part(0, 1024), options)
    for q in (50, 99, 100):
        add("steps per patient, percentile", q, float(np.percentile(result.steps, q)), "steps")
    add("rejected steps", "share", float(result.rejected.sum() / result.steps.sum()), "")
    for doses in (0, 1, 19, 95, 200, 400):
        every = 640 / doses if doses else 1
        plan = Regimen.cyclic("2 MIU", 1, every, doses) if doses > 1 else Regimen.cyclic("2 MIU", 1, 28, 1)
        few = make_case(64, regimen=plan if doses else Regimen.named("placebo"))
        add(
            "CPU per patient by doses",
            doses,
            1e3 * min(_cpu(lambda few=few: batch.solve(few.problem, options)) for _ in range(3)) / 64,
            "ms",
        )
    for variant in VARIANTS:
        solver = case.kernel.variant(variant)
        count = 16 if variant == "scalar" else 256
        for rtol in (1e-4, 1e-6) if variant != "single" else (1e-4,):
            ms = (
                1e3
                * min(
                    _cpu(lambda s=solver, r=rtol, c=count: s.solve(case.part(0, c), SolverOptions(rtol=r)))
                    for _ in range(3)
                )
                / count
            )
            add(f"CPU per patient, {variant}", f"{rtol:g}", ms, "ms")

    half, problem = il2_half()
    small = half.variant("batch")
    for states, solver, given in ((len(half.blueprint.states), small, problem), (35, batch, case.part(0, 64))):
        add(
            "CPU per patient by states",
            states,
            1e3 * min(_cpu(lambda s=solver, g=given: s.solve(g, options)) for _ in range(3)) / 64,
            "ms",
        )

    cohort = il2.Cohort.sample(2000, seed=1)
    walls = {}
    for threads in (1, 2, 1, 2, 1, 2):
        start = time.perf_counter()
        il2.simulate("mirocals", cohort=cohort, save=[640], observables=["survival"], workers=threads, options=options)
        walls[threads] = min(walls.get(threads, 9e9), time.perf_counter() - start)
    add("wall of 2000 patients, threads", 1, walls[1], "s")
    add("wall of 2000 patients, threads", 2, walls[2], "s")
    add("two threads against one", "", walls[1] / walls[2], "x")

    scalar = case.kernel.variant("scalar")
    lanes = case.part(0, 26)
    for rtol in (1e-4, 1e-6):
        o = SolverOptions(rtol=rtol)
        tape = StepTape.record(1, 100_000)
        one = min(_cpu(lambda o=o: scalar.solve(case.part(0, 16), o)) for _ in range(3)) / 16
        scalar.solve(case.part(0, 1), o, tape)
        many = min(_cpu(lambda o=o, t=tape: batch.solve(lanes, o, t.replay(np.zeros(26, np.int64)))) for _ in range(5))
        add("25 sensitivities in scalar patients", f"{rtol:g}", (many + one) / one, "patients")

    for what, code, times in (
        ("first simulate(), empty cache", "import il2model as i; i.simulate('mirocals')", 3),
        ("first simulate(), warm cache", "import il2model as i; i.simulate('mirocals')", 5),
        (
            "first cohort, empty cache",
            "import il2model as i; i.simulate('mirocals', cohort=i.Cohort.sample(8), save=[640])",
            2,
        ),
        ("import il2model", "import il2model", 5),
    ):
        found = []
        for _ in range(times):
            with tempfile.TemporaryDirectory() as folder:
                environment = dict(os.environ)
                if "empty" in what:
                    environment["IL2MODEL_CACHE"] = folder
                timed = f"import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
                out = subprocess.run(
                    [sys.executable, "-c", timed], capture_output=True, text=True, env=environment, check=True
                )
                found.append(float(out.stdout))
        add(what, "median", float(np.median(found)), "s")
    flops, bytes_moved = count_work(case)
    add("flops per step and lane (counted)", "", flops, "flop")
    add("bytes per step and lane (counted)", "", bytes_moved, "B")
    return rows


def count_work(case: object) -> tuple[float, float]:
    """Arithmetic and memory traffic of one step, counted in its text: fma is two, a load or store 8 bytes."""
    import re

    text = case.kernel.blueprint.step_text("scalar")
    functions = dict(re.findall(r"^define .*?@(\w+)\(.*?\{\n(.*?)^\}", text, re.M | re.S))

    def count(body: str) -> np.ndarray:
        flops = len(re.findall(r"= f(?:add|sub|mul|div) ", body)) + 2 * body.count("@llvm.fma")
        moved = 8 * (len(re.findall(r"= load ", body)) + len(re.findall(r"^  store ", body, re.M)))
        inner = [count(functions[f]) for f in re.findall(r"call \w+ @(\w+)\(", body) if f in functions]
        return np.array([flops, moved], float) + sum(inner, np.zeros(2))

    attempt, n = functions["attempt"], len(case.kernel.blueprint.states)
    loops = re.findall(r"^loop\d+:\n(.*?)^done", attempt, re.M | re.S)
    outside = re.sub(r"^loop\d+:\n.*?^done", "", attempt, flags=re.M | re.S)
    total = count(outside) + n * sum((count(body) for body in loops), np.zeros(2))
    return float(total[0]), float(total[1])


def _cpu(call: object) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def machine() -> dict[str, object]:
    """What this was measured on."""
    found = {}
    for p in (
        "il2model",
        "numpy",
        "numba",
        "llvmlite",
        "scipy",
        "numbalsoda",
        "libroadrunner",
        "amici",
        "scikit-sundae",
        "diffrax",
        "jax",
    ):
        try:
            found[p] = version(p)
        except PackageNotFoundError:
            continue
    cpu_name = next(
        (x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x), ""
    )
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "cpu": cpu_name,
        "cores": os.cpu_count(),
        "versions": found,
    }


def main() -> int:
    """Run everything; exit 1 if a ratio misses its goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--without", default="", help="peers to leave out, such as amici,diffrax")
    parser.add_argument("--only", choices=["peers", "scaling"])
    args = parser.parse_args()
    HERE.mkdir(exist_ok=True)
    (HERE / "machine.json").write_text(json.dumps(machine(), indent=1) + "\n")
    missed: list[str] = []
    if args.only != "scaling":
        without = {w.strip().lower() for w in args.without.split(",") if w.strip()}
        rows = measure(3 if args.quick else args.rounds, without | ({"amici", "diffrax"} if args.quick else set()))
        table, missed = report(rows)
        print("\n" + table)
        with (HERE / "peers.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(
                ["solver", "rtol", "error_median", "error_max", "patients", "rounds", "cpu_ms_median", "cpu_ms_min"]
            )
            for r in rows:
                if not r["times"]:
                    continue  # a first look, not interleaved
                times = r["times"]
                numbers = [f"{r['error']:.3e}", f"{r['worst']:.3e}", r["peer"].patients, len(r["times"])]
                writer.writerow([r["peer"].name, r["rtol"], *numbers, f"{np.median(times):.4g}", f"{min(times):.4g}"])
        notes = "\n".join(f"- missed: {m}" for m in missed) or "- every goal is met"
        head = (
            "# Solvers side by side\n\n"
            "Written by `benchmarks/run.py`: MIROCALS (95 doses, 640 days, 103 saved times, 13 outputs, 35 states), "
            "patients drawn from the priors, CPU milliseconds per patient on one core, medians of interleaved rounds, "
            "each solver at equal achieved error (interpolated between its two nearest tolerances).\n\n"
        )
        (HERE / "peers.md").write_text(head + table + "\n\n## Goals\n\n" + notes + "\n")
        figure(rows)
    if args.only != "peers":
        with (HERE / "scaling.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, ["what", "x", "value", "unit"])
            writer.writeheader()
            writer.writerows(r | {"value": f"{r['value']:.5g}"} for r in scaling())
    for m in missed:
        print(f"missed: {m}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
