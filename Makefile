# Short names for developers. Everything here is one command of ./shekara or of its environment.
.DEFAULT_GOAL := help
BIN := $(CURDIR)/.venv/bin
.PHONY: help setup run demo test quick kill chips seals train lint types house format lock clean

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12
setup: ## system packages, virtual environment, the package itself
	./shekara setup test
run: ## the kiosk on simulated devices
	./shekara run
demo: ## the main job without a window
	./shekara demo
test: ## everything that CI runs
	./shekara test
quick: ## tests that failed last, and fast ones
	QT_QPA_PLATFORM=offscreen $(BIN)/pytest -x -m "not slow and not pcsc and not campaign" tests
kill: ## the whole kill campaign: every step, three ways to die, over the real PC/SC stack (about 20 minutes)
	QT_QPA_PLATFORM=offscreen $(BIN)/pytest -m campaign --timeout 3600 tests/scenarios/test_kill.py
chips: ## the chip campaign: every suite, chip key and signer, and many thousand hostile chips, files and lines (an hour)
	$(BIN)/pytest -m campaign --timeout 3600 tests/card_io
seals: ## the seal campaign: a thousand random people, printed, photographed, read back exactly (about 20 minutes)
	QT_QPA_PLATFORM=offscreen $(BIN)/pytest -m campaign --timeout 7200 tests/kiosk/test_seal_campaign.py
train: ## the three MRZ networks anew (needs the extra "training"; under two hours on two cores), then its measures
	$(BIN)/python -m pip install -q -e '.[training]'
	$(BIN)/python -m kiosk.capture.mrz.training.train --out build/mrz
lint: ## style
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
types: ## mypy strict
	$(BIN)/mypy
house: ## import contracts of the architecture
	$(BIN)/lint-imports
format: ## put the code in shape
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .
lock: ## write requirements.lock anew from pyproject.toml
	$(BIN)/python -m pip install -q pip-tools
	$(BIN)/pip-compile -q --extra dev --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header -o requirements.lock pyproject.toml
clean: ## build outputs and caches
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .hypothesis .coverage
