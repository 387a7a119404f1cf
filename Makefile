# The targets of every day. CI and Cloud Build call the same ones: .ci/run, cloudbuild.yaml.
# GNU make 3.81 (the one of macOS) is enough.

VENV := .venv
BIN := $(VENV)/bin
# Said once, for the messages; setup.py holds the range (python_requires).
SUPPORTED := 3.13 3.12 3.11 3.10
# An interpreter of your choice: make aml PYTHON=/path/to/python3.12
PYTHON ?=

NATIVE := native/kamiflow_native.abi3.so
NATIVE_SOURCES := $(wildcard native/Cargo.* native/src/*.rs)
DEPENDENCIES := setup.py pyproject.toml constraints.txt

.DEFAULT_GOAL := help
# Two installations into one .venv at a time would tread on each other under -j.
.NOTPARALLEL:
.PHONY: help aml godview metadata template proof install test test-slow lint types format golden native native-if-possible bench bench-live \
	bench-view bench-splunk bench-flink bench-growth bench-check chaos-splunk live-demo flink-demo stack-up stack-down constraints clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

aml: $(VENV)/.run ## Run the AML job on the shipped recordings; flags go in ARGS="..."
	@$(BIN)/python -m pipelines.aml --runner=DirectRunner $(ARGS)

GODVIEW := out/godview
SHOP := pipelines/recordings/shop

godview: $(VENV)/.run ## Make the god views of a recorded database, and hold them against its tables
	@rm -rf $(GODVIEW)
	@$(BIN)/python -m pipelines.change_log --source=recording:$(SHOP) --source_name=shop \
		--warehouse=duckdb:$(GODVIEW)/warehouse.duckdb --output_dir=$(GODVIEW)
	@$(BIN)/kami --config $(SHOP)/kami.yaml apply
	@$(BIN)/kami --config $(SHOP)/kami.yaml query shop.items --limit 5
	@$(BIN)/kami --config $(SHOP)/kami.yaml reconcile --against $(SHOP)/final.json

proof: $(VENV)/.test ## Run N more random histories through the god view: make proof N=5000
	@$(BIN)/python -m tests.proof $(or $(N),1000) $(ARGS)

install: $(VENV)/.run $(VENV)/.test $(VENV)/.lint ## Install everything that a contributor needs into .venv

# Two processes share the tests one by one, each with its own servers.
test: $(VENV)/.test native-if-possible ## Run the tests; flags of pytest go in ARGS="...", WORKERS=0 is one process
	@$(BIN)/python -m pytest -n $(or $(WORKERS),2) --dist load $(ARGS)

test-slow: $(VENV)/.test native-if-possible ## Run the tests of faults and of other runners, which take long
	@$(BIN)/python -m pytest -m slow $(ARGS)

lint: $(VENV)/.lint ## Check style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

# By package, never `mypy .`: that finds io/ and pipeline_io/ as two.
types: $(VENV)/.test $(VENV)/.lint ## Check types, strictly
	@$(BIN)/mypy -p pipelines -p transforms -p pipeline_io -p kami -p native -p templates -p tests

format: $(VENV)/.lint ## Rewrite the code in its one format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

golden: $(VENV)/.test ## Rewrite the golden files from what the code makes now; then read the diff
	@KAMIFLOW_GOLDEN=write $(BIN)/python -m pytest -q -k golden $(ARGS) || \
		{ [ $$? = 5 ] && echo "No test compares with a golden file yet."; }
	@git --no-pager diff --stat -- tests

metadata: $(VENV)/.run ## Rewrite the metadata of Flex Templates from the pipelines' flags
	@$(BIN)/python -m templates.metadata --write

template: $(VENV)/.run ## Build the image of a Flex Template and stage it: make template PIPELINE=aml
	@templates/stage.sh image $(PIPELINE) && templates/stage.sh template $(PIPELINE)

native: $(NATIVE) ## Build the native module (Avro, Kafka); needs cargo

bench: $(VENV)/.test native-if-possible ## Measure the AML job against the per-record route
	@$(BIN)/python -m tests.benchmarks.job_speed $(ARGS)

bench-live: $(VENV)/.test native-if-possible ## Measure live jobs: Kafka to Kafka and to Pub/Sub on each runner
	@$(BIN)/python -m tests.benchmarks.live_speed $(ARGS)

bench-view: $(VENV)/.test ## Measure queries of the god view beside the naive view, as the log grows
	@$(BIN)/python -m tests.benchmarks.view_speed $(ARGS)

bench-splunk: $(VENV)/.test ## Measure the sender to Splunk beside the limit of the stand-in
	@$(BIN)/python -m tests.benchmarks.splunk_speed $(ARGS)
	@$(BIN)/python -m tests.benchmarks.splunk_age

chaos-splunk: $(VENV)/.test ## Send a million events to a Splunk that fails all the time; nothing may be lost
	@$(BIN)/python -m tests.splunk.chaos $(ARGS)

live-demo: $(VENV)/.test native-if-possible ## Watch database changes become events, on real servers
	@$(BIN)/python -m tests.demo.live_demo $(ARGS)

flink-demo: $(VENV)/.test native-if-possible ## Kill each process of a job on a real Flink cluster, and count what arrives
	@$(BIN)/python -m tests.demo.flink_demo $(ARGS)

bench-flink: $(VENV)/.test native-if-possible ## Measure jobs beside Flink SQL, into docs/benchmarks.md
	@$(BIN)/python -m tests.benchmarks.flink_speed --page docs/benchmarks.md $(ARGS)

bench-growth: $(VENV)/.test native-if-possible ## Measure how time and memory grow with the work
	@$(BIN)/python -m tests.benchmarks.growth --page docs/benchmarks.md $(ARGS)

bench-check: $(VENV)/.test native-if-possible ## Compare the cost of small fixed works with the committed ones
	@$(BIN)/python -m tests.benchmarks.check $(ARGS)

stack-up: $(VENV)/.test ## Start the real servers that the tests use; ARGS="kafka mysql" for some
	@$(BIN)/python -m tests.stack up $(ARGS)

stack-down: $(VENV)/.test ## Stop them
	@$(BIN)/python -m tests.stack down $(ARGS)

constraints: $(VENV)/.run ## Pin the newest versions that setup.py allows; then run the tests
	@$(BIN)/uv --version >/dev/null 2>&1 || $(PIP) uv
	@echo uv | $(BIN)/uv pip compile --quiet --universal --upgrade --python-version 3.10 \
		--all-extras --no-annotate --no-emit-index-url \
		--custom-compile-command "make constraints" setup.py - --output-file constraints.txt

clean: ## Remove .venv and everything that was built
	@rm -rf $(VENV) .stack build dist out kamiflow.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@rm -rf native/target native/*.so
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The interpreter is tried by running it: a shim of pyenv exists for versions that do not run.
# A system Python without ensurepip cannot make a .venv, so it does not count either.
# A .venv that is there already and fits is kept.
$(VENV)/.made:
	@version_of() { "$$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }; \
	fits() { case " $(SUPPORTED) " in *" $$1 "*) ;; *) return 1 ;; esac; }; \
	chosen=; found=; \
	if fits "$$(version_of $(BIN)/python)" && $(BIN)/python -c 'import pip' 2>/dev/null; then \
		touch $@; exit 0; \
	fi; \
	if [ -e $(VENV) ]; then \
		echo "$(VENV) is there, without pip or a Python of $(SUPPORTED): move it away, or make clean." >&2; \
		exit 1; \
	fi; \
	for python in $(or $(PYTHON),$(SUPPORTED:%=python%) python3 python); do \
		version=$$(version_of $$python) || continue; \
		found="$$found $$python=$$version"; \
		fits "$$version" || continue; \
		"$$python" -c 'import ensurepip, venv' 2>/dev/null || { found="$$found(no venv)"; continue; }; \
		chosen=$$python; \
		break; \
	done; \
	if [ -z "$$chosen" ]; then \
		echo "kamiflow runs on Python $(SUPPORTED); found:$${found:- none}." >&2; \
		echo "Install one of them with its venv module (Debian, Ubuntu: apt install python3-venv)," >&2; \
		echo "or name one: make aml PYTHON=/path/to/python3.12" >&2; \
		exit 1; \
	fi; \
	echo "Making $(VENV) with Python $$version."; \
	"$$chosen" -m venv $(VENV) && touch $@

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python

# uv installs in parallel, in about a third of pip's time. It may be unavailable, or not know the
# package index that pip is configured for: then pip does the same.
define install
	@echo "Installing $(1) into $(VENV); this happens again when setup.py or constraints.txt change."
	@{ { $(BIN)/uv --version || $(PIP) uv -c constraints.txt; } && \
		$(UV) -e '$(2)' -c constraints.txt; } >$(VENV)/install.log 2>&1 || \
		$(PIP) -e '$(2)' -c constraints.txt
	@touch $@
endef

$(VENV)/.run: $(VENV)/.made $(DEPENDENCIES)
	$(call install,what the jobs and their launch need,.[deploy])

$(VENV)/.test: $(VENV)/.made $(DEPENDENCIES)
	$(call install,what the tests need,.[test])

$(VENV)/.lint: $(VENV)/.made $(DEPENDENCIES)
	$(call install,what the checks need,.[lint])

# Some cargo of yesterday may be at hand: outside CI the tests go on with the reference decoder.
native-if-possible:
	@if $(MAKE) --question native 2>/dev/null; then :; \
	elif cargo --version >/dev/null 2>&1; then \
		$(MAKE) --no-print-directory native || { [ "$$CI" != true ] && \
			echo "The native module was not built: its tests are skipped."; }; \
	elif [ "$$CI" = true ]; then \
		echo "cargo was not found, and CI tests with the native module: install Rust, see https://rustup.rs." >&2; \
		exit 1; \
	else \
		echo "cargo was not found: the tests of the native module are skipped."; \
	fi

$(NATIVE): $(NATIVE_SOURCES)
	@cargo --version >/dev/null 2>&1 || { \
		echo "The native module is built by cargo, which was not found: see https://rustup.rs." >&2; exit 1; }
	@echo "Building the native module."
# The stable ABI needs no interpreter to build against. Run in the folder: cargo looks for
# .cargo/config.toml there. The library is replaced by a rename, so that a process which has it
# open keeps the old one whole.
	@cd native && PYO3_NO_PYTHON=1 cargo build --quiet --release --locked --target-dir target
	@cd native/target/release && \
		cp $$(ls libkamiflow_native.so libkamiflow_native.dylib 2>/dev/null) $(CURDIR)/$@.new
	@mv -f $@.new $@
