"""Importance sampling finds laws and evidence that are known, refuses a bad fit, and does not depend on who works."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import norm, t

from il2model.calibration.bridge import bridged
from il2model.calibration.importance import explore
from il2model.calibration.sampled import evidence_of
from il2model.calibration.sampling import ImportanceOptions
from il2model.errors import InputError, SimulationError
from il2model.runs import RunOptions

OPTIONS = ImportanceOptions(seed=5)
HERE = RunOptions(executor=ThreadPoolExecutor(2))


class Gaussian:
    """Each of 24 coordinates is seen with an error of 0.2: far from the prior."""

    coordinates, steps = tuple("abcdefghijklmnopqrstuvwx"), 0
    seen = np.linspace(-1.5, 1.5, 24)

    def log_likelihood(self, z):
        return norm.logpdf(z, self.seen, 0.2).sum(axis=1)

    log_evidence = norm.logpdf(seen, 0, np.sqrt(1.04)).sum()
    mean, sd = seen / 1.04, np.full(24, 0.2 / np.sqrt(1.04))


class Correlated:
    """The sum of six coordinates is seen sharply, and each a little."""

    coordinates, steps = tuple("abcdef"), 0
    A = np.vstack([np.ones(6), np.eye(6)])
    noise = np.array([0.05, *np.full(6, 0.8)])
    seen = np.array([3.0, 1.0, -1.0, 0.5, 0.0, 0.2, -0.3])

    def log_likelihood(self, z):
        return norm.logpdf(z @ self.A.T, self.seen, self.noise).sum(axis=1)

    _all = A @ A.T + np.diag(noise**2)
    log_evidence = -0.5 * (seen @ np.linalg.solve(_all, seen) + np.linalg.slogdet(2 * np.pi * _all)[1])
    _covariance = np.linalg.inv(np.eye(6) + A.T @ np.diag(noise**-2.0) @ A)
    mean, sd = _covariance @ A.T @ (seen / noise**2), np.sqrt(np.diag(_covariance))


class Banana:
    """The second coordinate is the square of the first within 0.1; the first is seen at 1 +- 1."""

    coordinates, steps = ("a", "b", "unseen"), 0

    def log_likelihood(self, z):
        return norm.logpdf(z[:, 1], z[:, 0] ** 2, 0.1) + norm.logpdf(z[:, 0], 1, 1)

    @staticmethod
    def _moment(k):
        def integrand(a):
            return a**k * norm.pdf(a) * norm.pdf(a, 1, 1) * norm.pdf(a**2, 0, np.sqrt(1.01))

        return quad(integrand, -6, 6, limit=200)[0]

    log_evidence = np.log(_moment(0))
    _m1, _m2, _m4 = _moment(1) / _moment(0), _moment(2) / _moment(0), _moment(4) / _moment(0)
    mean = np.array([_m1, _m2 / 1.01, 0.0])
    sd = np.sqrt(np.array([_m2 - _m1**2, (_m4 - _m2**2) / 1.01**2 + 0.01 / 1.01, 1.0]))


class Bimodal:
    """Two peaks of unequal weight, far apart in five coordinates."""

    coordinates, steps = tuple("abcde"), 0
    peaks, shares, width = np.array([-1.2, 1.4]), np.log([0.3, 0.7]), 0.25

    def log_likelihood(self, z):
        return logsumexp(
            [s + norm.logpdf(z, m, self.width).sum(axis=1) for m, s in zip(self.peaks, self.shares)], axis=0
        )

    _each = shares + 5 * norm.logpdf(peaks, 0, np.sqrt(1 + width**2))
    log_evidence = logsumexp(_each)
    _p = np.exp(_each - log_evidence)
    mean = np.full(5, _p @ peaks / (1 + width**2))
    sd = np.full(5, np.sqrt(_p @ (peaks / (1 + width**2)) ** 2 - mean[0] ** 2 + width**2 / (1 + width**2)))


class WideT:
    """Four coordinates are seen with Cauchy errors: peaks with tails as wide as the prior."""

    coordinates, steps = tuple("abcd"), 0

    def log_likelihood(self, z):
        return t.logpdf(z, 1, 1.5, 0.1).sum(axis=1)

    @staticmethod
    def _moment(k):
        return quad(lambda a: a**k * norm.pdf(a) * t.pdf(a, 1, 1.5, 0.1), -8, 8, points=[1.5], limit=400)[0]

    log_evidence = 4 * np.log(_moment(0))
    mean = np.full(4, _moment(1) / _moment(0))
    sd = np.sqrt(np.full(4, _moment(2) / _moment(0)) - mean**2)


class Tangled:
    """A likelihood on a fine winding line: no mixture of a few t laws is like it."""

    coordinates, steps = tuple("abcdef"), 0

    def log_likelihood(self, z):
        return norm.logpdf(z[:, ::2], np.sin(9 * z[:, 1::2]), 0.02).sum(axis=1)


class Nothing:
    coordinates, steps = ("a",), 0

    def log_likelihood(self, z):
        return np.full(len(z), np.nan)


class Slow(Bimodal):
    def log_likelihood(self, z):
        time.sleep(0.2)
        return super().log_likelihood(z)


@cache
def of_gaussian():
    """Draws that two tests look at."""
    return explore(Gaussian, None, OPTIONS, HERE)


@pytest.mark.parametrize("law", [Gaussian, Correlated, Banana, Bimodal, WideT])
def test_a_known_law_is_found_with_its_evidence_by_two_methods(law):
    drawn = of_gaussian() if law is Gaussian else explore(law, None, OPTIONS, HERE)
    assert drawn.converged and drawn.pareto_k < 0.5 and drawn.effective_draws >= 800
    log_evidence, error = drawn.evidence
    assert error < 0.05
    assert log_evidence == pytest.approx(law.log_evidence, abs=4 * error)
    second = bridged(law, None, {}, drawn, 3, HERE)
    assert second.error < 0.1
    assert second.log == pytest.approx(law.log_evidence, abs=4 * second.error)
    away, w = drawn.z - drawn.moments[0], drawn.weight[:, None]
    variance = (w * away**2).sum(axis=0)
    known = law.mean, law.sd**2
    errors = np.sqrt((w**2 * away**2).sum(axis=0)), np.sqrt((w**2 * (away**2 - variance) ** 2).sum(axis=0))
    for found, expected, se in zip((drawn.moments[0], variance), known, errors, strict=True):
        assert (np.abs(found - expected) < 4 * se).all()
    chains = drawn.chains(1)
    assert chains.z.shape == (4, 1200, 1, len(law.coordinates))
    np.testing.assert_allclose(
        chains.z.mean(axis=(0, 1, 2)), drawn.moments[0], atol=2 * law.sd.max() / np.sqrt(drawn.effective_draws)
    )


def test_a_bad_fit_is_refused_and_its_evidence_not_told(caplog):
    with caplog.at_level("INFO", "il2model"):
        drawn = explore(Tangled, None, ImportanceOptions(rounds=5, seed=1), HERE, label="tangled")
    assert not drawn.converged
    assert drawn.rounds == 5
    assert drawn.effective_draws < 100
    assert evidence_of(drawn) == {"log": None, "error": None, "method": "importance"}
    assert any("Pareto k" in m for m in caplog.messages)
    with pytest.raises(SimulationError, match="none of 1536 draws could be run"):
        explore(Nothing, None, OPTIONS, HERE)


def test_few_draws_that_stand_there_many_times_are_bridged_all_the_same():
    drawn = explore(Gaussian, None, ImportanceOptions(rounds=2, seed=1), HERE)
    assert drawn.effective_draws < 20
    assert len(np.unique(drawn.equal(80, 3))) < 60, "walkers begin at the same place"
    second = bridged(Gaussian, None, {}, drawn, 3, HERE)
    assert np.isfinite(second.log) and second.error > 0


def test_draws_do_not_depend_on_who_works_or_on_the_folder(tmp_path):
    one = explore(Bimodal, None, OPTIONS, RunOptions(workers=1))
    two = explore(Bimodal, tmp_path, OPTIONS, RunOptions(workers=2))
    there = explore(Bimodal, None, OPTIONS, HERE)
    again = explore(Bimodal, tmp_path, OPTIONS, HERE)
    for other in (two, there, again):
        assert np.array_equal(one.z, other.z)
        assert np.array_equal(one.log_weight, other.log_weight)
        assert other.evidence == one.evidence
    with pytest.raises(InputError, match="holds another job: its options"):
        explore(Bimodal, tmp_path, ImportanceOptions(seed=6), HERE)
    other = explore(Bimodal, None, ImportanceOptions(seed=6), HERE)
    assert not np.array_equal(one.z[:10], other.z[:10])


def test_draws_of_a_similar_problem_are_a_start():
    from_prior = of_gaussian()
    start = Gaussian.mean + 0.3 * np.random.default_rng(1).standard_normal((500, 24))
    near = explore(Gaussian, None, OPTIONS, HERE, start=start)
    assert near.converged and near.evaluations < from_prior.evaluations
    far = explore(Gaussian, None, OPTIONS, HERE, start=start + 0.3)
    assert far.converged and far.evidence[0] == pytest.approx(Gaussian.log_evidence, abs=4 * far.evidence[1])
    assert near.evidence[0] == pytest.approx(Gaussian.log_evidence, abs=4 * near.evidence[1])


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import test_importance as t
if __name__ == "__main__":
    t.explore(t.Slow, Path(sys.argv[2]), t.OPTIONS, t.RunOptions(workers=2))
"""


def test_a_killed_run_goes_on_to_the_same_bits(tmp_path):
    script, folder = tmp_path / "script.py", tmp_path / "run"
    script.write_text(SCRIPT)
    running = subprocess.Popen([sys.executable, str(script), os.path.dirname(__file__), str(folder)])
    deadline = time.time() + 60
    while not (folder / "round-01.npz").exists() and time.time() < deadline:
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    stored = sorted(p.name for p in Path(folder).glob("*.npz"))
    whole = explore(Bimodal, None, OPTIONS, HERE)
    assert 2 <= len(stored) < whole.rounds, "it was killed in the middle"
    again = explore(Bimodal, folder, OPTIONS, HERE)
    assert np.array_equal(whole.z, again.z)
    assert whole.evidence == again.evidence


def test_an_interrupted_run_ends_soon_and_goes_on_to_the_same_bits(tmp_path):
    """Ctrl-C in the middle of a round, in a process of its own with two workers."""
    script, folder = tmp_path / "script.py", tmp_path / "run"
    script.write_text(SCRIPT)
    words = [sys.executable, str(script), os.path.dirname(__file__), str(folder)]
    running = subprocess.Popen(words, start_new_session=True, stderr=subprocess.PIPE)
    deadline = time.time() + 60
    while not (folder / "round-01.npz").exists() and time.time() < deadline:
        time.sleep(0.05)
    begun = time.perf_counter()
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to all processes of the group
    running.communicate(timeout=30)
    assert time.perf_counter() - begun < 5, "the rest of the round is not waited for"
    assert running.returncode != 0
    whole = explore(Bimodal, None, OPTIONS, HERE)
    stored = sorted(folder.glob("round-*.npz"))
    assert 2 <= len(stored) < whole.rounds
    again = explore(Bimodal, folder, OPTIONS, HERE)
    assert np.array_equal(whole.z, again.z)
    assert np.array_equal(whole.log_weight, again.log_weight)
