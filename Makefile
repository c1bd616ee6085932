.DEFAULT_GOAL := help
.PHONY: help run test check unit e2e chaos bench lighthouse screenshots dev build setup clean

help: ## Say what each target does
	@echo "Targets (options for frontrow go in ARGS, as in: make run ARGS=--help):"
	@sed -n 's/^\([a-z0-9]*\):.*## /  make \1\t/p' Makefile | expand -t 16

run: ## Install what is missing, build, and serve a demo
	@scripts/run.sh $(ARGS)

test: ## Run every check and test, browser tests included; SECTION="server browser" runs only these
	@scripts/test.sh $(SECTION)

check: ## Run every check that is not a test: scripts, format, lints, types, queries, links, dependencies
	@scripts/test.sh scripts shell format lint-server lint-browser types queries links dependencies

unit: ## Run the tests of the server alone, with stores that they start
	@scripts/test.sh server

e2e: ## Build the release and run the browser tests
	@scripts/test.sh browser

chaos: ## Break servers and stores at random, and check every promise (SEEDS=20 JOBS=1; SEED=7 replays one)
	@scripts/chaos.sh --jobs $(or $(JOBS),1) $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),20)) $(ARGS)

bench: ## Measure the release against its own ground level, and write docs/benchmarks.md (half an hour)
	@scripts/bench.sh $(ARGS)

lighthouse: ## Look at home, a concert and a queue with Lighthouse, as on a phone; below 95 fails (ROUNDS=3)
	@scripts/lighthouse.sh

screenshots: ## Take the pictures that README and docs show
	@scripts/screenshots.sh

dev: ## Serve the demo, and rebuild and reload the page whenever a file changes
	@scripts/dev.sh $(ARGS)

build: ## Build the release, if anything changed since the last one
	@scripts/build.sh

setup: ## Install what building, developing and testing need
	@scripts/setup.sh

clean: ## Remove what was built, and what tests left behind
	@scripts/clean.sh
