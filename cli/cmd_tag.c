/* SPDX-License-Identifier: Apache-2.0 */
/* sampan tag */
#include "cli/cli.h"
#include "cli/find_image.h"
#include "common/cleanup.h"
#include "oci/reference.h"
#include "store/image_event.h"

static const struct command_def COMMAND = {
	.name = "sampan tag",
	.usage = "IMAGE NAME[:TAG] [NAME[:TAG]...]",
	.summary = "Give an image further names",
	.min_args = 2,
	.max_args = -1,
};

static int tag(const struct store *s, const struct cli_globals *g, const struct image_record *image,
	       const char *name, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *canonical = NULL;
	struct image_record record = *image;
	int r = reference_parse(name, &ref, e);

	if (r < 0)
		return err_wrap(e, "invalid reference '%s'", name);
	if (digest_is_set(&ref.digest))
		return err_set(e, -EINVAL, "cannot tag with '%s': a digest is not anybody's to give", name);
	canonical = reference_canonical(&ref);
	if (!canonical)
		return err_code(e, -ENOMEM, "cannot tag with '%s'", name);
	record.name = canonical;
	record.bound = NULL; /* now */
	r = image_bind(s, &record, e);
	if (r == 0)
		image_event(s, g->state_dir, "tag", &record);
	return r;
}

int cmd_tag(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_image_record struct image_record image = { 0 };
	cleanup_store struct store *s = NULL;
	struct err e = { 0 };
	int n = 0, code = 0, r;

	if (!cli_options(&COMMAND, argc, argv, NULL, &n, &code))
		return code;
	r = store_open(g->root, &s, &e);
	if (r == 0)
		r = find_image(s, argv[1], &image, &e);
	for (int i = 2; r == 0 && i <= n; i++)
		r = tag(s, g, &image, argv[i], &e);
	return r < 0 ? cli_fail(&e) : 0;
}
