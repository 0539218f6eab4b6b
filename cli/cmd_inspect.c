/* SPDX-License-Identifier: Apache-2.0 */
/* sampan inspect */
#include <string.h>

#include "cli/cli.h"
#include "cli/inspect.h"

#define DOCUMENT_MAX_BYTES (256u << 20)

enum inspect_type { INSPECT_ANY, INSPECT_IMAGE, INSPECT_CONTAINER };

struct inspect_options {
	int type;  /* enum inspect_type */
	bool json; /* it always is */
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
	{ "format", 'f', OPTION_CALL, OPT(json), "json", "Print JSON, which it does anyway", cli_set_format },
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
static int inspect_one(const struct store *s, const char *what, enum inspect_type type, struct json_out *o,
		       struct err *e)
{
	int r = -ENOENT;

	if (type != INSPECT_IMAGE)
		r = inspect_container(s, what, o, e);
	if (type != INSPECT_CONTAINER && r == -ENOENT)
		r = inspect_image(s, what, o, e);
	if (type == INSPECT_ANY && r == -ENOENT)
		return err_set(e, r, "no such object: %s", what);
	return r;
}

int cmd_inspect(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_json_out struct json_out *o = NULL;
	cleanup_store struct store *store = NULL;
	struct inspect_options options = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0, printed;

	if (!cli_options(&COMMAND, argc, argv, &options, &n, &code))
		return code;
	if (store_open(g->root, &store, &e) < 0)
		return cli_fail(&e);
	o = json_out_new(true, DOCUMENT_MAX_BYTES);
	json_out_array(o, NULL);
	for (int i = 1; i <= n; i++)
		if (inspect_one(store, argv[i], (enum inspect_type)options.type, o, &e) < 0)
			code = cli_fail(&e);
	json_out_end(o);
	printed = cli_print_json(o);
	return code ? code : printed;
}
