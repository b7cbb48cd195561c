"""The sampler finds posteriors that are known, whatever the workers, and goes on after a kill."""

import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import halfcauchy

from il2model.calibration.diagnostics import convergence, profile, verdict
from il2model.calibration.optimum import optimize
from il2model.calibration.sampler import sample
from il2model.calibration.sampling import SamplerOptions
from il2model.errors import InputError


@dataclass(frozen=True)
class Line:
    """Two of three coordinates are seen through a sum and a difference with noise: posterior in closed form."""

    coordinates: tuple[str, ...] = ("a", "b", "unseen")
    steps: int = 0

    @property
    def seen(self):
        return np.array([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0]]), np.array([1.0, 0.4]), np.array([0.3, 1.0])

    def log_likelihood(self, z):
        A, y, sd = self.seen
        return -0.5 * (((z @ A.T - y) / sd) ** 2).sum(axis=1)

    @property
    def exact(self):
        A, y, sd = self.seen
        precision = np.eye(3) + A.T @ np.diag(sd**-2) @ A
        covariance = np.linalg.inv(precision)
        return covariance @ A.T @ (y / sd**2), covariance


@dataclass(frozen=True)
class Other(Line):
    """The same, seen otherwise."""

    @property
    def seen(self):
        A, y, sd = super().seen
        return A, y + 1, sd


OPTIONS = SamplerOptions(walkers=16, burn=60, steps=500, thin=2, seed=3, checkpoint=50)


def test_a_linear_problem_has_its_closed_form_posterior(tmp_path):
    problem = Line()
    mean, covariance = problem.exact
    best = optimize(problem, OPTIONS)
    np.testing.assert_allclose(best.z, mean, atol=1e-3)
    np.testing.assert_allclose(best.covariance, covariance, atol=1e-3)
    chains = sample(Line, tmp_path, OPTIONS, optimum=best, workers=2)
    z = chains.z.reshape(-1, 3)
    for k in range(3):
        judged = convergence(chains.z[..., k])
        assert judged.rhat < 1.01
        assert judged.ess_bulk > 400
        error = np.sqrt(covariance[k, k] / judged.ess_bulk)
        assert z[:, k].mean() == pytest.approx(mean[k], abs=4 * error)
    np.testing.assert_allclose(np.cov(z.T), covariance, atol=0.1)


def test_profiles_say_what_the_data_bound():
    problem = Line()
    best = optimize(problem, OPTIONS)
    points = np.linspace(-2.5, 2.5, 9)
    curves = [profile(problem, k, best.z, best.covariance, points) for k in range(3)]
    words = [verdict(curve, points) for curve in curves]
    assert words == ["identifiable", "identifiable", "carried by its prior"]
    # the profile of a normal law is its marginal, and a wrong covariance is climbed away from
    mean, covariance = problem.exact
    for k in range(3):
        wrong = profile(problem, k, best.z, np.diag(np.diag(covariance)), points)
        exact = -0.5 * (points - mean[k]) ** 2 / covariance[k, k] + 0.5 * points**2
        np.testing.assert_allclose(curves[k] - curves[k].max(), exact - exact.max(), atol=0.01)
        np.testing.assert_allclose(wrong, curves[k], atol=0.6)
    assert verdict(np.array([-9.0, -3.0, 0.0, -0.1, -0.2]), points[:5]) == "bounded from below only"
    assert verdict(np.array([-0.3, -0.1, 0.0, -3.0, -9.0]), points[:5]) == "bounded from above only"
    # a point at which the model cannot run bounds nothing
    assert verdict(np.array([np.nan, -0.3, 0.0, -0.1, -0.2]), points[:5]) == "carried by its prior"


def test_draws_do_not_depend_on_the_workers(tmp_path):
    short = SamplerOptions(ensembles=3, walkers=8, burn=5, steps=40, thin=2, seed=9, checkpoint=7)
    one = sample(Line, tmp_path / "one", short, workers=1)
    two = sample(Line, tmp_path / "two", short, workers=2)
    assert np.array_equal(one.z, two.z)
    assert np.array_equal(one.log_likelihood, two.log_likelihood)
    other = sample(Line, tmp_path / "three", SamplerOptions(**{**short.__dict__, "seed": 10}), workers=2)
    assert not np.array_equal(one.z, other.z)


def test_another_run_in_the_folder_is_refused(tmp_path):
    short = SamplerOptions(ensembles=2, walkers=8, burn=0, steps=4, thin=1)
    sample(Line, tmp_path, short, workers=1)
    with pytest.raises(InputError, match="holds results already"):
        sample(Line, tmp_path, short, resume=False, workers=1)
    with pytest.raises(InputError, match="holds another job: its options"):
        sample(Line, tmp_path, SamplerOptions(ensembles=2, walkers=8, burn=0, steps=8, thin=1), workers=1)
    with pytest.raises(InputError, match="holds another job: its likelihood"):
        sample(Other, tmp_path, short, workers=1)
    (tmp_path / "ensemble-1.npz").write_bytes(b"PK nonsense")
    with pytest.raises(InputError, match="damaged; remove it and resume"):
        sample(Line, tmp_path, short, workers=1)


def test_a_killed_run_goes_on_to_the_same_bits(tmp_path):
    script = tmp_path / "slow_line.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys, time
            from pathlib import Path
            import numpy as np
            from il2model.calibration.sampler import sample
            from il2model.calibration.sampling import SamplerOptions

            class Slow:
                coordinates, steps = ("a", "b"), 0
                def log_likelihood(self, z):
                    time.sleep(float(sys.argv[2]) if len(sys.argv) > 2 else 0)
                    return -0.5 * ((z - 1.0) ** 2).sum(axis=1)

            OPTIONS = SamplerOptions(ensembles=2, walkers=8, burn=10, steps=90, thin=1, seed=4, checkpoint=5)
            if __name__ == "__main__":
                chains = sample(Slow, Path(sys.argv[1]), OPTIONS, workers=2)
                np.save(Path(sys.argv[1]) / "z.npy", chains.z)
            """
        )
    )

    def command(folder, wait):
        return [sys.executable, str(script), str(tmp_path / folder), str(wait)]

    subprocess.run(command("whole", 0), check=True, timeout=120)
    running = subprocess.Popen(command("killed", 0.05), start_new_session=True)
    deadline = time.time() + 60
    while not (tmp_path / "killed" / "ensemble-0.npz").exists() and time.time() < deadline:
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    with np.load(tmp_path / "killed" / "ensemble-0.npz") as saved:
        done, first = int(saved["step"]), saved["z"]
    assert 0 < done < 100, "it was killed in the middle"
    subprocess.run(command("killed", 0), check=True, timeout=120)
    whole, again = np.load(tmp_path / "whole" / "z.npy"), np.load(tmp_path / "killed" / "z.npy")
    assert np.array_equal(whole, again)
    assert np.array_equal(again[0][: len(first)], first)


class EightSchools:
    """Rubin 1981, non-centred: effect of coaching in eight schools (Gelman and others, Bayesian Data Analysis)."""

    y = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
    sigma = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
    coordinates = ("mu", "tau", *(f"theta{k}" for k in range(8)))
    steps = 0

    @staticmethod
    def natural(z):
        mu, tau = 5 * z[..., 0], halfcauchy(scale=5).ppf(ndtr(z[..., 1]))
        return mu, tau, mu[..., None] + tau[..., None] * z[..., 2:]

    def log_likelihood(self, z):
        theta = self.natural(z)[2]
        return -0.5 * (((self.y - theta) / self.sigma) ** 2).sum(axis=1)


def test_a_published_reference_posterior_is_reproduced(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz as az

        published = az.load_arviz_data("non_centered_eight").posterior  # ships with ArviZ
    options = SamplerOptions(walkers=32, burn=200, steps=1500, thin=3, seed=2, checkpoint=300)
    chains = sample(EightSchools, tmp_path, options, workers=2)
    mu, tau, theta = EightSchools.natural(chains.z)
    assert convergence(mu).good
    assert convergence(np.log(tau)).good
    for ours, theirs in [(mu, published["mu"]), (tau, published["tau"])] + [
        (theta[..., k], published["theta"][..., k]) for k in range(8)
    ]:
        theirs = theirs.values
        error = np.hypot(
            ours.std() / np.sqrt(convergence(ours).ess_bulk), theirs.std() / np.sqrt(float(az.ess(theirs)))
        )
        assert ours.mean() == pytest.approx(theirs.mean(), abs=4 * error)
        assert ours.std() == pytest.approx(theirs.std(), rel=0.12)


def test_poses_are_picklable():
    import pickle

    from il2model.calibration.problem import Problem
    from il2model.calibration.simulator import Size

    pickle.loads(pickle.dumps(partial(Problem.pose, "pk", size=Size(patients=64))))
