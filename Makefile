# Two commands do all the set-up on a machine with Python 3.11, 3.12 or 3.13 and make: `make demo` and `make test`.
PYTHON ?= python3
CONSTRAINTS := constraints/$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])').txt
BIN := .venv/bin

.PHONY: demo up example test test-all bench-quality bench-aigc bench-growth bench-encoder lint format docs dist constraints clean

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
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Builds with the pinned hatchling of .venv, so no index is needed.
dist: .venv/ready
	rm -rf dist
	$(BIN)/python -m hatchling build

# The versions of constraints/3.11.txt, for Pythons that the tests do not run on; needs uv. PyTorch brings its own CUDA.
constraints:
	for version in 3.12 3.13; do \
		printf 'hatchling\neditables\n' | uv pip compile --quiet --custom-compile-command 'make constraints' \
			--python-version $$version --python-platform linux --only-binary :all: --all-extras --group dev --group docs \
			--constraint constraints/3.11.txt --no-annotate --output-file constraints/$$version.txt pyproject.toml - && \
		sed -i -E '/^(cuda|nvidia|triton)/d' constraints/$$version.txt || exit 1; \
	done

clean:
	rm -rf .venv .venv-rectools .chatrec examples/*/.chatrec dist site

.venv/ready: $(CONSTRAINTS) language.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -r $(CONSTRAINTS)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps -r language.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@

constraints/%.txt:
	@echo "chatrec is for Python 3.11, 3.12 and 3.13, and $(PYTHON) is $*: make PYTHON=python3.11" >&2; exit 1

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
