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

# Pages say their date: that of the last commit, so that a build can be made again.
MAN_PAGES := $(patsubst docs/man/%.scd,out/man/%,$(wildcard docs/man/*.scd))
MAN_DATE := $(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y VERSION)
.PHONY: man completions
man: $(MAN_PAGES) ## the man pages, in out/man
out/man/%: docs/man/%.scd
	@mkdir -p $(@D)
	$(Q)SOURCE_DATE_EPOCH=$(MAN_DATE) scdoc <$< >$@

# The scripts are in cli/cmd_completion.c; the program that prints them must run here.
COMPLETIONS := out/completions/bash out/completions/zsh out/completions/fish
completions: $(COMPLETIONS)
out/completions/%: $(O)/sampan
	@mkdir -p $(@D)
	$(Q)$(RUNNER) $< completion $* >$@

install: programs man completions ## DESTDIR, PREFIX (default /usr)
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin $(O)/sampan $(O)/sampan-oci
	install -D -m 755 -t $(DESTDIR)$(LIBEXECDIR)/sampan $(O)/libexec/sampan/sampan-image $(O)/libexec/sampan/sampan-monitor $(if $(STATIC),$(DYNAMIC_OCI) $(DYNAMIC_SAMPAN))
	install -D -m 755 -t $(DESTDIR)$(LIBEXECDIR)/sampan/netavark $(O)/libexec/sampan/netavark/iptables
	ln -sf iptables $(DESTDIR)$(LIBEXECDIR)/sampan/netavark/ip6tables
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system packaging/systemd/sampan-boot.service
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 $(filter %.1,$(MAN_PAGES))
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man8 $(filter %.8,$(MAN_PAGES))
	install -D -m 644 out/completions/bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/sampan
	install -D -m 644 out/completions/zsh $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_sampan
	install -D -m 644 out/completions/fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/sampan.fish

deb: ## out/sampan_VERSION_ARCH.deb
	@$(SUBMAKE) CONFIG=release programs man completions
	@packaging/build-deb $(O) $(VERSION) $(ARCH)

# The bench's own programs: one source each.
$(O)/bench/%: $(O)/obj/bench/%.o $(call archives,common)
	$(call link,$^,$(LIBS_IMAGE))
# As the monitor is: nothing but libc, and that statically where no sanitizer is in the way.
$(O)/bench/put_log: $(O)/obj/bench/put_log.o $(call archives,engine common)
	$(call link,$^,$(if $(filter asan fuzz,$(CONFIG)),,-static-pie))
.PHONY: bench-programs
bench-programs: $(patsubst bench/%.c,$(O)/bench/%,$(wildcard bench/*.c))
