/* SPDX-License-Identifier: Apache-2.0 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/oci.h"
#include "cli/table.h"
#include "common/cleanup.h"
#include "runtime/state.h"

#define OUTPUT_MAX_BYTES (64u << 20)

struct list_options {
	const char *format;
	bool quiet;
};

static const struct option_def OPTIONS[] = {
	{ "format", 'f', OPTION_STRING, offsetof(struct list_options, format), "format", "table or json" },
	{ "quiet", 'q', OPTION_BOOL, offsetof(struct list_options, quiet), NULL, "IDs only" },
	{ 0 },
};

static const struct command_def LIST = {
	.name = "sampan-oci list",
	.usage = "[OPTIONS]",
	.summary = "List the containers below the state directory",
	.options = OPTIONS,
};

/* Where the containers go: exactly one of these is set. */
struct output {
	struct json_out *json;
	struct table *table;
	bool quiet;
	char owner[256]; /* the last one's name */
	uid_t owner_uid;
};

/* Whose directory it is, as runc has it: the name, or "#1000" of who has none. */
static int find_owner(const char *root, struct output *out, struct container_state *s)
{
	cleanup_free char *path = NULL;
	struct passwd entry, *found = NULL;
	char text[4096];
	struct stat st;

	if (asprintf(&path, "%s/%s", root, s->id) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (stat(path, &st) < 0)
		return 0; /* it is being deleted */
	if (!out->owner[0] || out->owner_uid != st.st_uid) {
		if (getpwuid_r(st.st_uid, &entry, text, sizeof(text), &found) == 0 && found)
			(void)snprintf(out->owner, sizeof(out->owner), "%s", entry.pw_name);
		else
			(void)snprintf(out->owner, sizeof(out->owner), "#%u", st.st_uid);
		out->owner_uid = st.st_uid;
	}
	free(s->owner);
	s->owner = strdup(out->owner);
	return s->owner ? 0 : -ENOMEM;
}

static int add_row(struct table *t, const struct container_state *s, enum runtime_status status)
{
	char pid[16];
	const char *row[] = { s->id,     pid,        runtime_status_name(status),
			      s->bundle, s->created, s->owner ? s->owner : "" };

	(void)snprintf(pid, sizeof(pid), "%d", status == RUNTIME_STOPPED ? 0 : (int)s->pid);
	return table_add_row(t, row);
}

static int put(const char *root, const char *id, struct output *out, struct err *e)
{
	cleanup_container_state struct container_state s = { 0 };
	enum runtime_status status;
	struct err ignored;
	int r;

	/* Deleted meanwhile, or not whole yet: not a container for a list. */
	if (container_state_read(root, id, &s, &ignored) < 0)
		return 0;
	if (out->quiet)
		return printf("%s\n", id) < 0 ? err_errno(e, "cannot write to stdout") : 0;
	status = container_state_status(root, &s);
	if (find_owner(root, out, &s) < 0)
		return err_code(e, -ENOMEM, "cannot list the containers");
	if (out->json) {
		container_state_print(out->json, &s, status);
		return 0;
	}
	r = add_row(out->table, &s, status);
	return r < 0 ? err_code(e, r, "cannot list the containers") : 0;
}

/* All of them into `out`. */
static int collect(const char *root, struct output *out, size_t *ret_count, struct err *e)
{
	cleanup_strvec struct strvec ids = { 0 };
	int r = container_state_list(root, &ids, e);

	json_out_array(out->json, NULL);
	for (size_t i = 0; i < ids.len && r == 0; i++)
		r = put(root, ids.items[i], out, e);
	json_out_end(out->json);
	*ret_count = ids.len;
	return r;
}

static int print(const struct output *out, size_t count, struct err *e)
{
	int r = 0;

	if (out->json) {
		if (count > 0)
			r = oci_print_json(out->json, e);
		else
			(void)fputs("null", stdout); /* as runc prints none; fflush sees what goes wrong */
		(void)fputs("\n", stdout);
	} else if (!out->quiet) {
		table_print(out->table, stdout);
	}
	return r == 0 && fflush(stdout) != 0 ? err_errno(e, "cannot write to stdout") : r;
}

static int list(const struct oci_globals *g, const struct list_options *o, struct err *e)
{
	static const char *const HEAD[] = { "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER" };
	bool json = o->format && strcmp(o->format, "json") == 0;
	cleanup_table struct table table = { .columns = ARRAY_LEN(HEAD) };
	cleanup_json_out struct json_out *document =
		json && !o->quiet ? json_out_new(false, OUTPUT_MAX_BYTES) : NULL;
	struct output out = { .json = document, .table = &table, .quiet = o->quiet };
	size_t count = 0;
	int r;

	if (o->format && !json && strcmp(o->format, "table") != 0)
		return err_set(e, -EINVAL, "invalid format option '%s'", o->format);
	if ((json && !o->quiet && !document) || table_add_row(&table, HEAD) < 0)
		return err_code(e, -ENOMEM, "cannot list the containers");
	r = collect(g->root, &out, &count, e);
	return r == 0 ? print(&out, count, e) : r;
}

int oci_list(int argc, char **argv, const struct oci_globals *g)
{
	struct list_options o = { 0 };
	int exit_code, count;
	struct err e;

	if (!oci_options(g, &LIST, argc, argv, &o, &count, &exit_code))
		return exit_code;
	return list(g, &o, &e) < 0 ? oci_fail(g, &e) : 0;
}
