/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/oci_bundle.h"
#include "cli/oci_criu.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "runtime/checkpoint.h"
#include "runtime/state.h"

struct checkpoint_options {
	struct oci_criu_options criu;
	const char *parent_path, *page_server;
	struct opt_i64 status_fd;
	bool leave_running, pre_dump, tcp_skip_in_flight, link_remap;
};

#define AT(member) offsetof(struct checkpoint_options, member)
static const struct option_def OPTIONS[] = {
	OCI_CRIU_OPTIONS(AT(criu)),
	{ "parent-path", 0, OPTION_STRING, AT(parent_path), "dir",
	  "Images of an earlier --pre-dump, from the image directory" },
	{ "leave-running", 0, OPTION_BOOL, AT(leave_running), NULL, "Let the container run on" },
	{ "pre-dump", 0, OPTION_BOOL, AT(pre_dump), NULL, "Dump memory only, and let the container run on" },
	{ "status-fd", 0, OPTION_I64, AT(status_fd), "n",
	  "Descriptor that gets a NUL byte once lazy pages are ready" },
	{ "page-server", 0, OPTION_STRING, AT(page_server), "ADDRESS:PORT", "Where memory goes" },
	{ "tcp-skip-in-flight", 0, OPTION_BOOL, AT(tcp_skip_in_flight), NULL,
	  "Leave out TCP connections that are being made" },
	{ "link-remap", 0, OPTION_BOOL, AT(link_remap), NULL,
	  "Allow files that are open and deleted to be linked" },
	{ 0 },
};

static const struct command_def CHECKPOINT = {
	.name = "sampan-oci checkpoint",
	.usage = "[OPTIONS] CONTAINER-ID",
	.summary = "Write a running container to disk with CRIU",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

/* --- options -------------------------------------------------------------------------------------------- */

/* As with runc: criu looks it up from the image directory. */
static int read_parent(const char *image_path, const char *parent, struct err *e)
{
	char path[PATH_MAX];
	struct stat st;

	if (parent[0] == '/')
		return err_set(e, -EINVAL, "--parent-path must be relative");
	if (snprintf(path, sizeof(path), "%s/%s", image_path, parent) >= (int)sizeof(path))
		return err_code(e, -ENAMETOOLONG, "invalid --parent-path '%s'", parent);
	if (stat(path, &st) < 0)
		return err_errno(e, "invalid --parent-path '%s'", path);
	return S_ISDIR(st.st_mode) ? 0 : err_code(e, -ENOTDIR, "invalid --parent-path '%s'", path);
}

/* "127.0.0.1:27", "[::1]:27". *ret_address is owned. */
static int read_page_server(const char *text, char **ret_address, uint16_t *ret_port, struct err *e)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	uint64_t port;

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		len = 0; /* an IPv6 address without brackets */
	}
	if (strpbrk(text, " \t\n\"#"))
		len = 0; /* would be more than one word in criu's configuration */
	if (len == 0 || parse_u64(colon + 1, 1, UINT16_MAX, &port) < 0)
		return err_set(e, -EINVAL, "use --page-server ADDRESS:PORT to specify the page server");
	*ret_address = strndup(text, len);
	*ret_port = (uint16_t)port;
	return *ret_address ? 0 : err_code(e, -ENOMEM, "--page-server");
}

static int read_status_fd(const struct checkpoint_options *o, int *ret, struct err *e)
{
	int flags;

	*ret = -1;
	if (!o->status_fd.set || o->status_fd.value == -1)
		return 0;
	if (!o->criu.lazy_pages)
		return err_set(e, -EINVAL, "--status-fd is of use only with --lazy-pages");
	if (o->status_fd.value < 0 || o->status_fd.value > INT_MAX)
		return err_set(e, -EINVAL, "invalid --status-fd %lld", (long long)o->status_fd.value);
	*ret = (int)o->status_fd.value;
	flags = fcntl(*ret, F_GETFL);
	if (flags < 0)
		return err_errno(e, "invalid --status-fd %d", *ret);
	if ((flags & O_ACCMODE) == O_RDONLY)
		return err_set(e, -EINVAL, "invalid --status-fd %d: not writable", *ret);
	return fcntl(*ret, F_SETFD, 0) < 0 ? err_errno(e, "invalid --status-fd %d", *ret) : 0;
}

static int make_image_dir(const char *path, struct err *e)
{
	cleanup_fd int fd = -1;

	return dir_make_open(AT_FDCWD, path, 0700, &fd, e);
}

/* *ret borrows from `g`, `o` and, where that is not NULL, *ret_address. */
static int read_options(const struct oci_globals *g, const struct checkpoint_options *o,
			struct runtime_checkpoint_args *ret, char **ret_address, struct err *e)
{
	int r = oci_criu_read(g, &o->criu, &ret->criu, e);

	ret->parent_path = o->parent_path;
	ret->leave_running = o->leave_running;
	ret->pre_dump = o->pre_dump;
	ret->tcp_skip_in_flight = o->tcp_skip_in_flight;
	ret->link_remap = o->link_remap;
	if (r == 0)
		r = read_status_fd(o, &ret->status_fd, e);
	if (r == 0 && o->page_server)
		r = read_page_server(o->page_server, ret_address, &ret->page_server_port, e);
	ret->page_server = *ret_address;
	return r;
}

/* --- the command ---------------------------------------------------------------------------------------- */

static int checkpoint(const struct oci_globals *g, const struct checkpoint_options *o, const char *id,
		      struct err *e)
{
	cleanup_container_state struct container_state state = { 0 };
	cleanup_oci_bundle struct oci_bundle bundle = { 0 };
	struct oci_bundle_options bundle_options = { 0 };
	struct runtime_checkpoint_args args = { 0 };
	cleanup_free char *address = NULL;
	struct runtime_args container;
	int r = container_state_read(g->root, id, &state, e);

	if (r < 0)
		return r;
	r = read_options(g, o, &args, &address, e);
	if (r < 0)
		return r;
	bundle_options.bundle = state.bundle;
	r = oci_bundle_load(g, &bundle_options, &bundle, e);
	if (r == 0)
		r = make_image_dir(args.criu.image_path, e);
	if (r == 0 && args.parent_path)
		r = read_parent(args.criu.image_path, args.parent_path, e);
	if (r < 0)
		return r;
	container = oci_bundle_args(g, &bundle_options, &bundle, id);
	args.container = &container;
	return runtime_checkpoint(&args, e);
}

int oci_checkpoint(int argc, char **argv, const struct oci_globals *g)
{
	struct checkpoint_options o = { 0 };
	int exit_code = 0, count;
	struct err e;

	if (oci_options(g, &CHECKPOINT, argc, argv, &o, &count, &exit_code) &&
	    checkpoint(g, &o, argv[1], &e) < 0)
		exit_code = oci_fail(g, &e);
	strvec_done(&o.criu.empty_ns);
	return exit_code;
}
