/* SPDX-License-Identifier: Apache-2.0 */
/* What create and run have in common: a bundle, and the options that say how to make a container of it. */
#ifndef SAMPAN_CLI_OCI_BUNDLE_H
#define SAMPAN_CLI_OCI_BUNDLE_H

#include "cli/oci.h"
#include "runtime/runtime.h"

struct oci_bundle_options {
	const char *bundle, *console_socket, *pid_file;
	bool no_pivot, no_new_keyring, detach, keep, no_subreaper;
	struct opt_u64 preserve_fds;
};

struct oci_bundle {
	char *path; /* absolute */
	struct runtime_spec spec;
};
void oci_bundle_done(struct oci_bundle *b);
#define cleanup_oci_bundle __attribute__((cleanup(oci_bundle_done)))

/* Reads <bundle>/config.json (the working directory's if the option is not there). -ENOENT as runc says it: "JSON specification file
 * config.json not found". */
int oci_bundle_load(const struct oci_bundle_options *o, struct oci_bundle *ret, struct err *e) MUST_CHECK;

/* The arguments of runtime_create. All borrowed. */
struct runtime_args oci_bundle_args(const struct oci_globals *g, const struct oci_bundle_options *o,
				    const struct oci_bundle *b, const char *id);

#endif
