# The two that matter: `make run` and `make test`. All need root, on Debian 12 or newer, and install what is missing.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run setup test check format bench screenshots manage migration messages lock sbom audit uninstall

help: ## Show this list
	@sed -n 's/^\([a-z-]*\): ##* *\(.*\)$$/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | while IFS=$$'\t' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

run: ## Start the panel in the foreground; Ctrl-C stops it and leaves containers running
	@bash bin/in-env python -m manage run

setup: ## Install what is missing, start nothing
	@bash bin/in-env true

test: ## Run the whole test suite: real LXC, real Redis, real browser. ARGS="tests/domain -k graph" for some
	@bash bin/in-env --for test --in-app bash bin/test $(ARGS)

check: ## Lint, format, types, templates, translations, shell, migrations. ARGS="types" for some
	@bash bin/in-env --for check --in-app bash bin/check $(ARGS)

format: ## Let the formatters rewrite the files in this clone
	@bash bin/in-env --for work bash bin/format

bench: ## Measure, and print the table of docs/benchmarks.md
	@bash bin/in-env --for bench --in-app python -m bench $(ARGS)

screenshots: ## Take the pictures of the documentation anew
	@bash bin/in-env --for test --in-app python -m tests.screenshots "$(CURDIR)/docs/screenshots"

manage: ## Run a management command: make manage ARGS="createtoken admin"
	@bash bin/in-env python -m manage $(ARGS)

migration: ## Write what changed in the models as a migration: make migration ARGS=what_it_does
	@bash bin/in-env --for work bash bin/migration $(ARGS)

messages: ## Bring the catalogues of translations to the texts that there are now
	@bash bin/in-env --for work bash bin/messages

lock: ## Write the locks anew, with the newest versions allowed
	@bash bin/in-env --for work bash bin/lock

sbom: ## Write into sbom/ what the panel consists of, as CycloneDX
	@bash bin/in-env --for work bash bin/sbom

audit: ## Ask the registries whether a package that is used has a fault that is known of
	@bash bin/in-env --for work bash bin/audit

uninstall: ## Remove the panel; data stays. YES=1 asks nothing, PURGE=1 removes data, FORCE=1 even if containers run
	@bash bin/uninstall
