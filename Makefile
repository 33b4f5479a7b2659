# Every target installs what it needs, below target/ or as Debian packages; see harness/setup/.

ENVOY_VERSION := 1.40.0
export ACTGATE_WASM := $(CURDIR)/target/actgate.wasm
export ACTGATE_ENVOY := $(CURDIR)/target/envoy/$(ENVOY_VERSION)/envoy
export ACTGATE_INTEROP := $(CURDIR)/target/interop

.PHONY: help demo run test test-wasm32 compat interop sdks wasm filters envoy lint bless coverage mutants removed fuzz bench deny clean

help: ## say what can be made
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo: wasm envoy ## follow one request hop by hop on real Envoy; BREAK=... breaks one thing
	@cargo run --locked -q -p actgate -- demo --wasm $(ACTGATE_WASM) --envoy $(ACTGATE_ENVOY) $(if $(BREAK),--break $(BREAK))

run: wasm envoy ## leave all of that up, and say what to type; ctrl-c ends it
	@cargo run --locked -q -p actgate -- run --wasm $(ACTGATE_WASM) --envoy $(ACTGATE_ENVOY)

test: wasm envoy filters sdks test-wasm32 ## run every test, those on real Envoy included
	cargo test --locked --no-fail-fast --workspace --exclude actgate-filter --exclude example-filters \
		--exclude actgate-bench --exclude actgate-bench-noop --exclude actgate-bench-peers

test-wasm32: ## run the tests of the core and every vector inside wasm32, under Node
	@harness/setup/wasm32-tests.sh

interop: wasm envoy sdks ## run the official MCP and A2A SDKs through the gateway; part of test
	cargo test --locked -p actgate-tests --test interop

sdks:
	@harness/setup/interop.sh

compat: wasm filters ## run the tests on real Envoys against every pinned version; VERSIONS=... for some
	@harness/setup/compat.sh $(VERSIONS)

wasm: ## build the filter: target/actgate.wasm
	@harness/setup/wasm.sh

filters:
	@harness/setup/filters.sh

envoy: ## install Envoy: target/envoy/VERSION/envoy; ENVOY_VERSION=... for another
	@harness/setup/envoy.sh $(ENVOY_VERSION)

lint: ## check format, lints and documentation
	@harness/setup/native.sh
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	harness/setup/wasm.sh -l
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps

bless: wasm ## write the golden files anew: what the module imports, exports and weighs, and its fuel
	BLESS=1 cargo test --locked -p actgate-tests --test golden

coverage: ## say which share of the core's code is run by its tests and the vectors
	@harness/setup/coverage.sh

mutants: ## change the code that decides, one small way at a time, and list what no test notices; takes hours
	@harness/setup/mutants.sh $(FILES)

removed: ## take each check of the core out in turn, and write down which vectors fail without it: tests/removed-checks.json
	@harness/setup/removed.sh

fuzz: ## fuzz every parser and the whole core, a minute each; SECONDS_EACH=... for longer
	@harness/setup/fuzz.sh $(or $(SECONDS_EACH),60)

bench: wasm envoy ## measure the filter beside what its users would take instead; PARTS="hot mcp" for some of it
	@harness/setup/bench.sh $(if $(ROUNDS),--rounds $(ROUNDS)) $(PARTS)

deny: ## check licences and sources of dependencies; builds cargo-deny first, once
	$$(harness/setup/cargo-tool.sh cargo-deny 0.20.2) check bans licenses sources

clean: ## remove everything that was built or installed below target/
	rm -rf target
