/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/oci.h"
#include "cli/update_flags.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "runtime/control.h"

static const struct command_def UPDATE = {
	.name = "sampan-oci update",
	.usage = "[OPTIONS] CONTAINER-ID",
	.summary = "Change the limits of a container; what is not named stays as it is",
	.options = UPDATE_FLAGS,
	.min_args = 1,
	.max_args = 1,
};

static int refuse_rdt(const struct update_flags *f, struct err *e)
{
	if (f->l3_cache_schema && *f->l3_cache_schema)
		return err_set(e, -EOPNOTSUPP,
			       "Intel RDT/CAT: l3 cache schema is not supported (leave out "
			       "--l3-cache-schema)");
	if (f->mem_bw_schema && *f->mem_bw_schema)
		return err_set(e, -EOPNOTSUPP,
			       "Intel RDT/MBA: memory bandwidth schema is not supported (leave out "
			       "--mem-bw-schema)");
	return 0;
}

/* The file's resources take the place of those of the flags. */
static int read_file(struct update_flags *f, struct err *e)
{
	bool from_stdin = strcmp(f->resources_file, "-") == 0;
	cleanup_fd int fd = from_stdin ? -1 : open(f->resources_file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	cleanup_buf struct buf text = BUF_INIT(SPEC_MAX_BYTES);
	int r;

	if (!from_stdin && fd < 0)
		return err_errno(e, "cannot open '%s'", f->resources_file);
	r = read_fd(from_stdin ? STDIN_FILENO : fd, &text, e);
	if (r < 0)
		return err_wrap(e, "cannot read '%s'", f->resources_file);
	spec_resources_done(&f->resources);
	r = spec_resources_decode(text.data ? text.data : "", text.len, &f->resources, e);
	return r < 0 ? err_wrap(e, "resources in '%s'", f->resources_file) : 0;
}

int oci_update(int argc, char **argv, const struct oci_globals *g)
{
	cleanup_update_flags struct update_flags f = { 0 };
	int exit_code, count, r;
	struct err e;

	if (!oci_options(g, &UPDATE, argc, argv, &f, &count, &exit_code))
		return exit_code;
	r = refuse_rdt(&f, &e);
	if (r == 0 && f.resources_file && *f.resources_file) {
		oci_settle_program(g, argv[1]);
		r = read_file(&f, &e);
	}
	if (r == 0)
		r = control_update(g->root, argv[1], &f.resources, &e);
	return r < 0 ? oci_fail(g, &e) : 0;
}
