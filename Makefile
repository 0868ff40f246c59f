# Two commands do all the set-up on a machine with Python >= 3.11 and make: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo up example test test-all bench-quality bench-aigc bench-growth bench-encoder lint format docs clean

demo: .venv/ready
	@$(BIN)/chatrec demo

up: .venv/ready
	@$(BIN)/chatrec up

# NAME=shop, feed or news; ARGS="--users 5000 --seed 1" for another size and other tables.
example: .venv/ready
	@$(BIN)/python -m examples $(NAME) $(ARGS)

test: lint .venv/accountant
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 $(ARGS)

test-all: lint .venv/accountant
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -m "not system" --hypothesis-profile thorough $(ARGS)
	$(BIN)/pytest -m system --timeout 900

bench-quality: .venv/bench $(if $(findstring --slow,$(ARGS)),.venv-rectools/ready)
	$(BIN)/python -m benchmarks.quality --data $(DATA) --evalkit $(EVALKIT) $(ARGS)

# One thread: seconds of CPU are then seconds, and a variant is not paid for waiting.
bench-aigc: .venv/ready
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.aigc $(if $(DATA),--data $(DATA) --evalkit $(EVALKIT)) $(ARGS)

bench-growth: .venv/ready
	$(BIN)/python -m benchmarks.growth --data $(DATA) $(ARGS)

bench-encoder: .venv/bench
	$(BIN)/python -m benchmarks.encoder --data $(DATA) --evalkit $(EVALKIT) $(ARGS)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/ready
	$(BIN)/python docs/generate.py

clean:
	rm -rf .venv .venv-rectools .chatrec examples/*/.chatrec

.venv/ready: requirements.lock language.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("chatrec needs Python 3.11 or later: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps -r language.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/accountant: .venv/ready accountant.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps -r accountant.lock
	@touch $@

.venv/bench: .venv/ready benchmarks/requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps -r benchmarks/requirements.lock
	@touch $@

.venv-rectools/ready: benchmarks/rectools.lock
	$(PYTHON) -m venv .venv-rectools
	.venv-rectools/bin/python -m pip install --disable-pip-version-check --progress-bar off -r benchmarks/rectools.lock
	@touch $@
