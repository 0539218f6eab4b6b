/* SPDX-License-Identifier: Apache-2.0 */
/* sampan binfmt: which programs of other CPUs run here. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "build/binfmt.h"
#include "cli/image_main.h"
#include "cli/table.h"
#include "common/cleanup.h"

#define PERSIST_DIR        "/etc/binfmt.d"
#define DOCUMENT_MAX_BYTES (256U << 10)

#define CURE_INSTALL       "apt install qemu-user-static, then sampan binfmt install"

struct host {
	struct binfmt binfmt;
	struct platform_list native;
};

static void host_done(struct host *h)
{
	binfmt_done(&h->binfmt);
}
#define cleanup_host __attribute__((cleanup(host_done)))

static int host_read(struct host *h, struct err *e)
{
	binfmt_native(&h->native);
	return binfmt_read(BINFMT_DIR, &h->binfmt, e);
}

static struct binfmt_answer ask(const struct host *h, const struct binfmt_cpu *cpu)
{
	struct platform p = { .os = "linux" };

	(void)snprintf(p.architecture, sizeof(p.architecture), "%s", cpu->architecture);
	platform_normalize(&p);
	return binfmt_ask(&h->binfmt, &h->native, &p);
}

static int need_root(const char *command, struct err *e)
{
	if (geteuid() == 0)
		return 0;
	return err_set(e, -EPERM, "'sampan binfmt %s' needs root: binfmt_misc is the whole machine's (sudo)",
		       command);
}

/* --- status ---------------------------------------------------------------------------------------- */

struct status_options {
	bool json;
};
static const struct option_def STATUS_OPTIONS[] = {
	{ "format", 0, OPTION_CALL, offsetof(struct status_options, json), "json", "Print JSON",
	  cli_set_format },
	{ 0 },
};
static const struct command_def STATUS = {
	.name = "sampan binfmt status",
	.usage = "[OPTIONS]",
	.summary = "Show which programs of other CPUs run here, and through what",
	.options = STATUS_OPTIONS,
};

/* NULL: nothing is missing. */
static const char *cure_of(const struct host *h, const struct binfmt_cpu *cpu, const struct binfmt_answer *a)
{
	struct binfmt_interpreter i;

	if (a->way != BINFMT_MISSING)
		return NULL;
	if (h->binfmt.mounted && !h->binfmt.enabled)
		return "binfmt_misc is off: echo 1 >" BINFMT_DIR "/status";
	if (!binfmt_interpreter_find("", cpu, &i))
		return CURE_INSTALL;
	if (a->entry && a->entry->enabled)
		return "registered without the flag F, which containers need: sampan binfmt install --force";
	if (a->entry)
		return "registered, and disabled: sampan binfmt install --force";
	return "sampan binfmt install";
}

static int print_json(const struct host *h)
{
	cleanup_json_out struct json_out *o = json_out_new(true, DOCUMENT_MAX_BYTES);
	const struct binfmt_cpu *cpu;

	json_out_array(o, NULL);
	for (size_t i = 0; (cpu = binfmt_cpu_at(i)); i++) {
		const struct binfmt_answer a = ask(h, cpu);

		json_out_object(o, NULL);
		json_out_string(o, "Arch", cpu->architecture);
		json_out_string(o, "State", binfmt_way_name(a.way));
		json_out_opt_string(o, "Name", a.entry ? a.entry->name : NULL);
		json_out_opt_string(o, "Interpreter", a.entry ? a.entry->interpreter : NULL);
		json_out_opt_string(o, "Flags", a.entry ? a.entry->flags : NULL);
		json_out_opt_string(o, "Cure", cure_of(h, cpu, &a));
		json_out_end(o);
	}
	json_out_end(o);
	return cli_print_json(o);
}

static int print_table(const struct host *h, struct err *e)
{
	static const char *const HEADING[] = { "ARCH", "STATE", "INTERPRETER", "FLAGS" };
	cleanup_table struct table t = { .columns = ARRAY_LEN(HEADING) };
	const struct binfmt_cpu *cpu;
	int r = table_add_row(&t, HEADING);

	for (size_t i = 0; r == 0 && (cpu = binfmt_cpu_at(i)); i++) {
		const struct binfmt_answer a = ask(h, cpu);
		const char *cure = cure_of(h, cpu, &a);
		const char *const row[] = { cpu->architecture, binfmt_way_name(a.way),
					    a.entry ? a.entry->interpreter : "",
					    a.entry ? a.entry->flags : "" };

		r = table_add_row(&t, row);
		if (r == 0 && cure) {
			char text[256];
			const char *const more[] = { "", "", text, "" };

			(void)snprintf(text, sizeof(text), "-> %s", cure);
			r = table_add_row(&t, more);
		}
	}
	if (r < 0)
		return err_code(e, r, "cannot print what is registered");
	table_print(&t, stdout);
	return 0;
}

static int run_status(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_host struct host h = { 0 };
	struct status_options o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	(void)g;
	if (!cli_options(&STATUS, argc, argv, &o, &n, &code))
		return code;
	if (host_read(&h, &e) < 0)
		return cli_fail(&e);
	if (o.json)
		return print_json(&h);
	return print_table(&h, &e) < 0 ? cli_fail(&e) : cli_end_output(0);
}

/* --- install ---------------------------------------------------------------------------------------- */

struct install_options {
	bool force, persist;
};
static const struct option_def INSTALL_OPTIONS[] = {
	{ "force", 'f', OPTION_BOOL, offsetof(struct install_options, force), NULL,
	  "Register anew what is registered already" },
	{ "persist", 0, OPTION_BOOL, offsetof(struct install_options, persist), NULL,
	  "For each start of the machine too, in " PERSIST_DIR },
	{ 0 },
};
static const struct command_def INSTALL = {
	.name = "sampan binfmt install",
	.usage = "[OPTIONS] [ARCH...]",
	.summary = "Have programs of other CPUs run through qemu-user",
	.options = INSTALL_OPTIONS,
	.max_args = -1,
};

/* One architecture that is asked for, by its name or with all others. */
struct wanted {
	const struct binfmt_cpu *cpu;
	bool named;
	bool force;
	bool persist;
};

static int replace(const struct host *h, const struct wanted *w, const struct binfmt_interpreter *i,
		   struct err *e)
{
	int r = 0;

	if (binfmt_find(&h->binfmt, w->cpu->entry))
		r = binfmt_unregister(BINFMT_DIR, w->cpu->entry, e);
	if (r == 0)
		r = binfmt_register(BINFMT_DIR, w->cpu, i, e);
	if (r == 0)
		(void)printf("%s: registered (%s, %s)\n", w->cpu->architecture, i->path, i->flags);
	return r;
}

/* What is there and works stays; what is there and does not, too, unless somebody has said that he means it. */
static int install_entry(const struct host *h, const struct wanted *w, const struct binfmt_interpreter *i,
			 struct err *e)
{
	const struct binfmt_answer a = ask(h, w->cpu);
	const struct binfmt_entry *there = a.entry ? a.entry : binfmt_find(&h->binfmt, w->cpu->entry);
	bool works = a.way == BINFMT_EMULATED && binfmt_same_file(a.entry->interpreter, i->path);

	if (works && !w->force) {
		(void)printf("%s: registered already (%s, %s)\n", w->cpu->architecture, a.entry->interpreter,
			     a.entry->flags);
		return 0;
	}
	if (there && !w->named && !w->force) {
		(void)printf("%s: left alone, as '%s' is registered with '%s'%s%s (name %s, or --force)\n",
			     w->cpu->architecture, there->name, there->interpreter,
			     there->flags[0] ? " and flags " : " without flags", there->flags,
			     w->cpu->architecture);
		return 0;
	}
	return replace(h, w, i, e);
}

/* 1: there is something to be emulated, and it is. 0: there is not. */
static int install_one(const struct host *h, const struct wanted *w, struct err *e)
{
	cleanup_free char *path = NULL;
	struct binfmt_interpreter i;
	int r;

	if (ask(h, w->cpu).way == BINFMT_NATIVE) {
		if (w->named)
			(void)printf("%s: this machine runs it by itself\n", w->cpu->architecture);
		return w->named;
	}
	if (!binfmt_interpreter_find("", w->cpu, &i)) {
		if (!w->named)
			return 0;
		return err_set(e, -ENOENT,
			       "%s: there is no '/usr/bin/qemu-%s-static' (apt install qemu-user-static)",
			       w->cpu->architecture, w->cpu->qemu);
	}
	r = install_entry(h, w, &i, e);
	if (r == 0 && w->persist && (r = binfmt_persist(PERSIST_DIR, w->cpu, &i, &path, e)) == 0)
		(void)printf("%s: %s\n", w->cpu->architecture, path);
	return r < 0 ? err_wrap(e, "%s", w->cpu->architecture) : 1;
}

static int install_prepare(struct host *h, struct err *e)
{
	int r = host_read(h, e);

	if (r == 0 && !h->binfmt.mounted) {
		r = binfmt_mount(BINFMT_DIR, e);
		binfmt_done(&h->binfmt);
		if (r == 0)
			r = binfmt_read(BINFMT_DIR, &h->binfmt, e);
	}
	if (r == 0 && !h->binfmt.enabled)
		r = err_set(e, -EOPNOTSUPP, "binfmt_misc is off (echo 1 >" BINFMT_DIR "/status)");
	return r;
}

static int install_all(const struct host *h, struct wanted w, struct err *e)
{
	int r = 0, found = 0;

	for (size_t i = 0; r >= 0 && (w.cpu = binfmt_cpu_at(i)); i++) {
		r = install_one(h, &w, e);
		found += r > 0;
	}
	if (r >= 0 && found == 0)
		r = err_set(e, -ENOENT, "no interpreter of qemu-user is here (apt install qemu-user-static)");
	return r;
}

static int run_install(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_host struct host h = { 0 };
	struct install_options o = { 0 };
	struct wanted w = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0, r;

	(void)g;
	if (!cli_options(&INSTALL, argc, argv, &o, &n, &code))
		return code;
	for (int i = 1; i <= n; i++) /* all of them before the first is touched */
		if (binfmt_cpu_parse(argv[i], &w.cpu, &e) < 0)
			return cli_refuse(&e);
	w.force = o.force;
	w.persist = o.persist;
	w.named = n > 0;
	r = need_root("install", &e);
	if (r == 0)
		r = install_prepare(&h, &e);
	if (r == 0 && n == 0)
		r = install_all(&h, w, &e);
	for (int i = 1; r >= 0 && i <= n; i++) {
		r = binfmt_cpu_parse(argv[i], &w.cpu, &e);
		if (r == 0)
			r = install_one(&h, &w, &e);
	}
	return cli_end_output(r < 0 ? cli_fail(&e) : 0);
}

/* --- remove ----------------------------------------------------------------------------------------- */

static const struct command_def REMOVE = {
	.name = "sampan binfmt remove",
	.usage = "[ARCH...]",
	.summary = "Have programs of other CPUs run no more",
	.max_args = -1,
};

static int remove_one(const struct host *h, const struct binfmt_cpu *cpu, bool named, struct err *e)
{
	int r = binfmt_forget(PERSIST_DIR, cpu, e);

	if (r == 0 && !named && !binfmt_find(&h->binfmt, cpu->entry))
		return 0;
	if (r == 0)
		r = binfmt_unregister(BINFMT_DIR, cpu->entry, e);
	if (r < 0)
		return err_wrap(e, "%s", cpu->architecture);
	(void)printf("%s: removed\n", cpu->architecture);
	return 0;
}

static int remove_all(const struct host *h, struct err *e)
{
	const struct binfmt_cpu *cpu;
	int r = 0;

	for (size_t i = 0; r == 0 && (cpu = binfmt_cpu_at(i)); i++)
		r = remove_one(h, cpu, false, e);
	return r;
}

static int run_remove(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_host struct host h = { 0 };
	const struct binfmt_cpu *cpu = NULL;
	struct err e = { 0 };
	int n = 0, code = 0, r;

	(void)g;
	if (!cli_options(&REMOVE, argc, argv, NULL, &n, &code))
		return code;
	for (int i = 1; i <= n; i++)
		if (binfmt_cpu_parse(argv[i], &cpu, &e) < 0)
			return cli_refuse(&e);
	r = need_root("remove", &e);
	if (r == 0)
		r = host_read(&h, &e);
	if (r == 0 && n == 0)
		r = remove_all(&h, &e);
	for (int i = 1; r == 0 && i <= n; i++) {
		r = binfmt_cpu_parse(argv[i], &cpu, &e);
		if (r == 0)
			r = remove_one(&h, cpu, true, &e);
	}
	return cli_end_output(r < 0 ? cli_fail(&e) : 0);
}

/* --- which ------------------------------------------------------------------------------------------ */

int image_binfmt(int argc, char **argv, const struct image_globals *g)
{
	static const struct cli_subcommand COMMANDS[] = {
		{ "install", run_install, "Have programs of other CPUs run through qemu-user" },
		{ "remove", run_remove, "Have programs of other CPUs run no more" },
		{ "status", run_status, "Show which programs of other CPUs run here, and through what" },
		{ "rm", run_remove, NULL },
		{ 0 },
	};
	const struct cli_globals globals = { .root = g->root, .state_dir = g->state_dir };

	return cli_run_subcommand("binfmt", "Run programs of other CPUs", COMMANDS, argc, argv, &globals);
}
