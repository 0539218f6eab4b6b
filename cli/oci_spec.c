/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "cli/oci.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "oci/runtime_spec.h"

#define CONFIG "config.json"

struct spec_options {
	const char *bundle;
	bool rootless;
};

#define SPEC(member) offsetof(struct spec_options, member)
static const struct option_def OPTIONS[] = {
	{ "bundle", 'b', OPTION_STRING, SPEC(bundle), "dir",
	  "Where to write " CONFIG " (default: the current directory)" },
	{ "rootless", 0, OPTION_BOOL, SPEC(rootless), NULL, "For a user without root's rights" },
	{ 0 },
};

static const struct command_def COMMAND = {
	.name = "sampan-oci spec",
	.usage = "[OPTIONS]",
	.summary = "Write an example of a " CONFIG,
	.options = OPTIONS,
};

/* As runc: a cgroup namespace where there is but one hierarchy, as only that one is mounted whole. */
static int add_cgroup_namespace(struct runtime_spec *s, struct err *e)
{
	struct cgroup_host host;
	int r = cgroup_host_detect(&host, e);

	if (r < 0 || host.mode != CGROUP_UNIFIED || spec_find_namespace(s, SPEC_NS_CGROUP))
		return r;
	if (!spec_add_namespace(s, SPEC_NS_CGROUP, NULL))
		return err_code(e, -ENOMEM, "cannot build a runtime spec");
	return 0;
}

static int make_spec(const struct spec_options *o, struct runtime_spec *ret, struct err *e)
{
	int r = runtime_spec_example(ret, e);

	if (r == 0)
		r = add_cgroup_namespace(ret, e);
	if (r == 0 && o->rootless)
		r = runtime_spec_make_rootless(ret, geteuid(), getegid(), e);
	return r;
}

/* Never overwrites: what is there may have been edited for hours. */
static int write_new(int dir_fd, const char *text, size_t len, struct err *e)
{
	cleanup_fd int fd =
		openat(dir_fd, CONFIG, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
	int r;

	if (fd < 0 && errno == EEXIST)
		return err_set(e, -EEXIST, "File " CONFIG " exists. Remove it first");
	if (fd < 0)
		return err_errno(e, "cannot write '" CONFIG "'");
	r = write_all(fd, text, len);
	if (r == 0)
		r = write_all(fd, "\n", 1);
	if (r < 0) {
		(void)unlinkat(dir_fd, CONFIG, 0); /* the write's error says more than this one's */
		return err_code(e, r, "cannot write '" CONFIG "'");
	}
	return 0;
}

static int write_spec(const struct spec_options *o, struct err *e)
{
	cleanup_runtime_spec struct runtime_spec s = { 0 };
	cleanup_json_out struct json_out *out = json_out_new(true, SPEC_MAX_BYTES);
	const char *bundle = o->bundle && *o->bundle ? o->bundle : ".";
	cleanup_fd int dir_fd = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *text;
	size_t len;
	int r;

	if (dir_fd < 0)
		return err_errno(e, "cannot open the bundle '%s'", bundle);
	r = make_spec(o, &s, e);
	if (r < 0)
		return r;
	runtime_spec_write(out, &s);
	r = json_out_finish(out, &text, &len, e);
	return r < 0 ? r : write_new(dir_fd, text, len, e);
}

int oci_spec(int argc, char **argv, const struct oci_globals *g)
{
	struct spec_options o = { 0 };
	int exit_code, count;
	struct err e;

	if (!oci_options(g, &COMMAND, argc, argv, &o, &count, &exit_code))
		return exit_code;
	return write_spec(&o, &e) < 0 ? oci_fail(g, &e) : 0;
}
