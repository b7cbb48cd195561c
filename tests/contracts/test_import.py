"""`import il2model` is free; a warm run needs no heavy library."""

import subprocess
import sys

HEAVY = ("sympy", "numba", "pandas", "xarray", "matplotlib", "SALib", "pint", "scipy")


def loaded_after(code: str) -> list[str]:
    check = f"{code}\nimport sys\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    return eval(out.stdout.strip().splitlines()[-1])


def test_the_import_loads_nothing_heavy():
    assert loaded_after("import il2model; il2model.Regimen, il2model.load_parameters") == []


def test_a_warm_simulation_loads_nothing_heavy(kernel):
    kernel.variant("scalar")
    assert loaded_after("import il2model as il2; il2.simulate('mirocals')") == []


def test_every_public_name_exists_and_is_documented():
    import il2model as il2

    for name in il2.__all__:
        assert getattr(il2, name) is not None
        if name != "__version__":
            assert (getattr(il2, name).__doc__ or "").strip(), name
    assert set(il2.__all__) <= set(dir(il2))
