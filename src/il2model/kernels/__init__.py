"""Code generation and solvers; only this layer knows Numba and llvmlite."""
