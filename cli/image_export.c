/* SPDX-License-Identifier: Apache-2.0 */
/* sampan export */
#include "cli/image_main.h"
#include "cli/image_output.h"
#include "cli/image_owners.h"
#include "cli/image_signals.h"
#include "common/cleanup.h"
#include "pull/export.h"
#include "store/container_event.h"
#include "store/store.h"

struct export_flags {
	const char *output;
};

#define FLAG(member) offsetof(struct export_flags, member)
static const struct option_def OPTIONS[] = {
	{ "output", 'o', OPTION_STRING, FLAG(output), "file", "Write there (default: standard output)" },
	{ 0 },
};

static const struct command_def EXPORT = {
	.name = "sampan export",
	.usage = "[OPTIONS] CONTAINER",
	.summary = "Write a container's file system to a tar",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

static int export_to(const struct store *s, const char *what, const char *path, int cancel_fd, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	cleanup_image_output struct image_output out = { .fd = -1 };
	cleanup_fd int users_fd = -1;
	int r = image_output_open(path, &out, e);

	if (r == 0)
		r = container_find(s, what, &c, e);
	if (r == 0)
		r = image_owners_open(s, &c, &users_fd, e);
	if (r == 0)
		r = export_container(s, &c, users_fd, out.fd, cancel_fd, e);
	return r < 0 ? r : image_output_commit(&out, e);
}

int image_export(int argc, char **argv, const struct image_globals *g)
{
	struct export_flags f = { 0 };
	cleanup_store struct store *s = NULL;
	cleanup_fd int signals = -1;
	struct err e = { 0 };
	int n = 0, code = 0, r;

	if (!cli_options(&EXPORT, argc, argv, &f, &n, &code))
		return code;
	r = image_watch_signals(&signals, &e);
	if (r == 0)
		r = store_open(g->root, &s, &e);
	if (r == 0)
		r = export_to(s, argv[1], f.output, signals, &e);
	if (r == 0)
		container_event_by_id(s, g->state_dir, argv[1], "export", NULL);
	return image_end(g, r, &e, signals);
}
