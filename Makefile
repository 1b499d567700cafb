# The ways in. Every target sets up what it needs; `make help` lists them. Nothing here knows how a thing is done:
# that stands in the programs and in tests/.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# What is expensive to build lives in a per-user cache, keyed by its sources, so that a second clone starts quickly.
CACHE := $(or $(ECR_WEBHOOK_CACHE),$(HOME)/.cache/ecr-compliance-webhook)
export ECR_WEBHOOK_CACHE := $(CACHE)
export CARGO_TARGET_DIR := $(or $(CARGO_TARGET_DIR),$(CACHE)/target)

# The programs as built from this checkout.
export DEPLOYER := $(CARGO_TARGET_DIR)/debug/deployer
# The function in the deployer's own place and with its own flags, so that neither builds again what the other has.
ARCHITECTURE := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)
export FUNCTION := $(CARGO_TARGET_DIR)/deployer/$(ARCHITECTURE)/bootstrap

# Tools that setup brought, in front of the user's own.
CARGO_LAMBDA = $(shell tests/world/aws/install.sh cargo-lambda 2>/dev/null)/bin
WITH_TOOLS = PATH="$(CARGO_LAMBDA):$$PATH"

ARGS ?=

.PHONY: help setup setup-build setup-world check test build package deploy tail-logs destroy demo demo-stop picture programs fmt oracle fuzz kills bench

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: setup-build setup-world ## Install everything the other targets need, into a per-user cache (they call it themselves)
	@tests/world/aws/install.sh linters >/dev/null
	@tests/tools/cargo-tool.sh cargo-deny >/dev/null
	@tests/tools/cargo-tool.sh cargo-fuzz >/dev/null

setup-build:
	@tests/tools/require.sh cargo python3
	@tests/world/aws/install.sh cargo-lambda >/dev/null

setup-world: setup-build
	@tests/world/aws/install.sh emulators >/dev/null
	@if command -v go >/dev/null || [ -z "$${KUBEBUILDER_ASSETS:-}$${KUBECONFIG:-}" ]; then tests/control-plane/build.sh "$(CACHE)/tools" >/dev/null; fi

# A build fetches what it needs on this system; cargo-deny looks at what any system would, and asks no network.
check: ## Format, lints, documentation, licences and sources: everything that needs no running program
	@tests/tools/require.sh cargo python3
	@tests/tools/claim-target.sh "$(CARGO_TARGET_DIR)"
	cargo fmt --all --check
	cargo fmt --manifest-path tests/fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	cargo fetch --quiet --locked
	deny=$$(tests/tools/cargo-tool.sh cargo-deny) && PATH="$$deny:$$PATH" cargo deny --offline --log-level error check licenses bans sources

test: setup-world build ## Every test, the end-to-end story on local stand-ins for AWS and Kubernetes included
	@tests/world/aws/install.sh linters >/dev/null
	$(WITH_TOOLS) cargo test --workspace --locked

# A new seed each time; what differs is printed with the seed that brings it back.
oracle: ## Compare the decision with the independent oracle on a million generated cases; ORACLE_SEED, ORACLE_CASES
	ORACLE_CASES=$${ORACLE_CASES:-1000000} ORACLE_SEED=$${ORACLE_SEED:-$$(date +%s)} \
		cargo test --workspace --locked --test oracle

# Coverage is followed by libFuzzer, in a workspace of its own: no other target needs a C++ compiler.
fuzz: ## Follow coverage through all that reads what strangers write; FUZZ_SECONDS for each of five targets, FUZZ_TARGET
	@tests/tools/require.sh cargo c++
	fuzzer=$$(tests/tools/cargo-tool.sh cargo-fuzz) && PATH="$$fuzzer:$$PATH" tests/fuzz/run.sh "$(CARGO_TARGET_DIR)"

kills: setup-world build ## Kill the deployer once at each step of a deploy, an update and a destroy, each time from a fresh state
	$(WITH_TOOLS) KILLS=all cargo test --workspace --locked --test e2e -- one_kill

bench: build ## Measure the webhook as it is shipped against a Lambda function that does nothing; prints a table
	cargo build --release --locked --package bench
	$(CARGO_TARGET_DIR)/release/bench

build: setup-build programs ## Build the deployer and the function
	$(WITH_TOOLS) cargo lambda build --release --locked --compiler cargo --output-format binary --package lambda \
		--$(subst _,-,$(ARCHITECTURE)) --flatten bootstrap --lambda-dir $(dir $(FUNCTION))

package: build ## Write the function's binary and the CloudFormation templates to target/package
	$(DEPLOYER) synth --artifact $(FUNCTION) --out target/package $(ARGS)
	cp $(FUNCTION) target/package/bootstrap

deploy: setup-build programs ## Deploy to the AWS account and cluster of your environment (asks first); ARGS="--context …"
	$(WITH_TOOLS) $(DEPLOYER) deploy $(ARGS)

destroy: programs ## Remove the webhook from the cluster, then the stack (asks first)
	$(DEPLOYER) destroy $(ARGS)

tail-logs: programs ## Follow the function's log
	$(DEPLOYER) logs --follow $(ARGS)

demo: setup-world programs ## Watch the whole product work on local stand-ins: no AWS account, no cluster; KEEP=1 leaves it running
	$(WITH_TOOLS) $(CARGO_TARGET_DIR)/debug/demo

demo-stop: ## End a demo that KEEP=1 left running
	@[ -x $(CARGO_TARGET_DIR)/debug/demo ] || $(MAKE) programs
	$(CARGO_TARGET_DIR)/debug/demo stop

picture: setup-world build ## Draw docs/dashboard.svg: the dashboard as it is deployed, with the data of a local world
	$(WITH_TOOLS) WORLD=$(CARGO_TARGET_DIR)/debug/world $(CARGO_TARGET_DIR)/debug/picture docs/dashboard.svg

# Always the whole workspace with its tests: any other selection has other features of the same dependencies on, and
# would build the AWS SDK all over again.
programs:
	@tests/tools/require.sh cargo
	@tests/tools/claim-target.sh "$(CARGO_TARGET_DIR)"
	cargo build --workspace --all-targets --locked

fmt: ## Format the code
	cargo fmt --all
	cargo fmt --manifest-path tests/fuzz/Cargo.toml
