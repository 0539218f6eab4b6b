/* SPDX-License-Identifier: Apache-2.0 */
/* What the flags of `sampan build` mean for its parts. */
#ifndef SAMPAN_CLI_BUILD_SETTINGS_H
#define SAMPAN_CLI_BUILD_SETTINGS_H

#include "build/build.h"
#include "cli/build_flags.h"
#include "cli/build_secrets.h"

#define BUILD_PLATFORMS_MAX 16

struct build_settings {
	struct strvec args;         /* NAME=VALUE, with SOURCE_DATE_EPOCH */
	struct build_params params; /* but for contexts, observer and cancel_fd */
	struct build_secrets secrets;
	struct device_allow devices;
	struct runtime_spec limits;                     /* that params.limits point into */
	struct platform platforms[BUILD_PLATFORMS_MAX]; /* asked for */
	size_t platforms_len;
	struct platform own; /* this machine's */
};
void build_settings_done(struct build_settings *s);
#define cleanup_build_settings __attribute__((cleanup(build_settings_done)))

/* Secrets are read here. -EINVAL in docker's words, -ENOENT. */
int build_settings_read(const struct build_flags *f, struct build_settings *ret, struct err *e) MUST_CHECK;

#endif
