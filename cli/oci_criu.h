/* SPDX-License-Identifier: Apache-2.0 */
/* The options that checkpoint and restore have in common. */
#ifndef SAMPAN_CLI_OCI_CRIU_H
#define SAMPAN_CLI_OCI_CRIU_H

#include "cli/oci.h"
#include "cli/options.h"
#include "runtime/criu_job.h"

struct oci_criu_options {
	const char *image_path, *work_path, *cgroups_mode;
	struct strvec empty_ns;
	bool tcp_established, ext_unix_sk, shell_job, file_locks, auto_dedup, lazy_pages;
};

/* The rows of their tables; `at` is the offset of a struct oci_criu_options in the command's struct. */
#define OCI_CRIU_OPTION(at, member) ((at) + offsetof(struct oci_criu_options, member))
#define OCI_CRIU_OPTIONS(at)                                                                                 \
	{ "image-path",  0,                                                                                  \
	  OPTION_STRING, OCI_CRIU_OPTION(at, image_path),                                                    \
	  "dir",         "Where criu's images are (default ./checkpoint)" },                                 \
		{ "work-path",   0,                                                                          \
		  OPTION_STRING, OCI_CRIU_OPTION(at, work_path),                                             \
		  "dir",         "Where criu's log goes (default: the image directory)" },                   \
		{ "tcp-established",           0, OPTION_BOOL, OCI_CRIU_OPTION(at, tcp_established), NULL,   \
		  "Allow open TCP connections" },                                                            \
		{ "ext-unix-sk", 0,                                                                          \
		  OPTION_BOOL,   OCI_CRIU_OPTION(at, ext_unix_sk),                                           \
		  NULL,          "Allow unix sockets with a peer outside" },                                 \
		{ "shell-job", 0,                                                                            \
		  OPTION_BOOL, OCI_CRIU_OPTION(at, shell_job),                                               \
		  NULL,        "Allow processes with a foreign terminal or session" },                       \
		{ "lazy-pages", 0,                                                                           \
		  OPTION_BOOL,  OCI_CRIU_OPTION(at, lazy_pages),                                             \
		  NULL,         "Fetch memory when it is used (userfaultfd)" },                              \
		{ "file-locks", 0, OPTION_BOOL, OCI_CRIU_OPTION(at, file_locks), NULL, "Allow file locks" }, \
		{ "manage-cgroups-mode",                                                                     \
		  0,                                                                                         \
		  OPTION_STRING,                                                                             \
		  OCI_CRIU_OPTION(at, cgroups_mode),                                                         \
		  "mode",                                                                                    \
		  "soft, full, strict or ignore (default soft)" },                                           \
		{ "empty-ns",  0,                                                                            \
		  OPTION_LIST, OCI_CRIU_OPTION(at, empty_ns),                                                \
		  "type",      "Make a namespace without what was in it (network: always so)" },             \
	{                                                                                                    \
		"auto-dedup", 0, OPTION_BOOL, OCI_CRIU_OPTION(at, auto_dedup), NULL,                         \
			"Drop memory images that are not needed any more"                                    \
	}

/* *ret borrows from `g` and `o`. -EPERM: the caller is not the machine's root; -EINVAL: the cgroups mode, a namespace that cannot be left empty. */
int oci_criu_read(const struct oci_globals *g, const struct oci_criu_options *o, struct criu_options *ret,
		  struct err *e) MUST_CHECK;

#endif
