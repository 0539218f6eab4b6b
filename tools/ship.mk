# SPDX-License-Identifier: Apache-2.0
# What people type: help, dependencies, the demo, the bench, installing.

.PHONY: help deps demo bench install deb
help: ## this list
	@sed -nE 's/^([a-z0-9-]+):[^#]*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | sort | expand -t 22

deps: ## apt-get install what is missing to build and check
	@tools/install-deps build test cross-arm64 vm

demo: ## the main job, shown: registry, pull, run under limits (as root)
	@tools/demo

bench: ## against crun, runc, podman, docker, containerd, skopeo (as root)
	@tools/install-deps build test bench
	@$(SUBMAKE) CONFIG=release programs bench-programs
	@/usr/bin/python3 bench/run.py $(BENCH_ARGS)

install: programs ## DESTDIR, PREFIX (default /usr)
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin $(O)/sampan $(O)/sampan-oci
	install -D -m 755 -t $(DESTDIR)$(LIBEXECDIR)/sampan $(O)/libexec/sampan/sampan-image

deb: ## out/sampan_VERSION_ARCH.deb
	@$(SUBMAKE) CONFIG=release programs
	@packaging/build-deb $(O) $(VERSION) $(ARCH)

# The bench's own programs: one source each.
$(O)/bench/%: $(O)/obj/bench/%.o $(call archives,common)
	$(call link,$^,$(LIBS_IMAGE))
.PHONY: bench-programs
bench-programs: $(patsubst bench/%.c,$(O)/bench/%,$(wildcard bench/*.c))
