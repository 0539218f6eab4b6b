/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_image.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/find_image.h"
#include "cli/image_exec.h"
#include "common/cleanup.h"
#include "oci/platform.h"
#include "oci/reference.h"

void run_image_done(struct run_image *i)
{
	image_record_done(&i->record);
	image_config_done(&i->config);
	if (i->lock_fd > 0)
		(void)close(i->lock_fd);
	*i = (struct run_image){ .lock_fd = -1 };
}

/* Under the lock, as its layers would be fair game without. */
static int load(const struct store *s, const char *what, struct run_image *ret, struct err *e)
{
	int r;

	run_image_done(ret);
	r = store_lock(s, false, &ret->lock_fd, e);
	if (r == 0)
		r = find_image(s, what, &ret->record, e);
	if (r == 0)
		r = image_load_config(s, &ret->record, &ret->config, NULL, e);
	if (r < 0)
		run_image_done(ret);
	return r;
}

static bool is_for(const struct run_image *i, const struct platform *wanted)
{
	struct platform_list list;

	platform_list_for_request(wanted, &list);
	return platform_rank(&list, &i->config.platform) >= 0;
}

/* Where nobody asked for a platform, an image of another machine's may still run by way of an emulator: docker's warning. */
static void warn_if_foreign(const struct run_image *i)
{
	char image[3 * PLATFORM_FIELD_MAX], host[3 * PLATFORM_FIELD_MAX];
	struct platform_list list;
	struct machine machine;

	machine_detect_baseline(&machine);
	platform_list_for_machine(&machine, &list);
	if (platform_rank(&list, &i->config.platform) >= 0)
		return;
	machine_detect(&machine);
	platform_list_for_machine(&machine, &list);
	if (list.len == 0 || platform_rank(&list, &i->config.platform) >= 0)
		return;
	platform_format(&i->config.platform, image);
	platform_format(&list.items[0], host);
	cli_error("warning: the image's platform (%s) does not match this machine's (%s), and no --platform "
		  "was given",
		  image, host);
}

static int pull(const struct cli_globals *g, const char *what, const struct run_flags *f, char **ret_name,
		struct err *e)
{
	int r = image_pull_run(g, what, f->platform, f->quiet, ret_name, e);

	return r < 0 ? err_wrap(e, "cannot pull '%s'", what) : 0;
}

static void say_not_here(const char *what)
{
	struct reference ref = { 0 };
	struct err ignored;
	cleanup_free char *name = NULL;

	if (reference_parse(what, &ref, &ignored) == 0)
		name = reference_familiar(&ref);
	(void)fprintf(stderr, "Unable to find image '%s' locally\n", name ? name : what);
	reference_done(&ref);
}

int run_image_get(const struct store *s, const struct cli_globals *g, const char *what,
		  const struct run_flags *f, struct run_image *ret, struct err *e)
{
	cleanup_run_image struct run_image found = { .lock_fd = -1 };
	cleanup_free char *name = NULL; /* once it is pulled */
	struct platform wanted;
	int r = 0;

	if (f->platform && (r = platform_parse(f->platform, &wanted, e)) < 0)
		return err_wrap(e, "--platform '%s'", f->platform);
	if (f->pull == RUN_PULL_ALWAYS)
		r = pull(g, what, f, &name, e);
	if (r == 0)
		r = load(s, name ? name : what, &found, e);
	if (r == 0 && f->platform && !is_for(&found, &wanted)) {
		run_image_done(&found);
		r = err_set(e, -ENOENT, "image '%s' is here, but not for platform '%s'", what, f->platform);
	}
	if (r == -ENOENT && f->pull == RUN_PULL_MISSING) {
		say_not_here(what);
		r = pull(g, what, f, &name, e);
		if (r == 0)
			r = load(s, name, &found, e);
	}
	if (r < 0)
		return r;
	if (!f->platform)
		warn_if_foreign(&found);
	*ret = found;
	found = (struct run_image){ .lock_fd = -1 };
	return 0;
}
