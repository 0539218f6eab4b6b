/* SPDX-License-Identifier: Apache-2.0 */
/* "skip=JSONArgsRecommended,StageNameCasing;error=true": which build checks are made, as "# check=" says, and BUILDKIT_DOCKERFILE_CHECK. */
#ifndef SAMPAN_BUILD_CHECK_OPTIONS_H
#define SAMPAN_BUILD_CHECK_OPTIONS_H

#include <stdbool.h>

#include "common/err.h"
#include "common/strvec.h"

#define CHECK_RULES_MAX 256

struct check_options {
	struct strvec skip;         /* names of rules */
	struct strvec experimental; /* that are made though they are experimental */
	bool skip_all, experimental_all;
	bool error; /* a warning ends the build */
};

/* Blanks around names do not count; "" says nothing. -EINVAL with what is wrong, -EFBIG over CHECK_RULES_MAX, -ENOMEM. */
int check_options_parse(const char *text, struct check_options *ret, struct err *e) MUST_CHECK;
void check_options_done(struct check_options *c);
#define cleanup_check_options __attribute__((cleanup(check_options_done)))

/* Whether the rule of that name is not made. */
bool check_options_skip(const struct check_options *c, const char *rule, bool is_experimental);

#endif
