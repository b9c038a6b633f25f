# Everything is installed by these targets themselves; nothing outside this folder is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= demo-output

.PHONY: demo pictures test lint bench fuzz sbom audit clean

# One stamp per dependency set: a second run installs nothing.
$(VENV)/.installed-%: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[$*]"
	touch $@

demo: $(VENV)/.installed-app
	$(BIN)/medai demo --output $(OUT) --overwrite

# Raters' browsers and DICOM objects are tested by Debian's programs; where apt is missing, install
# them by hand.
$(VENV)/.installed-programs: $(VENV)/.installed-dev
	{ command -v chromium && command -v dciodvfy; } || { apt-get update --quiet=2 && \
	    apt-get install --quiet=2 --yes --no-install-recommends chromium dicom3tools; } || \
	    echo "Chromium or dicom3tools are missing: their tests are skipped, browsers' fail in CI."
	touch $@

# The panels' pictures of the documentation, from the samples that the modules register.
pictures: $(VENV)/.installed-dev
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m Testing.screenshots

test: $(VENV)/.installed-dev $(VENV)/.installed-programs
	# One thread each: two test processes share two cores.
	QT_QPA_PLATFORM=offscreen OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.installed-dev
	$(BIN)/python -m Testing.benchmarks

# Damaged files of every format against their reader; an hour or two.
fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m Testing.fuzz 10000

# What is installed, with versions and licences: sbom.cdx.json (CycloneDX) and licences.csv.
sbom: $(VENV)/.installed-app
	$(BIN)/python -m Testing.supply.sbom $(OUT)

# Known faults of what is installed. ADVISORIES=FILE: a JSON list in OSV's format, without network.
audit: $(VENV)/.installed-app
	$(BIN)/python -m Testing.supply.audit $(ADVISORIES)

clean:
	rm -rf $(VENV) $(OUT)
