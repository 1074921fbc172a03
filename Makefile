# Two commands do everything on a fresh machine:
#   make hil    set up, build the native board and its images, run the scenarios, show the report
#   make test   all tests and lint
# `make help` lists the others.

LWIP_DIR ?= build/lwip
BUILD := build/native
VENV := .venv
PYTHON := $(VENV)/bin/python
HIL := $(VENV)/bin/hil
WORKERS ?= 2

C_SOURCES = $(wildcard $(shell git ls-files --cached --others --exclude-standard '*.c' '*.h'))

.PHONY: help hil test setup packages build ctest rig-test slow benchmark footprint lint format clean

help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)

#: make hil        set up, build, run the scenarios on the native board, show the report
hil: build
	$(HIL) run -n $(WORKERS)

#: make test       all tests and lint
test: ctest rig-test hil lint

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

#: make ctest      the C tests
ctest: build
	ctest --test-dir $(BUILD) --output-on-failure -LE long -j $(WORKERS)

#: make rig-test   the rig's own tests
rig-test: build
	$(PYTHON) -m pytest tests/rig -n $(WORKERS) -q

#: make slow       the tests that wait for minutes (connections expiring)
slow: build
	$(HIL) run -m slow

#: make benchmark  figures, beside pytest-embedded's own linux DUT, into build/benchmark/latest.json (half an hour)
benchmark: build
	$(PYTHON) -m pytest tests/benchmark -q

#: make footprint  size of the component on a RISC-V chip, with its goals (installs a cross compiler as root)
footprint:
	@sh firmware/components/httpd_graceful_stop/footprint/footprint.sh --install

#: make lint       clang-format, ruff, mypy
lint: setup
	@clang-format --dry-run -Werror $(C_SOURCES)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

#: make format     what lint would complain of in layout, mended
format: setup
	@clang-format -i $(C_SOURCES)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

#: make clean      everything that was built or run; the virtual environment and lwIP's source stay
clean:
	rm -rf build/native build/hil build/cmake.log
