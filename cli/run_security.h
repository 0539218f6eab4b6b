/* SPDX-License-Identifier: Apache-2.0 */
/* --cap-add, --cap-drop, --security-opt and --privileged: what a container's process may do. */
#ifndef SAMPAN_CLI_RUN_SECURITY_H
#define SAMPAN_CLI_RUN_SECURITY_H

#include "cli/run_flags.h"
#include "oci/runtime_spec.h"

#define RUN_SECCOMP_FILE_MAX (4u << 20) /* bytes */

/* Changes a spec with docker's defaults in it: capabilities, no_new_privileges, the AppArmor profile, masked and read-only paths,
 * and the seccomp profile (the default one unless privileged or unconfined). Reads the file of seccomp=FILE.
 * -EINVAL in docker's words, -EOPNOTSUPP label=. */
int run_security_apply(const struct run_flags *f, struct runtime_spec *s, struct err *e) MUST_CHECK;

/* Appends docker's result of these lists on top of `defaults`: "ALL", with or without "CAP_", either case. All means all that we have ourselves.
 * -EINVAL 'invalid capability: "FOO"'. */
int run_capabilities(const struct strvec *defaults, const struct strvec *add, const struct strvec *drop,
		     bool privileged, struct strvec *ret, struct err *e) MUST_CHECK;

#endif
