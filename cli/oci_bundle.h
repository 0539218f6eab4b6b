/* SPDX-License-Identifier: Apache-2.0 */
/* What create and run have in common: a bundle, and the options that say how to make a container of it. */
#ifndef SAMPAN_CLI_OCI_BUNDLE_H
#define SAMPAN_CLI_OCI_BUNDLE_H

#include "cli/oci.h"
#include "runtime/filtered_spec.h"
#include "runtime/runtime.h"

struct oci_bundle_options {
	const char *bundle, *console_socket, *pidfd_socket, *pid_file;
	bool no_pivot, no_new_keyring, detach, keep, no_subreaper;
	struct opt_u64 preserve_fds;
};

/* The rows of a table of options that both commands have. */
#define OCI_BUNDLE_OPTION(member) offsetof(struct oci_bundle_options, member)
#define OCI_BUNDLE_OPTIONS                                                                        \
	{ "bundle",      'b',                                                                     \
	  OPTION_STRING, OCI_BUNDLE_OPTION(bundle),                                               \
	  "dir",         "The bundle (default: the working directory)" },                         \
		{ "console-socket", 0,                                                            \
		  OPTION_STRING,    OCI_BUNDLE_OPTION(console_socket),                            \
		  "path",           "AF_UNIX socket that gets the terminal's master" },           \
		{ "pidfd-socket", 0,                                                              \
		  OPTION_STRING,  OCI_BUNDLE_OPTION(pidfd_socket),                                \
		  "path",         "AF_UNIX socket that gets the pidfd of the container's init" }, \
		{ "pid-file",    0,                                                               \
		  OPTION_STRING, OCI_BUNDLE_OPTION(pid_file),                                     \
		  "file",        "Write the process ID to this file" },                           \
		{ "no-pivot",  0,                                                                 \
		  OPTION_BOOL, OCI_BUNDLE_OPTION(no_pivot),                                       \
		  NULL,        "Do without pivot_root (root file system in a ramdisk)" },         \
		{ "no-new-keyring",                                                               \
		  0,                                                                              \
		  OPTION_BOOL,                                                                    \
		  OCI_BUNDLE_OPTION(no_new_keyring),                                              \
		  NULL,                                                                           \
		  "Keep the caller's session keyring" },                                          \
	{                                                                                         \
		"preserve-fds", 0, OPTION_U64, OCI_BUNDLE_OPTION(preserve_fds), "n",              \
			"Pass on that many descriptors after stderr"                              \
	}

struct oci_bundle {
	char *path; /* absolute */
	struct filtered_spec config;
};
void oci_bundle_done(struct oci_bundle *b);
#define cleanup_oci_bundle __attribute__((cleanup(oci_bundle_done)))

/* Reads <bundle>/config.json (the working directory's if the option is not there). -ENOENT as runc says it: "JSON specification file
 * config.json not found". */
int oci_bundle_load(const struct oci_globals *g, const struct oci_bundle_options *o, struct oci_bundle *ret,
		    struct err *e) MUST_CHECK;

/* The arguments of runtime_create. All borrowed. */
struct runtime_args oci_bundle_args(const struct oci_globals *g, const struct oci_bundle_options *o,
				    const struct oci_bundle *b, const char *id);

#endif
