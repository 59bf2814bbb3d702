PYTHON ?= python

.PHONY: check fmt lint test bench docs docs-site

check: lint test  ## everything that must pass before a commit lands

fmt:  ## format the code and sort the imports
	$(PYTHON) -m ruff check --fix src tests benchmarks scripts examples
	$(PYTHON) -m ruff format src tests benchmarks scripts examples

lint:  ## style, types, layers
	$(PYTHON) -m ruff check src tests benchmarks scripts examples
	$(PYTHON) -m ruff format --check src tests benchmarks scripts examples
	$(PYTHON) -m mypy
	lint-imports

test:  ## the tests, on two processes
	$(PYTHON) -m pytest

bench:  ## what the layer and the data cost; quiet machine wanted
	$(PYTHON) benchmarks/cea_overhead.py
	$(PYTHON) benchmarks/data_pipeline.py
	$(PYTHON) benchmarks/depthwise_gradient.py

docs:  ## the pictures of docs/, drawn by scripts
	$(PYTHON) scripts/degradation_sheet.py --out docs/pictures/degradations.jpg
	$(PYTHON) -m ceair restore examples/*.jpg -o restored/
	$(PYTHON) scripts/before_after.py --before examples --after restored --out docs/pictures/before_after.jpg

docs-site:  ## the documentation site, into site/; a dead link is an error
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict
