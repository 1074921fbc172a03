# Two commands do everything on a fresh machine:
#   make hil    set up, build the native board and its images, run the scenarios, show the report
#               (with IDF_PATH set: on that ESP-IDF's own esp_http_server and lwIP, everything else the same)
#   make test   all tests and lint
# `make help` lists the others.

LWIP_DIR ?= build/lwip
BUILD := build/native
IDF_BUILD := build/native-idf
VENV := .venv
PYTHON := $(VENV)/bin/python
HIL := $(VENV)/bin/hil
FUZZ := firmware/native/fuzz/run.py
WORKERS ?= 2
BOARDS ?= 3 # at once: a scenario mostly waits, so they may be more than there are processors
CYCLES ?= 1000
RUNS ?= 200
BENCH_KEY := build/bench/bench-key.pem

C_SOURCES = $(wildcard $(shell git ls-files --cached --others --exclude-standard '*.c' '*.h'))

.PHONY: help hil hil-port hil-idf differential test setup packages build build-idf ctest rig-test test-asan test-tsan \
    sanitizer-smoke mutations slow sweep faults faults-smoke soak flake-hunt benchmark footprint lint format clean

help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)

#: make hil        set up, build, run the scenarios on the native board, show the report; with IDF_PATH set, on the
#:                 esp_http_server and lwIP of that ESP-IDF (in build/native-idf)
hil: $(if $(IDF_PATH),hil-idf,hil-port)

hil-port: build $(BENCH_KEY)
	$(HIL) run -n $(BOARDS)
	@echo "Ship or not: $(HIL) gate --results build/hil/latest --image $(BUILD)/release/hil_app.bin"

# Signs the results of this machine's runs; gate.toml names its public half.
$(BENCH_KEY): | $(VENV)/.ready
	@$(HIL) keys --bench --out $(@D)

hil-idf: build-idf $(BENCH_KEY)
	$(HIL) run -n $(BOARDS) --artifacts $(IDF_BUILD)
	@echo "Ship or not: $(HIL) gate --results build/hil/latest --image $(IDF_BUILD)/release/hil_app.bin"

# Before 5.2 an ESP-IDF has no workers; then the port's board serves inline too where nothing else is asked for.
IDF_VERSION = $(subst $() ,.,$(shell sed -n 's/^set(IDF_VERSION_M[AI][JN]OR \([0-9]*\))/\1/p' $(IDF_PATH)/tools/cmake/version.cmake))
BOTH_SERVE = $(if $(filter 4.% 5.0 5.1,$(IDF_VERSION)),--hil-bench firmware/native/tools/inline.toml)

#: make differential  the scenarios on the port and on IDF_PATH's own server and lwIP, and a table of what differs
differential: build-idf build $(BENCH_KEY)
	@rm -f build/differential-port build/differential-idf
	@$(HIL) run -n $(WORKERS) $(BOTH_SERVE) || true
	@ln -s "$$(readlink -f build/hil/latest)" build/differential-port
	@$(HIL) run -n $(WORKERS) $(BOTH_SERVE) --artifacts $(IDF_BUILD) || true
	@ln -s "$$(readlink -f build/hil/latest)" build/differential-idf
	@$(PYTHON) firmware/native/tools/differential.py build/differential-port build/differential-idf "$(IDF_PATH)"

#: make test       all tests and lint
test: ctest rig-test faults-smoke hil-port sanitizer-smoke lint

#: make setup      Debian packages, lwIP source, virtual environment
setup: packages $(LWIP_DIR)/src $(VENV)/.ready

packages:
ifndef SKIP_PACKAGES
	@setup/debian-packages
endif

build/lwip/src: setup/lwip-source setup/lwip.env | packages
	@mkdir -p build
	@setup/lwip-source build/lwip
	@touch $@

# The packages come first: python3-venv may be one of them.
$(VENV)/.ready: pyproject.toml setup/python-constraints.txt | packages
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -c setup/python-constraints.txt -e '.[dev]'
	@touch $@

#: make build      the native board and its images, into build/native
build: setup
	@test -e $(BUILD)/build.ninja || cmake -S firmware/native -B $(BUILD) -G Ninja \
	    -DLWIP_DIR="$(abspath $(LWIP_DIR))" -DPYTHON="$(abspath $(PYTHON))" >build/cmake.log || { cat build/cmake.log; exit 1; }
	@ninja -C $(BUILD) --quiet

# The board is configured anew when IDF_PATH is another one than before.
build-idf: setup
	@setup/esp-idf-sources "$(IDF_PATH)"
	@grep -qsx 'ESP_IDF_DIR:PATH=$(abspath $(IDF_PATH))' $(IDF_BUILD)/CMakeCache.txt && test -e $(IDF_BUILD)/build.ninja || \
	    { rm -rf $(IDF_BUILD); cmake -S firmware/native -B $(IDF_BUILD) -G Ninja -DESP_IDF_DIR="$(abspath $(IDF_PATH))" \
	    -DPYTHON="$(abspath $(PYTHON))" >build/cmake-idf.log; } || { cat build/cmake-idf.log; exit 1; }
	@sed -n 's/^-- \(esp_http_server and lwIP of .*\)/\1/p' build/cmake-idf.log
	@ninja -C $(IDF_BUILD) --quiet

#: make ctest      the C tests
ctest: build
	ctest --test-dir $(BUILD) --output-on-failure -LE long -j $(WORKERS)

#: make rig-test   the rig's own tests
rig-test: build
ifndef SKIP_PACKAGES
	@setup/debian-packages setup/decoding-packages.txt
endif
	$(PYTHON) -m pytest tests/rig tests/sweep -n $(WORKERS) -q

#: make sweep      power cuts at every flash operation of updates and rollbacks, into build/sweep/latest.json (a quarter of an hour)
sweep: build
	$(PYTHON) -m tests.sweep

# A build tree for each sanitizer, beside build/native. -j 1: what runs side by side there is too slow for its limits.
build/asan/build.ninja: SANITIZER := NATIVE_ASAN
build/tsan/build.ninja: SANITIZER := NATIVE_TSAN
build/asan/build.ninja build/tsan/build.ninja: build/%/build.ninja: | setup
	@cmake -S firmware/native -B build/$* -G Ninja -D$(SANITIZER)=ON \
	    -DLWIP_DIR="$(abspath $(LWIP_DIR))" -DPYTHON="$(abspath $(PYTHON))" >build/$*.log || { cat build/$*.log; exit 1; }

#: make test-asan  the C tests and scenarios under AddressSanitizer and UndefinedBehaviorSanitizer (some minutes)
#: make test-tsan  the same under ThreadSanitizer, without the sweep, whose many processes have one task each
test-asan test-tsan: test-%: build/%/build.ninja
	@ninja -C build/$* --quiet
	ctest --test-dir build/$* --output-on-failure -LE long -j 1 \
	    $(if $(filter tsan,$*),-E '^sweep$$')
	HIL_SLOWNESS=4 $(HIL) run --artifacts build/$* -k "graceful and not stuck and not silent"

# Of both, what the component's promises hang on most: who may call, and that nothing is lost.
sanitizer-smoke: build/asan/build.ninja build/tsan/build.ninja
	@for tree in asan tsan; do \
	    ninja -C build/$$tree --quiet native-board test_graceful_stop_callers test_graceful_stop_work && \
	    ctest --test-dir build/$$tree --output-on-failure -j 1 -R '^graceful_stop_(callers|work)$$' || exit 1; \
	done

#: make mutations  breaks each promise of the component in a copy, and expects the promise's test to fail
mutations: build
	@$(PYTHON) firmware/components/httpd_graceful_stop/host_test/mutations/run.py $(BUILD) $(BREAKS)

.PHONY: fuzzers fuzz fuzz-smoke fuzz-test
test: fuzz-test

build/fuzz/build.ninja: | build
ifndef SKIP_PACKAGES
	@setup/debian-packages setup/fuzz-packages.txt
endif
	@CC=clang-14 cmake -S firmware/native/fuzz -B build/fuzz -G Ninja -DNATIVE_BUILD="$(abspath $(BUILD))" \
	    -DLWIP_DIR="$(abspath $(LWIP_DIR))" >build/fuzz.log || { cat build/fuzz.log; exit 1; }

fuzzers: build build/fuzz/build.ninja
	@ninja -C build/fuzz --quiet

#: make fuzz       each fuzzer for ten minutes; inputs that reach new code join the kept ones
#: make fuzz-smoke each fuzzer for a minute
fuzz: fuzzers
	$(PYTHON) $(FUZZ) build/fuzz --seconds 600 --jobs $(WORKERS) --keep
fuzz-smoke: fuzzers
	$(PYTHON) $(FUZZ) build/fuzz --seconds 60 --jobs $(WORKERS)

# All kept inputs, some seconds of new ones, and a planted fault, which has to be found.
fuzz-test: fuzzers
	$(PYTHON) $(FUZZ) build/fuzz --seconds 5 --jobs $(WORKERS)
	@$(PYTHON) $(FUZZ) build/fuzz --seconds 60 trigger_broken; test $$? -eq 1

.PHONY: browser-test
#: make browser-test  the report in a browser (installs Chromium as root)
browser-test: build
ifndef SKIP_PACKAGES
	@setup/debian-packages setup/browser-packages.txt
endif
	$(PYTHON) -m pytest tests/rig/test_report_in_browser.py -q

.PHONY: labgrid-test
#: make labgrid-test  boards at labgrid places, against a real labgrid (into an environment of its own)
labgrid-test: build build/labgrid/venv/.ready
	$(PYTHON) -m pytest tests/labgrid -q

build/labgrid/venv/.ready: setup/labgrid-requirements.txt
	python3 -m venv build/labgrid/venv
	build/labgrid/venv/bin/pip install --quiet --disable-pip-version-check -r setup/labgrid-requirements.txt
	@touch $@

#: make slow       the tests that wait for minutes (connections expiring)
slow: build
	$(HIL) run -m slow

#: make faults     the update under fire, every row, and the scenarios: the gate takes both (ten minutes)
faults: build $(BENCH_KEY)
	$(HIL) run -n $(WORKERS) -m "not slow"

faults-smoke: build
	$(HIL) run -n $(WORKERS) -m smoke

#: make soak       updates back and forth with other clients and faults each time (CYCLES=1000, SEED=…)
soak: build
	$(HIL) soak --cycles $(CYCLES) $(if $(SEED),--seed $(SEED))

#: make flake-hunt the native suite over and over (RUNS=200); stops at the first run that fails
flake-hunt: build
	@for run in $$(seq $(RUNS)); do \
	    $(HIL) run -n $(WORKERS) --seed $$run >build/flake-hunt.log 2>&1 || { tail -n 60 build/flake-hunt.log; \
	        echo "run $$run of $(RUNS) failed"; exit 1; }; echo "run $$run of $(RUNS) passed"; done

#: make benchmark  figures, beside pytest-embedded's own linux DUT, into build/benchmark/latest.json (half an hour)
benchmark: build
	$(PYTHON) -m pytest tests/benchmark -q

#: make footprint  size of the component on a RISC-V chip, with its goals (installs a cross compiler as root)
footprint:
	@sh firmware/components/httpd_graceful_stop/footprint/footprint.sh --install

#: make lint       clang-format, ruff, mypy; actionlint and zizmor over the workflows, and that none releases ungated
lint: setup
	@clang-format --dry-run -Werror $(C_SOURCES)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/actionlint
	$(VENV)/bin/zizmor --offline --quiet --no-progress .
	$(PYTHON) .ci/workflow_rules.py .github/workflows

#: make format     what lint would complain of in layout, mended
format: setup
	@clang-format -i $(C_SOURCES)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

#: make clean      everything that was built or run; the virtual environment and lwIP's source stay
clean:
	rm -rf build/native build/native-idf build/hil build/differential-* build/cmake*.log
