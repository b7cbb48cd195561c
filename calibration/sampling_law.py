"""How the results of a trial like MIROCALS vary by chance, and together: for the joint likelihood.

    python calibration/sampling_law.py

Simulates 3,000 trials of 2 x 110 patients with the effect of the start values and
3,000 without one, and prints SD, bias against the infinite trial and correlations of ln
HR (all, low, high pNFH) and of the deaths on placebo. The rounded mean of both
stands in trials/mirocals.toml.
"""

import numpy as np

from il2model.calibration.mirocals import arms
from il2model.calibration.replicates import sampling_law
from il2model.calibration.simulator import Simulator, Size
from il2model.calibration.targets import load_targets
from il2model.parameters import load_parameters
from il2model.solver.kernel import builtin_kernel


def main() -> None:
    """Print the tables."""
    simulator = Simulator(builtin_kernel(), load_parameters("prior"), load_targets().arms, Size(patients=2048))
    off = {"hazard_inflammation": np.zeros(1), "inflammatory_damage_max": np.full(1, 1e-6)}
    for name, table in (("start values", {}), ("no effect", off)):
        trial = arms(simulator, table)[0]
        assert trial is not None
        law = sampling_law(trial, 3000, seed=5)
        print(f"\n{name}")
        for key, value in law.items():
            print(f"  {key}: {np.round(value, 3) if isinstance(value, np.ndarray) else value}")


if __name__ == "__main__":
    main()
