# Two commands do everything: `make demo` and `make test`.
# Each sets up a virtual environment of its own (in .venv) from nothing.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
WORKERS ?= 2

.PHONY: demo test check-long smoke hooks calibrate examine report docs bench format clean

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("il2model needs Python 3.11 or newer; set PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(VENV)/.ready ## simulate the arms of IMODALS and MIROCALS into results/demo/
	$(BIN)/il2model demo -o results/demo --overwrite

test: $(VENV)/.ready ## format, lint, types, import layers, tests
	$(BIN)/ruff format --check src tests docs benchmarks calibration
	$(BIN)/ruff check src tests docs benchmarks calibration
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest -n $(WORKERS)

check-long: $(VENV)/.ready docs ## slow and statistical checks, and the docs
	$(BIN)/pytest -n $(WORKERS) -m long

smoke: $(VENV)/.ready ## build the wheel, and run it from outside the checkout
	rm -rf build/smoke
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps -w build/smoke .
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target build/smoke/site build/smoke/*.whl
	cd build/smoke && PYTHONPATH=site "$(CURDIR)/$(BIN)/python" -c 'import il2model, sys; sys.exit("site" not in il2model.__file__)'
	cd build/smoke && PYTHONPATH=site "$(CURDIR)/$(BIN)/python" -m il2model simulate --regimen imodals-2miu --at 0,7,28
	cd build/smoke && PYTHONPATH=site "$(CURDIR)/$(BIN)/python" -m il2model trial mirocals --replicates 2 --pool 20

hooks: $(VENV)/.ready ## check before each commit what make test checks in seconds
	$(BIN)/pre-commit install

calibrate: $(VENV)/.ready ## fit the model: minutes on two cores, into results/calibration/; goes on where it was killed
	$(BIN)/python calibration/imodals.py results/calibration
	$(BIN)/python calibration/mirocals.py results/calibration
	$(BIN)/il2model report results/calibration -o results/calibration/report.html

examine: calibrate ## structures, checks and calibration of the sampler of that fit, and its report again
	$(BIN)/python calibration/examine.py results/calibration
	$(BIN)/il2model report results/calibration -o results/calibration/report.html

report: $(VENV)/.ready ## two sensitivity studies and their page, minutes, into results/sensitivity/
	$(BIN)/il2model sensitivity --method sobol --n 256 --resume -o results/sensitivity/courses
	$(BIN)/il2model sensitivity --method morris --n 8 --outputs survival_difference,alsfrs_r_difference --patients 64 --alone --resume -o results/sensitivity/arms
	$(BIN)/il2model report results/sensitivity/courses results/sensitivity/arms -o results/sensitivity/report.html

$(VENV)/.docs: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	@touch $@

docs: $(VENV)/.docs ## build the documentation into docs/_build/html
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

$(VENV)/.bench: $(VENV)/.ready benchmarks/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r benchmarks/requirements.txt
	@touch $@

bench: $(VENV)/.bench ## measure beside the peers (builds numbalsoda and AMICI from source), write benchmarks/results/
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python benchmarks/run.py

format: $(VENV)/.ready
	$(BIN)/ruff format src tests docs benchmarks calibration
	$(BIN)/ruff check --fix src tests docs benchmarks calibration

clean:
	rm -rf $(VENV) results build docs/_build docs/jupyter_execute .mypy_cache .ruff_cache .pytest_cache
