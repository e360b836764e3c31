# simsvc: `make run` starts the service, `make test` runs every test. Each makes what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

PORT ?= 8000
SERVICE := .venv
TESTING := .venv-test
LOCKS := requirements
# one thread a process: the detector, the model and NumPy would otherwise fight over the same cores
export OMP_NUM_THREADS ?= 1
# glibc's heaps, one for each photo judged at once in a worker; by default each thread gets one, which keeps what its
# busiest moment needed: after 960 photos the largest worker held 353 MB instead of 249
export MALLOC_ARENA_MAX ?= 2

# what `make measure` reads and writes; BEFORE is an earlier bundle, or what `evaluate --json` wrote of one
DATA ?= ../shared/data
MEASURED ?= work/measured
RUN ?=
BEFORE ?=
TRAINER := $(TESTING)/bin/python -m trainer
UTKFACE = --source utkface=$(DATA)/utkface
WINDOWED := fgnet us_congress bundestag uk_parliament
# sources that are there: those that the model learns from, and the portraits, which it never does
LEARNED = $(foreach name,$(WINDOWED),$(if $(wildcard $(DATA)/$(name)),--source windows:$(name)=$(DATA)/$(name))) $(UTKFACE)
EVERY_SOURCE = $(if $(wildcard $(DATA)/portraits),--source folder:portraits=$(DATA)/portraits) $(LEARNED)

.PHONY: help run test proofs coverage browser postgres servers strace lint docs screenshots structure lock stress fuzz slow-sockets routes cluster-test bench bench-index bench-ray bench-lance attacks bench-log measure clean

help:
	@echo 'make run [PORT=8000]  start the service on 127.0.0.1 (first: install it, build the demo index)'
	@echo 'make test             run all tests, in an environment of their own'
	@echo 'make proofs           run the long tests that `make test` leaves out; some minutes'
	@echo 'make coverage         run all tests and print which branches of simsvc and trainer they take'
	@echo 'make lint             style, types and the import law'
	@echo 'make docs             serve the documentation on 127.0.0.1:8001'
	@echo 'make screenshots      take the pictures of README and documentation'
	@echo 'make structure        count and draw folders and imports, before and now'
	@echo 'make lock             resolve anew what is installed, into $(LOCKS)/; UPGRADE=1 for the newest versions'
	@echo 'make stress           10,000 estimates by 8 clients, workers killed meanwhile, on both databases'
	@echo 'make attacks          attack the log in every way that is known, on both databases, and print what names it'
	@echo 'make cluster-test     several hosts on this machine, killed and cut off while they work; as root, 10 minutes'
	@echo 'make fuzz             send the API 5,000 requests that its document allows, or forbids'
	@echo 'make slow-sockets     hold 200 slow connections of each kind and ask whether the server answers'
	@echo 'make routes           measure what one request to each route costs, and write docs/reference/routes.md'
	@echo 'make bench            measure, print a table and write docs/explanation/bench.json; some 12 minutes'
	@echo 'make bench-index      measure the index beside hnswlib, faiss, usearch and exact search, up to SIZES vectors'
	@echo 'make bench-ray        measure bulk estimates by Ray beside those of local threads, on this host'
	@echo 'make bench-lance      measure Lance beside Annoy, exact search and pgvector, up to SIZES vectors; goes on where it stopped'
	@echo 'make bench-log        measure what the audit log costs, and how fast EVENTS events are verified; some minutes'
	@echo 'make measure RUN=...  measure the shipped model anew, exported from run RUN, and write its model card'
	@echo 'make clean            remove environments, indexes, database and caches'

# the first Python from 3.11 to 3.13 that runs, or PYTHON=... from the command line
define find_python
	for candidate in $${PYTHON:-} python3 python3.13 python3.12 python3.11; do
	  if "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
	    python="$$candidate"; break
	  fi
	done
	if [ -z "$${python:-}" ]; then
	  echo 'simsvc needs Python 3.11, 3.12 or 3.13; name it with make PYTHON=/path/to/python3.12 ...' >&2; exit 1
	fi
endef

# install_locked ENVIRONMENT LOCK...: the versions of the locks and nothing else, each file checked against its hashes;
# the tools that build Annoy and this project come first, since pip would fetch the newest of them
define install_locked
	install_locked() {
	  pip="$$1/bin/pip"; quietly=(--quiet --disable-pip-version-check --no-build-isolation); shift
	  "$$pip" install "$${quietly[@]}" --require-hashes -r $(LOCKS)/build.txt
	  "$$pip" install "$${quietly[@]}" --require-hashes --use-pep517 $$(printf -- '-r $(LOCKS)/%s.txt ' "$$@")
	  "$$pip" install "$${quietly[@]}" --no-deps --no-index --editable .
	}
endef

$(SERVICE)/.ready: pyproject.toml $(LOCKS)/build.txt $(LOCKS)/service.txt
	@$(find_python)
	$(install_locked)
	echo "installing the service into $(SERVICE) with $$("$$python" --version) ..."
	"$$python" -m venv --clear $(SERVICE)
	install_locked $(SERVICE) service
	touch $@

$(TESTING)/.ready: pyproject.toml $(LOCKS)/build.txt $(LOCKS)/service.txt $(LOCKS)/test.txt
	@$(find_python)
	$(install_locked)
	echo "installing service, trainer and test tools into $(TESTING) with $$("$$python" --version); PyTorch takes some minutes ..."
	"$$python" -m venv --clear $(TESTING)
	install_locked $(TESTING) service test
	touch $@

run: $(SERVICE)/.ready
	@$(SERVICE)/bin/flask db upgrade
	$(SERVICE)/bin/flask index build --if-needed
	echo
	export SIMSVC_PUBLIC_URL="$${SIMSVC_PUBLIC_URL:-http://127.0.0.1:$(PORT)}"
	$(SERVICE)/bin/flask user first-link
	echo "simsvc answers on http://127.0.0.1:$(PORT)/   (stop with Ctrl-C)"
	echo
	exec $(SERVICE)/bin/gunicorn -c python:simsvc.web.gunicorn_conf --bind 127.0.0.1:$(PORT) 'simsvc.web.app:create_app()'

# temporary files in memory where there is room: most tests make and drop files and databases, whose blocks a disk may discard one
# by one, so that a PostgreSQL database took 0.35 s of the processor instead of 0.02 s
define in_memory
	if [ -w /dev/shm ] && [ "$$(df --output=avail -BG /dev/shm | tail -n 1 | tr -dc 0-9)" -ge 8 ]; then
	  in_memory="$$(mktemp -d /dev/shm/simsvc.XXXXXX)"
	  chmod 711 "$$in_memory"
	  export TMPDIR="$$in_memory"
	fi
endef

# four parts that take about as long, beside each other: each waits now and then for what it started, and two cores are to be
# busy all the time; two parts took a minute longer. One part is shown as it goes on, and the others when they have ended. A new
# folder is in one of them.
WITH_BROWSER = $(addprefix tests/simsvc/web/,browser api security traffic)
AFTER_BROWSER = tests/simsvc/wiring
AFTER_TRAINER = tests/simsvc/adapters
WITH_WEB = tests/simsvc/domain
test: $(TESTING)/.ready browser postgres servers strace
	@$(in_memory)
	said="$$(mktemp -d)"; failed=0
	trap 'kill $$(jobs -p) 2>/dev/null || true; rm -rf "$$said" $${in_memory:-}' EXIT
	part() { $(TESTING)/bin/pytest -p no:cacheprovider --durations=15 "$$@" || failed=1; }
	{ part $(WITH_BROWSER); part $(AFTER_BROWSER); exit $$failed; } >"$$said/browser" 2>&1 & browser=$$!
	{ part tests/simsvc/web $(WITH_WEB) $(addprefix --ignore=,$(WITH_BROWSER)); exit $$failed; } >"$$said/web" 2>&1 & web=$$!
	{ part tests --ignore=tests/simsvc; part $(AFTER_TRAINER); exit $$failed; } >"$$said/trainer" 2>&1 & trainer=$$!
	part tests/simsvc --ignore=tests/simsvc/web $(addprefix --ignore=,$(WITH_WEB) $(AFTER_BROWSER) $(AFTER_TRAINER))
	for started in $$trainer $$browser $$web; do
	  wait $$started || failed=1
	done
	cat "$$said"/{trainer,browser,web}
	exit $$failed

proofs: $(TESTING)/.ready browser postgres servers strace
	$(TESTING)/bin/pytest -p no:cacheprovider -m proof --durations=15

# of the tests' own process: what servers and commands that they start run is not counted
coverage: $(TESTING)/.ready browser postgres strace
	@work="$$(mktemp -d)"; trap 'rm -rf "$$work"' EXIT
	COVERAGE_FILE="$$work/coverage" $(TESTING)/bin/pytest -q -p no:cacheprovider \
	  --cov=simsvc --cov=trainer --cov-branch --cov-report=term:skip-covered

# Chromium of the system for the browser tests, installed where it is missing: they are never skipped. Its headless shell, where
# the system has it, takes a third less of the processor
browser:
	@has_chromium() {
	  command -v chromium-headless-shell || command -v chromium || command -v chromium-browser || command -v google-chrome
	} >/dev/null
	if has_chromium; then exit 0; fi
	install='apt-get install -y --no-install-recommends'
	if [ "$$(id -u)" = 0 ]; then as_root=(env); else as_root=(sudo -n); fi
	if command -v apt-get >/dev/null && "$${as_root[@]}" true 2>/dev/null; then
	  echo 'installing chromium for the browser tests ...'
	  "$${as_root[@]}" apt-get update -qq || true
	  for package in chromium-headless-shell chromium; do
	    has_chromium || "$${as_root[@]}" DEBIAN_FRONTEND=noninteractive $$install $$package >/dev/null 2>&1 || true
	  done
	fi
	if ! has_chromium; then
	  echo "The browser tests need Chromium and it cannot be installed from here. As root, run: $$install chromium" >&2
	  echo 'Without it, every other test runs with: $(TESTING)/bin/pytest -m "not browser"' >&2
	  exit 1
	fi

# Debian's PostgreSQL server for the tests of the stores; they start one of their own, never the system's
postgres:
	@if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && ! command -v initdb >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	  echo 'installing postgresql for the tests of the stores ...'
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql >/dev/null || true
	fi

# haproxy, nginx, Redis and the tools for network namespaces; the tests start servers of their own, never the system's
servers:
	@missing=()
	for each in ip:iproute2 haproxy:haproxy nginx:nginx-light redis-server:redis-server unshare:util-linux; do
	  command -v "$${each%%:*}" >/dev/null || missing+=("$${each##*:}")
	done
	if [ "$${#missing[@]}" != 0 ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	  echo "installing $${missing[*]} for the tests of several hosts ..."
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends "$${missing[@]}" >/dev/null || true
	fi

# Debian's strace for the tests that nothing leaves the machine
strace:
	@if ! command -v strace >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	  echo 'installing strace for the tests that nothing leaves the machine ...'
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends strace >/dev/null || true
	fi

lint: $(TESTING)/.ready
	$(TESTING)/bin/ruff check .
	$(TESTING)/bin/ruff format --check .
	$(TESTING)/bin/mypy
	$(TESTING)/bin/lint-imports

docs: $(TESTING)/.ready
	@PYTHONPATH=. NO_MKDOCS_2_WARNING=1 $(TESTING)/bin/mkdocs serve --dev-addr 127.0.0.1:8001

# fonts-noto-cjk: otherwise Chinese shows as boxes
screenshots: $(TESTING)/.ready browser
	@if [ -z "$$(fc-list :lang=zh 2>/dev/null)" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	  echo 'installing fonts-noto-cjk for the Chinese pages ...'
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends fontconfig fonts-noto-cjk >/dev/null || true
	fi
	$(TESTING)/bin/python -m tests.screenshots

structure: $(TESTING)/.ready
	$(TESTING)/bin/python docs/explanation/draw.py

stress: $(TESTING)/.ready postgres
	$(TESTING)/bin/python -m tests.stress

# into docs/explanation/what-the-log-proves.md with WRITE=1; half a minute
WRITE ?=
attacks: $(TESTING)/.ready postgres
	$(TESTING)/bin/python -m tests.attacks $(if $(WRITE),--write)
# hosts are network namespaces, which only root may make; without root it says so and ends
ESTIMATES ?= 5000
cluster-test: $(TESTING)/.ready postgres servers
	$(TESTING)/bin/python -m tests.cluster --estimates $(ESTIMATES)

# schemathesis against the generated document, all checks, at least 5,000 cases; some minutes
fuzz: $(TESTING)/.ready
	$(TESTING)/bin/python -m tests.fuzz

# 200 connections of each kind that dawdle, longer than any deadline; 6 minutes
slow-sockets: $(TESTING)/.ready
	$(TESTING)/bin/python -m tests.slow_sockets

# processor time and memory of one request to each route, into docs/reference/routes.md; half a minute
routes: $(TESTING)/.ready
	$(TESTING)/bin/python -m tests.bench.routes --write

# some 12 minutes on two cores: on an index of DATA's UTKFace where it is there, else of the demo gallery
bench: $(TESTING)/.ready $(SERVICE)/.ready
	$(TESTING)/bin/python -m tests.bench --data $(DATA)/utkface

# the embeddings of UTKFace where DATA has it, else those of the demo gallery; about 25 minutes up to 10^6 vectors
SIZES ?=
BENCH_INDEX ?= work/bench-index
bench-index: $(TESTING)/.ready
	@$(TESTING)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCKS)/bench.txt
	mkdir -p $(BENCH_INDEX)
	export SIMSVC_INDEX_ROOT=$(BENCH_INDEX)/indexes DATABASE_URL="sqlite:///$(abspath $(BENCH_INDEX))/simsvc.sqlite3"
	$(TESTING)/bin/flask db upgrade
	if [ -d $(DATA)/utkface ]; then what=(--source utkface --path $(DATA)/utkface); else what=(); fi
	$(TESTING)/bin/flask index build --if-needed "$${what[@]}"
	$(TESTING)/bin/python -m tests.bench.index $(if $(SIZES),--sizes $(SIZES)) --folder $(BENCH_INDEX)

# some 6 minutes on two idle cores, with photos of UTKFace where DATA has it, else those of the demo gallery
bench-ray: $(TESTING)/.ready
	$(TESTING)/bin/python -m tests.bench.ray_rate

# the same embeddings; goes on where it was stopped: some minutes up to 10^5 vectors, some hours up to 10^7
BENCH_LANCE ?= work/bench-lance
bench-lance: $(TESTING)/.ready
	mkdir -p $(BENCH_INDEX) $(BENCH_LANCE)
	export SIMSVC_INDEX_ROOT=$(BENCH_INDEX)/indexes DATABASE_URL="sqlite:///$(abspath $(BENCH_INDEX))/simsvc.sqlite3"
	$(TESTING)/bin/flask db upgrade
	if [ -d $(DATA)/utkface ]; then what=(--source utkface --path $(DATA)/utkface); else what=(); fi
	$(TESTING)/bin/flask index build --if-needed "$${what[@]}"
	$(TESTING)/bin/python -m tests.bench.lance $(if $(SIZES),--sizes $(SIZES)) --folder $(BENCH_LANCE)

# an estimate with its event and without, in turns; then a log of EVENTS events; on both databases
EVENTS ?= 1000000
bench-log: $(TESTING)/.ready postgres
	$(TESTING)/bin/python -m tests.bench.log_cost --events $(EVENTS)

# puts int8 beside fp32 where it is as good, calibrates and chooses when to withhold first, which model.json keeps: everything after it measures that model
measure: $(TESTING)/.ready
	@if [ -z "$(RUN)" ]; then
	  echo 'name the run that the shipped model was exported from, such as make measure RUN=face-163' >&2; exit 1
	fi
	out=$(MEASURED)
	mkdir -p "$$out"
	if [ -d "$(BEFORE)" ]; then
	  $(TRAINER) evaluate --path $(DATA)/utkface --bundle "$(BEFORE)" --json "$$out/before.json"
	elif [ -n "$(BEFORE)" ]; then
	  cp "$(BEFORE)" "$$out/before.json"
	fi
	set -x
	$(TRAINER) quantize $(LEARNED)
	$(TRAINER) doubt $(EVERY_SOURCE) --json "$$out/doubt.json"
	if [ -f "$$out/left_out.json" ]; then left=(--left-out "$$out/left_out.json"); else left=(); fi
	$(TRAINER) calibrate $(UTKFACE) "$${left[@]}" --report --json "$$out/coverage.json"
	$(TRAINER) withhold $(UTKFACE) --fairface $(DATA)/fairface --json "$$out/withheld.json"
	$(TRAINER) sources $(EVERY_SOURCE) --json "$$out/sources.json"
	$(TRAINER) peers $(EVERY_SOURCE) --limit 100 --json "$$out/peers.json" || rm -f "$$out/peers.json"
	$(TRAINER) site-calibration $(EVERY_SOURCE) --json "$$out/site_calibration.json"
	if [ -f "$$out/before.json" ]; then before=(--before "$$out/before.json"); else before=(); fi
	$(TRAINER) evaluate --path $(DATA)/utkface "$${before[@]}" --json "$$out/test.json"
	$(TRAINER) evaluate --source folder --path $(DATA)/portraits --json "$$out/portraits.json"
	$(TRAINER) bands --path $(DATA)/fairface --json "$$out/fairface.json"
	$(TRAINER) framing $(UTKFACE) --json "$$out/framing.json"
	$(TRAINER) neighbours $(UTKFACE) --run "$(RUN)" --bundle simsvc/bundle/model --split test --limit 5000 1000 --json "$$out/neighbours.json"
	$(TRAINER) data $(EVERY_SOURCE) --bundle simsvc/bundle/model --json "$$out/data_audit.json"
	without=()
	for part in before peers left_out; do
	  [ -f "$$out/$$part.json" ] || without+=(--without "$$part")
	done
	$(TRAINER) card --measured "$$out" --run "$(RUN)" "$${without[@]}"

# All extras are resolved together, so that tests run the very versions that the service runs; then each lock takes
# its part. What is locked stays as it is where it may: UPGRADE=1 takes the newest. For Python 3.11 to 3.13.
UV := uv==0.13.9
UPGRADE ?=
lock:
	@$(find_python)
	work=work/lock; mkdir -p "$$work"
	[ -x "$$work/venv/bin/uv" ] || "$$python" -m venv "$$work/venv"
	"$$work/venv/bin/pip" install --quiet --disable-pip-version-check '$(UV)'
	resolve() {
	  "$$work/venv/bin/uv" pip compile --quiet --no-config --universal --fork-strategy fewest --python-version 3.11 \
	    --no-header --no-emit-index-url "$$@"
	}
	needed() { "$$work/venv/bin/python" $(LOCKS)/needed.py "$$@"; }
	lock() {
	  { echo "# made by 'make lock'; install with: pip install --require-hashes -r $(LOCKS)/$$1.txt"
	    resolve - --constraints "$$work/all.txt" --generate-hashes --no-annotate; } >"$$work/$$1.txt"
	}
	cat $(LOCKS)/*.txt >"$$work/all.txt" 2>/dev/null || true
	needed build service postgres parquet openvino cluster bench train test docs | resolve - $(if $(UPGRADE),--upgrade) -o "$$work/all.txt"
	needed build | lock build
	needed service | lock service
	needed postgres | lock postgres
	needed parquet | lock parquet
	needed openvino | lock openvino
	needed cluster | lock cluster
	needed cluster train test docs | lock test
	needed bench | lock bench
	mv "$$work"/{build,service,postgres,parquet,openvino,cluster,test,bench}.txt $(LOCKS)/

clean:
	rm -rf $(SERVICE) $(TESTING) var work build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find indexes -mindepth 1 ! -name README.md -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
