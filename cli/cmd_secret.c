/* SPDX-License-Identifier: Apache-2.0 */
/* sampan secret: create, inspect, ls, rm */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/format.h"
#include "cli/rows.h"
#include "cli/go_template.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "store/secret.h"

#define DOCUMENT_MAX_BYTES (64u << 20)
#define DRIVER             "file"

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

/* --- create --- */

struct create_options {
	bool env, replace;
	const char *driver;
	struct strvec labels;
};

#define CREATE(m) offsetof(struct create_options, m)
static const struct option_def CREATE_OPTIONS[] = {
	{ "driver", 'd', OPTION_STRING, CREATE(driver), "string", "Where it is kept: there is \"file\"" },
	{ "env", 0, OPTION_BOOL, CREATE(env), NULL,
	  "FILE is the name of an environment variable that holds it" },
	{ "label", 'l', OPTION_LIST, CREATE(labels), "list", "Labels: KEY=VALUE" },
	{ "replace", 0, OPTION_BOOL, CREATE(replace), NULL, "One of that name may be there already" },
	{ 0 },
};
static const struct command_def CREATE_COMMAND = {
	.name = "sampan secret create",
	.usage = "[OPTIONS] NAME FILE|-",
	.summary = "Create a secret from a file, or from stdin",
	.options = CREATE_OPTIONS,
	.min_args = 2,
	.max_args = 2,
};

/* Not file_read: pipes are welcome. */
static int read_file(const char *path, struct buf *ret, struct err *e)
{
	cleanup_fd int fd = -1;
	int r;

	if (strcmp(path, "-") == 0) {
		r = read_fd(STDIN_FILENO, ret, e);
		return r < 0 ? err_wrap(e, "cannot read stdin") : 0;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_errno(e, "cannot open '%s'", path);
	r = read_fd(fd, ret, e);
	return r < 0 ? err_wrap(e, "cannot read '%s'", path) : 0;
}

static int read_data(const struct create_options *o, const char *what, struct buf *ret, struct err *e)
{
	const char *value;
	int r;

	if (buf_reserve(ret, SECRET_DATA_MAX) < 0)
		return no_memory(e);
	if (o->env) {
		value = getenv(what);
		if (!value)
			return err_set(e, -ENOENT,
				       "cannot create store secret data: environment variable %s is not set",
				       what);
		r = buf_add_str(ret, value);
	} else {
		r = read_file(what, ret, e);
	}
	if (r == -EFBIG)
		return err_set(e, -EINVAL, "secret data must be larger than 0 and less than %u bytes",
			       SECRET_DATA_MAX);
	return r == -ENOMEM ? no_memory(e) : r;
}

static int create(const struct create_options *o, const char *name, const char *from,
		  const struct cli_globals *g, struct err *e)
{
	cleanup_secret_record struct secret_record record = { .name = strdup(name) };
	cleanup_secret_buf struct buf data = BUF_INIT(SECRET_DATA_MAX);
	cleanup_store struct store *s = NULL;
	int r = record.name ? 0 : no_memory(e);

	if (o->driver && strcmp(o->driver, DRIVER) != 0)
		return err_set(e, -EOPNOTSUPP, "invalid driver %s (there is the driver \"file\" only)",
			       o->driver);
	for (size_t i = 0; r == 0 && i < o->labels.len; i++)
		if (strvec_addf(&record.labels, "%s%s", o->labels.items[i],
				strchr(o->labels.items[i], '=') ? "" : "=") < 0)
			r = no_memory(e);
	if (r == 0)
		r = read_data(o, from, &data, e);
	if (r == 0)
		r = store_open(g->root, &s, e);
	if (r == 0)
		r = secret_create(s, &record, data.data, data.len, o->replace, e);
	if (r == 0)
		(void)puts(record.id);
	return r;
}

static int secret_create_command(int argc, char **argv, const struct cli_globals *g)
{
	struct create_options o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (cli_options(&CREATE_COMMAND, argc, argv, &o, &n, &code))
		code = cli_end_output(create(&o, argv[1], argv[2], g, &e) < 0 ? cli_fail(&e) : 0);
	strvec_done(&o.labels);
	return code;
}

/* --- ls --- */

struct ls_options {
	bool quiet;
	const char *format;
};

#define LS(m) offsetof(struct ls_options, m)
static const struct option_def LS_OPTIONS[] = {
	{ "format", 0, OPTION_STRING, LS(format), "string",
	  "\"json\", \"table TEMPLATE\", or a template of the fields ID, Name, Driver, CreatedAt, "
	  "UpdatedAt" },
	{ "quiet", 'q', OPTION_BOOL, LS(quiet), NULL, "IDs only" },
	{ 0 },
};
static const struct command_def LS_COMMAND = {
	.name = "sampan secret ls",
	.usage = "[OPTIONS]",
	.summary = "List secrets",
	.options = LS_OPTIONS,
	.max_args = 0,
};

#define FIELDS 6
static void make_fields(const struct secret_record *r, const char *created, const char *updated,
			struct template_field ret[FIELDS])
{
	const struct template_field fields[FIELDS] = {
		{ "ID", "ID", r->id, NULL },
		{ "Name", "NAME", r->name, NULL },
		{ "Driver", "DRIVER", DRIVER, NULL },
		{ "CreatedAt", "CREATED", created, NULL },
		{ "UpdatedAt", "UPDATED", updated, NULL },
		{ 0 },
	};

	memcpy(ret, fields, sizeof(fields));
}

static int show(const struct secret_record *r, const struct ls_options *o, struct rows *rows, struct err *e)
{
	char created[FORMAT_MAX], updated[FORMAT_MAX];
	struct template_field fields[FIELDS];

	if (o->quiet) {
		(void)puts(r->id);
		return 0;
	}
	format_ago(r->created, time(NULL), created);
	format_ago(r->updated, time(NULL), updated);
	make_fields(r, created, updated, fields);
	return rows_add(rows, fields, e);
}

static int ls(const struct ls_options *o, const struct cli_globals *g, struct err *e)
{
	cleanup_rows struct rows rows = { 0 };
	cleanup_store struct store *s = NULL;
	struct template_field sample[FIELDS];
	const struct secret_record nothing = { 0 };
	struct secret_record *items = NULL;
	size_t len = 0;
	int r;

	make_fields(&nothing, NULL, NULL, sample);
	r = o->quiet ? 0
		     : rows_begin(&rows, o->format,
				  "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.CreatedAt}}\t{{.UpdatedAt}}", sample,
				  e);
	if (r == 0)
		r = store_open(g->root, &s, e);
	if (r == 0)
		r = secret_list(s, &items, &len, e);
	for (size_t i = 0; r == 0 && i < len; i++)
		r = show(&items[i], o, &rows, e);
	if (r == 0 && !o->quiet)
		rows_end(&rows);
	secret_list_free(items, len);
	return r;
}

static int secret_ls(int argc, char **argv, const struct cli_globals *g)
{
	struct ls_options o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (cli_options(&LS_COMMAND, argc, argv, &o, &n, &code))
		code = cli_end_output(ls(&o, g, &e) < 0 ? cli_fail(&e) : 0);
	return code;
}

/* --- inspect --- */

struct inspect_options {
	const char *format;
	bool show;
};

static const struct option_def INSPECT_OPTIONS[] = {
	{ "format", 'f', OPTION_CALL, offsetof(struct inspect_options, format), "string",
	  "json, or a Go template (default: JSON for people)", go_template_set },
	{ "showsecret", 0, OPTION_BOOL, offsetof(struct inspect_options, show), NULL,
	  "Also the secret itself" },
	{ 0 },
};
static const struct command_def INSPECT_COMMAND = {
	.name = "sampan secret inspect",
	.usage = "[OPTIONS] SECRET [SECRET...]",
	.summary = "Show all that is known about secrets, as JSON",
	.options = INSPECT_OPTIONS,
	.min_args = 1,
	.max_args = -1,
};

static void write_secret(struct json_out *o, const struct secret_record *r, const struct buf *data)
{
	json_out_object(o, NULL);
	json_out_string(o, "ID", r->id);
	json_out_string(o, "CreatedAt", r->created);
	json_out_string(o, "UpdatedAt", r->updated);
	json_out_object(o, "Spec");
	json_out_string(o, "Name", r->name);
	json_out_object(o, "Driver");
	json_out_string(o, "Name", DRIVER);
	json_out_end(o);
	json_out_map(o, "Labels", &r->labels);
	json_out_end(o);
	if (data)
		json_out_string(o, "SecretData", data->data);
	json_out_end(o);
}

static int inspect_one(const struct store *s, const char *name, const struct inspect_options *options,
		       struct json_out *all, struct err *e)
{
	cleanup_secret_record struct secret_record r = { 0 };
	cleanup_secret_buf struct buf data = BUF_INIT(SECRET_DATA_MAX);
	const struct buf *shown = options->show ? &data : NULL;
	cleanup_json_out struct json_out *one = NULL;
	int code = secret_find(s, name, &r, options->show ? &data : NULL, e);

	if (code < 0)
		return code;
	if (!go_template_is_set(options->format)) {
		write_secret(all, &r, shown);
		return 0;
	}
	one = json_out_new(false, DOCUMENT_MAX_BYTES);
	write_secret(one, &r, shown);
	return go_template_print(options->format, one, e);
}

static int secret_inspect(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_json_out struct json_out *o = NULL;
	cleanup_store struct store *s = NULL;
	struct inspect_options options = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0, printed;

	if (!cli_options(&INSPECT_COMMAND, argc, argv, &options, &n, &code))
		return code;
	if (store_open(g->root, &s, &e) < 0)
		return cli_fail(&e);
	o = json_out_new(!options.format, DOCUMENT_MAX_BYTES);
	json_out_array(o, NULL);
	for (int i = 1; i <= n; i++)
		if (inspect_one(s, argv[i], &options, o, &e) < 0)
			code = cli_fail(&e);
	json_out_end(o);
	printed = go_template_is_set(options.format) ? cli_end_output(0) : cli_print_json(o);
	return code ? code : printed;
}

/* --- rm --- */

struct rm_options {
	bool all, ignore;
};

#define RM(m) offsetof(struct rm_options, m)
static const struct option_def RM_OPTIONS[] = {
	{ "all", 'a', OPTION_BOOL, RM(all), NULL, "All secrets" },
	{ "ignore", 'i', OPTION_BOOL, RM(ignore), NULL, "It is no error if there is no such secret" },
	{ 0 },
};
static const struct command_def RM_COMMAND = {
	.name = "sampan secret rm",
	.usage = "[OPTIONS] SECRET [SECRET...]",
	.summary = "Remove secrets",
	.options = RM_OPTIONS,
	.max_args = -1,
};

static int remove_one(const struct store *s, const char *what, struct err *e)
{
	cleanup_secret_record struct secret_record found = { 0 };
	int r = secret_find(s, what, &found, NULL, e);

	if (r == -EBADMSG)
		r = secret_remove(s, what, e); /* a damaged one can go by its name */
	else if (r == 0)
		r = secret_remove(s, found.name, e);
	if (r == 0)
		(void)puts(found.id ? found.id : what);
	return r;
}

static int remove_all(const struct store *s, struct err *e)
{
	struct secret_record *items = NULL;
	size_t len = 0;
	int r = secret_list(s, &items, &len, e);

	for (size_t i = 0; r == 0 && i < len; i++)
		r = remove_one(s, items[i].name, e);
	secret_list_free(items, len);
	return r;
}

static int secret_rm(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *s = NULL;
	struct rm_options o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&RM_COMMAND, argc, argv, &o, &n, &code))
		return code;
	if ((n == 0) != o.all) {
		cli_error("%s",
			  o.all ? "--all takes no arguments" : "at least one secret must be given, or --all");
		return CLI_EXIT_FAILED;
	}
	if (store_open(g->root, &s, &e) < 0)
		return cli_fail(&e);
	if (o.all && remove_all(s, &e) < 0)
		code = cli_fail(&e);
	for (int i = 1; i <= n; i++) {
		int r = remove_one(s, argv[i], &e);

		if (r < 0 && !(r == -ENOENT && o.ignore))
			code = cli_fail(&e);
	}
	return cli_end_output(code);
}

static const struct cli_subcommand COMMANDS[] = {
	{ "create", secret_create_command, "Create a secret" },
	{ "inspect", secret_inspect, "Show all that is known about secrets, as JSON" },
	{ "ls", secret_ls, "List secrets" },
	{ "rm", secret_rm, "Remove secrets" },
	{ "list", secret_ls, NULL },
	{ "remove", secret_rm, NULL },
	{ 0 },
};

int cmd_secret(int argc, char **argv, const struct cli_globals *g)
{
	return cli_run_subcommand("secret", "Manage secrets", COMMANDS, argc, argv, g);
}
