# Every target that needs Python sets it up first; `make` alone prints this list.
.DEFAULT_GOAL := help
.PHONY: help setup up demo test long faults fuzz machine lint types hooks generate verify images images-test bench bench-docs clean
PYTHON ?= python3
BIN := .venv/bin
empty :=
space := $(empty) $(empty)
SOURCES := $(subst $(space),:,$(wildcard libs/*/src services/*/src))
MANIFESTS := uv.lock pyproject.toml $(wildcard libs/*/pyproject.toml services/*/pyproject.toml)

# What only looks runs side by side, one for each core; the tests have the machine for themselves, and begin when it is
# through.
LOOKS := lint types verify
ifneq ($(filter $(LOOKS),$(MAKECMDGOALS)),)
MAKEFLAGS += -j2
endif

# Where it is set, each of the hundreds of processes of a stack or a test run would compile all that it imports anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## Print what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: .venv/.ready ## Create .venv and install everything into it (from uv.lock)

.venv/.ready: $(MANIFESTS) scripts/setup.py
	@$(PYTHON) scripts/setup.py
	@touch $@

up: setup ## Start the whole stack, until Ctrl-C (AGENTS=3 for three agents, S3=rclone, QUIET=1 without the services' logs)
	@$(BIN)/tseeder up $(if $(AGENTS),--agents $(AGENTS)) $(if $(S3),--s3 $(S3)) $(if $(QUIET),--quiet)

demo: setup ## Start the stack and carry a real torrent through it (ONCE=1, TORRENT=file, MAGNET=uri, AGENTS=n)
	@$(BIN)/tseeder demo $(if $(AGENTS),--agents $(AGENTS)) $(if $(ONCE),--once) $(if $(TORRENT),--torrent '$(TORRENT)') $(if $(MAGNET),--magnet '$(MAGNET)')

test: setup $(filter $(LOOKS),$(MAKECMDGOALS)) ## Run the tests, on real Postgres, NATS, S3 and torrent peers
	@$(BIN)/python -m pytest tests -n 4 -m "not images and not faults and not long"

long: setup ## Run the tests that `make test` leaves out: RadosGW, browsers and players, launchers, archives, real waits
	@$(BIN)/python -m pytest tests -n 4 -m "long and not images and not faults"

faults: setup ## Kill, freeze, cut off and fill what runs, and prove that nothing is lost (ROWS="1 3" of the matrix, SEED=n, MIB=n)
	@TMPDIR=$${TMPDIR:-/tmp} FAULT_MIB=$(or $(MIB),2048) FAULT_SEED=$(SEED) $(BIN)/python -m pytest tests -m faults $(if $(ROWS),-k '$(subst $(space), or ,$(ROWS:%=row%_))')

fuzz: setup ## 10,000 fresh requests to every operation of the API (SEED=n for those of an earlier run)
	@FUZZ_CASES=10000 FUZZ_SEED=$(or $(SEED),new) $(BIN)/python -m pytest tests/fuzz -rP

machine: setup ## Leases in 500 fresh runs of 60 steps: lost answers, crashes, outages, old epochs (SEED=n for those of an earlier run, N=runs)
	@MACHINE_EXAMPLES=$(or $(N),500) MACHINE_STEPS=60 MACHINE_SEED=$(or $(SEED),new) $(BIN)/python -m pytest tests/integration/jobs/test_lease_machine.py -rP

bench: setup ## Measure, alone on a quiet machine (B=ingest, firstbyte, loads, crowd, claims, logins, timing or rest for one; QUICK=1 to try; SIGN=never: no payload is signed, as over TLS; DOCS=1 writes docs/performance.md)
	@BENCH_SIGN_PAYLOAD=$(SIGN) $(BIN)/python -m tests.bench $(B) $(if $(QUICK),--quick) $(if $(DOCS),--docs)

bench-docs: setup ## Write the last results of the benches into docs/performance.md
	@$(BIN)/python -m tests.bench $(B) --only-docs

lint: setup ## ruff and the import rules
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python scripts/check_sizes.py
	@$(BIN)/python scripts/check_codes.py
	@$(BIN)/python scripts/check_migrations.py

types: setup ## mypy, strict
	@MYPYPATH=$(SOURCES) $(BIN)/mypy libs services tests scripts

hooks: setup ## Check what is quick to check before each commit (pre-commit, offline)
	@$(BIN)/pre-commit install

generate: setup ## Write the stubs in libs/proto/src from proto/
	@$(BIN)/python scripts/generate.py

verify: setup ## Fail if what is generated and committed is stale
	@$(BIN)/python scripts/generate.py --check

images: setup ## Build the services' images, and print their sizes (IMAGES="gateway jobs", BASE=image@digest, TAG=tag, PUSH=registry)
	@$(BIN)/python scripts/images.py $(IMAGES) $(if $(BASE),--base '$(BASE)') $(if $(TAG),--tag '$(TAG)') $(if $(PUSH),--push '$(PUSH)')

images-test: images ## Run the images as they run in a cluster, on real Postgres, NATS, S3 and a torrent peer (needs podman)
	@$(BIN)/python -m pytest tests/images $(if $(TAG),--images-tag '$(TAG)')

clean: ## Remove .venv and caches; the stack's data in .tseeder stays
	rm -rf .venv .tseeder/vendor .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
