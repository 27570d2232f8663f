# Everything that is built or downloaded is below $(BUILD), but for the npm
# packages in t/node_modules.  "make help" lists the targets.

BUILD ?= build
FUZZ_TIME ?= 120
FAULTS ?= short byte again mixed
SOAK_SECONDS ?= 600
RELOADS ?= 100
CHAOS_TIME ?= 600
CHAOS_CLIENTS ?= 2000
JOBS ?= 2
T ?=
PORT ?= 8080
S ?=
PEERS ?=
BENCH_REPS ?= 5

CC = gcc
CLANG = clang-14
export JOBS

out := $(abspath $(BUILD))
build = tools/build $(out)
run = t/run --results $(out)/results

proto = $(wildcard src/proto/*.c)
jwt = $(wildcard src/jwt/*.c)
adapter = $(wildcard src/cluster/sio_adapter*.c)
zlib = src/engine/sio_zlib.c
units = $(patsubst t/unit/%.c,$(out)/unit/%,$(wildcard t/unit/*$(T)*.c))
fuzzers = $(patsubst t/fuzz/%.c,$(out)/fuzz/%,$(wildcard t/fuzz/*$(T)*.c))
e2e = $(wildcard t/e2e/*$(T)*.test.mjs)
workers = $(wildcard t/workers/*$(T)*.test.mjs)
cluster = $(wildcard t/cluster/*$(T)*.test.mjs)
perf = $(wildcard t/perf/*$(T)*.test.mjs)

# What needs no nginx to run, other programs, or much time.
unfaulted = t/e2e/005-% t/e2e/260-% t/e2e/400-% t/e2e/500-% t/e2e/510-%
faults = $(wildcard t/faults/*$(T)*.test.mjs)
generator = $(wildcard t/bench/*$(T)*.test.mjs)

includes = -Isrc/proto -Isrc/jwt -Isrc/cluster -Isrc/engine -It/lib
sanitize = -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
cflags = -std=c11 -g -O1 -Wall -Wextra -Wpedantic -Werror -MMD -MP \
	$(includes) $(sanitize)
bench_cflags = -std=c11 -g -O2 -Wall -Wextra -Werror

TEST_NGINX_BINARY ?= $(shell PATH=$$PATH:/usr/sbin command -v nginx)
TEST_NGINX_MODULE ?= $(out)/ngx_socketio_module.so
TEST_NGINX_BINARY_ECHO ?= $(TEST_NGINX_BINARY)
TEST_NGINX_MODULE_ECHO ?= $(out)/echo/ngx_socketio_module.so

nginx_env = TEST_NGINX_BINARY=$(TEST_NGINX_BINARY) \
	TEST_NGINX_MODULE=$(TEST_NGINX_MODULE) \
	TEST_NGINX_BINARY_ECHO=$(TEST_NGINX_BINARY_ECHO) \
	TEST_NGINX_MODULE_ECHO=$(TEST_NGINX_MODULE_ECHO)

# The module is no prerequisite where an nginx that contains it is tested.
subject = $(if $(TEST_NGINX_MODULE),all echo)

asan_env = TEST_NGINX_BINARY=$(out)/asan/nginx TEST_NGINX_MODULE= \
	TEST_NGINX_BINARY_ECHO=$(out)/asan/nginx-echo TEST_NGINX_MODULE_ECHO= \
	ASAN_OPTIONS=exitcode=99 TEST_PATIENCE=12000 \
	CHAOS_TIME=30 CHAOS_CLIENTS=200 \
	LSAN_OPTIONS=suppressions=$(CURDIR)/t/lsan.supp:print_suppressions=0

source_env = TEST_NGINX_BINARY=$(out)/source/nginx \
	TEST_NGINX_MODULE=$(out)/source/ngx_socketio_module.so \
	TEST_NGINX_MODULE_ECHO=$(out)/source/echo/ngx_socketio_module.so \
	CHAOS_TIME=30


.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all echo deps deps-run bench-deps npm run test unit fuzz fuzz-merge e2e \
	workers faults soak chaos reloads cluster partition perf perf-gate asan \
	source bench bench-check lint clean help


all:
	@$(build) module


echo:
	@$(build) echo


help:
	@echo "make           the module: $(BUILD)/ngx_socketio_module.so"
	@echo "make run       nginx with the demo on PORT=8080, until Ctrl-C"
	@echo "make example-NAME"
	@echo "               the same for examples/NAME and its service"
	@echo "make test      installs what is needed, then lint, unit, a short"
	@echo "               fuzz, e2e, workers, cluster, perf, bench-check and a"
	@echo "               short chaos"
	@echo "make lint|unit|e2e|workers|cluster|perf"
	@echo "               one of these; T=name picks the files to run"
	@echo "make fuzz      FUZZ_TIME=120 seconds for each target"
	@echo "make fuzz-merge"
	@echo "               adds what fuzzing has found to t/fuzz/corpus"
	@echo "make faults    e2e with short writes, single bytes, EAGAIN, and"
	@echo "               clients while allocations fail"
	@echo "make soak      clients that come and go for SOAK_SECONDS=600:"
	@echo "               nothing may grow"
	@echo "make chaos     CHAOS_CLIENTS=2000 clients for CHAOS_TIME=600 seconds"
	@echo "               while workers are killed: nothing may be lost"
	@echo "make reloads   RELOADS=100 in a row under load: nothing is missed"
	@echo "make partition"
	@echo "               30 seconds without a network to Redis; needs root"
	@echo "make perf      instructions per delivery and more, by callgrind,"
	@echo "               against t/perf/counts.json; also as perf-gate;"
	@echo "               PERF_UPDATE=1 keeps them, PERF_PROFILE=1 shows them"
	@echo "make bench     measures this module and others, more than an hour;"
	@echo "               S=\"S3 S4\" PEERS=\"ours node\" BENCH_REPS=5 choose"
	@echo "make bench-check"
	@echo "               whether the load generator finds what is wrong"
	@echo "make asan      e2e, workers, cluster and chaos under ASan and UBSan"
	@echo "make source    the same with the nginx of NGINX_SOURCE=directory"
	@echo "make echo      the module with the tests' echo (never for use)"
	@echo "make deps      installs packages for make test"
	@echo "make clean     removes $(BUILD)"


deps:
	@tools/deps test
	@$(MAKE) --no-print-directory npm


deps-run:
	@tools/deps run


npm: t/node_modules/.stamp


t/node_modules/.stamp: t/package-lock.json
	cd t && npm ci --loglevel=error --ignore-scripts
	@touch $@


run: deps-run all
	@tools/demo $(out) $(PORT)


example-%: deps-run all
	@tools/example $(out) $* $(PORT)


test: deps
	@$(run) all


lint:
	@$(run) lint t/lint/check


unit: $(units)
	@$(run) unit $(units)


$(out)/proto.a: $(patsubst src/%.c,$(out)/%.o,$(proto))
$(out)/jwt.a: $(patsubst src/%.c,$(out)/%.o,$(jwt))
$(out)/adapter.a: $(patsubst src/%.c,$(out)/%.o,$(adapter))

$(out)/proto.a $(out)/jwt.a $(out)/adapter.a:
	@rm -f $@
	@ar rcs $@ $^


$(out)/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	@$(CC) $(cflags) -c -o $@ $<


# The programs of src/jwt are linked with it and with what it needs.
$(out)/unit/sio_jwt $(out)/fuzz/sio_jwt: libs = -ljwt -ljansson -lcrypto
$(out)/unit/sio_jwt: more = $(out)/jwt.a
$(out)/unit/sio_jwt: $(out)/jwt.a
$(out)/fuzz/sio_jwt: more = $(jwt)
$(out)/fuzz/sio_jwt: $(jwt)

# Those of the codec in src/cluster likewise.
$(out)/unit/sio_adapter $(out)/fuzz/sio_adapter: libs = -lmsgpackc
$(out)/unit/sio_adapter: more = $(out)/adapter.a
$(out)/unit/sio_adapter: $(out)/adapter.a
$(out)/fuzz/sio_adapter: more = $(adapter)
$(out)/fuzz/sio_adapter: $(adapter)

# Compression, in src/engine.
$(out)/unit/sio_zlib $(out)/fuzz/sio_zlib: libs = -lz
$(out)/unit/sio_zlib: more = $(patsubst src/%.c,$(out)/%.o,$(zlib))
$(out)/unit/sio_zlib: $(patsubst src/%.c,$(out)/%.o,$(zlib))
$(out)/fuzz/sio_zlib: more = $(zlib)
$(out)/fuzz/sio_zlib: $(zlib)


$(out)/unit/%: t/unit/%.c $(out)/proto.a Makefile
	@mkdir -p $(@D)
	@$(CC) $(cflags) -o $@ $< $(more) $(out)/proto.a $(libs)


fuzz: $(fuzzers)
	@$(run) fuzz --time $(FUZZ_TIME) $(fuzzers)


fuzz-merge: $(fuzzers)
	@$(run) merge $(fuzzers)


$(out)/fuzz/%: t/fuzz/%.c $(proto) Makefile
	@mkdir -p $(@D)
	@$(CLANG) -std=c11 -g -O1 -Wall -Wextra -Werror -MMD -MP -MF $@.d \
		$(includes) $(sanitize) -fsanitize=fuzzer -o $@ $< $(more) \
		$(proto) $(libs)


e2e: $(subject) npm
	@$(nginx_env) $(run) node e2e $(e2e)


workers: $(subject) npm
	@$(nginx_env) $(run) node workers $(workers)


faults: $(subject) npm $(out)/faults.so
	@$(nginx_env) TEST_FAULTS_SHIM=$(out)/faults.so $(run) faults --kinds $(FAULTS) \
		--e2e $(filter-out $(unfaulted),$(e2e)) --own $(faults)


$(out)/faults.so: t/lib/faults.c Makefile
	@mkdir -p $(@D)
	@$(CC) -std=c11 -g -O1 -Wall -Wextra -Werror -fno-builtin -fPIC -shared \
		-o $@ $< -ldl


soak: $(subject) npm
	@$(nginx_env) SOAK_SECONDS=$(SOAK_SECONDS) $(run) node soak \
		t/soak/soak.test.mjs


# The tests of cuts take two thirds of the time again.
chaos: $(subject) npm
	@$(nginx_env) CHAOS_TIME=$(CHAOS_TIME) CHAOS_CLIENTS=$(CHAOS_CLIENTS) \
		$(run) node --limit $$((2 * $(CHAOS_TIME) + 600)) chaos \
		$(wildcard t/chaos/*$(T)*.test.mjs)


# The test of workers that is better when it takes longer.
reloads: $(subject) npm
	@$(nginx_env) RELOADS=$(RELOADS) $(run) node reloads \
		t/workers/025-reloads.test.mjs


cluster: $(subject) npm
	@$(nginx_env) $(run) node cluster $(cluster)


$(out)/bench/load: $(wildcard bench/*.c) $(wildcard bench/*.h) Makefile
	@mkdir -p $(@D)
	@$(CC) $(bench_cflags) -o $@ $(filter %.c,$^) -lssl -lcrypto -lz


$(out)/bench/floor: bench/peers/floor.c Makefile
	@mkdir -p $(@D)
	@$(CC) $(bench_cflags) -o $@ $<


bench-deps:
	@tools/deps bench


bench: bench-deps all $(out)/bench/load $(out)/bench/floor
	@bench/run --build $(out) --reps $(BENCH_REPS) --scenarios "$(S)" \
		--peers "$(PEERS)"


bench-check: $(subject) npm $(out)/bench/load $(out)/bench/floor
	@$(nginx_env) TEST_BENCH=$(out)/bench $(run) node bench-check $(generator)


# The one test of cluster that is better when it takes longer.
partition: $(subject) npm
	@$(nginx_env) PARTITION_SECONDS=30 $(run) node partition \
		t/cluster/060-partition.test.mjs


# Slow below valgrind, hence the patience.
perf perf-gate: $(subject) npm
	@$(nginx_env) TEST_PATIENCE=20000 $(run) node perf $(perf)


asan: npm
	@tools/deps asan
	@$(build) asan
	@$(asan_env) $(run)/asan all e2e workers cluster chaos


source: npm
	@tools/deps source
	@$(build) source "$(NGINX_SOURCE)"
	@$(source_env) $(run)/source all e2e workers cluster chaos


clean:
	rm -rf $(out)


-include $(wildcard $(out)/*/*.d)
