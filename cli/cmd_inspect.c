/* SPDX-License-Identifier: Apache-2.0 */
/* sampan inspect */
#include <string.h>

#include "cli/cli.h"
#include "cli/go_template.h"
#include "cli/inspect.h"
#include "common/cleanup.h"

#define DOCUMENT_MAX_BYTES (256u << 20)

enum inspect_type { INSPECT_ANY, INSPECT_IMAGE, INSPECT_CONTAINER };

struct inspect_options {
	int type; /* enum inspect_type */
	const char *format;
	bool size;
};

static int set_type(const char *text, void *member, struct err *e)
{
	int *type = member;

	if (strcmp(text, "image") == 0)
		*type = INSPECT_IMAGE;
	else if (strcmp(text, "container") == 0)
		*type = INSPECT_CONTAINER;
	else
		return err_set(e, -EINVAL, "expected 'image' or 'container'");
	return 0;
}

#define OPT(m) offsetof(struct inspect_options, m)
static const struct option_def OPTIONS[] = {
	{ "format", 'f', OPTION_CALL, OPT(format), "string",
	  "json, or a Go template (default: JSON for people)", go_template_set },
	{ "size", 's', OPTION_BOOL, OPT(size), NULL, "Of containers also SizeRw and SizeRootFs" },
	{ "type", 0, OPTION_CALL, OPT(type), "string", "Only images, or only containers: image, container",
	  set_type },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan inspect",
	.usage = "[OPTIONS] NAME|ID [NAME|ID...]",
	.summary = "Show all that is known about images and containers, as JSON",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = -1,
};

/* Containers first, as docker looks. */
static int inspect_one(const struct store *s, const struct cli_globals *g, const char *what,
		       const struct inspect_options *options, struct json_out *o, struct err *e)
{
	int r = -ENOENT, type = options->type;

	if (type != INSPECT_IMAGE)
		r = inspect_container(s, g, what, options->size, o, e);
	if (type != INSPECT_CONTAINER && r == -ENOENT)
		r = inspect_image(s, what, o, e);
	if (type == INSPECT_ANY && r == -ENOENT)
		return err_set(e, r, "no such object: %s", what);
	return r;
}

static int print_templates(const struct store *s, const struct cli_globals *g, char *const *names, int n,
			   const struct inspect_options *options)
{
	int code = 0;

	for (int i = 0; i < n; i++) {
		cleanup_json_out struct json_out *o = json_out_new(false, DOCUMENT_MAX_BYTES);
		struct err e = { 0 };

		if (inspect_one(s, g, names[i], options, o, &e) < 0 ||
		    go_template_print(options->format, o, &e) < 0)
			code = cli_fail(&e);
	}
	return cli_end_output(code);
}

static int print_json(const struct store *s, const struct cli_globals *g, char *const *names, int n,
		      const struct inspect_options *options)
{
	cleanup_json_out struct json_out *o = json_out_new(!options->format, DOCUMENT_MAX_BYTES);
	int code = 0, printed;

	json_out_array(o, NULL);
	for (int i = 0; i < n; i++) {
		struct err e = { 0 };

		if (inspect_one(s, g, names[i], options, o, &e) < 0)
			code = cli_fail(&e);
	}
	json_out_end(o);
	printed = cli_print_json(o);
	return code ? code : printed;
}

int cmd_inspect(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *store = NULL;
	struct inspect_options options = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, &options, &n, &code))
		return code;
	if (store_open(g->root, &store, &e) < 0)
		return cli_fail(&e);
	return go_template_is_set(options.format) ? print_templates(store, g, argv + 1, n, &options)
						  : print_json(store, g, argv + 1, n, &options);
}
