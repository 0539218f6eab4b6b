/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments that a Dockerfile has without declaring them (the Dockerfile reference, "Predefined ARGs" and "Automatic platform
 * ARGs in the global scope"). Pure. */
#ifndef SAMPAN_BUILD_PLATFORM_ARGS_H
#define SAMPAN_BUILD_PLATFORM_ARGS_H

#include <stdbool.h>

#include "common/err.h"
#include "common/strvec.h"
#include "oci/platform.h"

/* Appends BUILDPLATFORM BUILDOS BUILDOSVERSION BUILDARCH BUILDVARIANT, the same of TARGET, and TARGETSTAGE, as NAME=VALUE: what FROM
 * sees at once, and a stage after an ARG without a value. What is not known is empty. Platforms are normalised here. `stage` is
 * --target's, NULL where there is none ("default"). A --build-arg of that name, in `build_args` as NAME=VALUE, wins; the last one
 * does. -ENOMEM. */
int platform_args_add(const struct platform *target, const struct platform *build, const char *stage,
		      const struct strvec *build_args, struct strvec *ret, struct err *e) MUST_CHECK;

/* Whether it is one of those names. */
bool platform_args_has(const char *name);

/* Whether `name` is http_proxy, https_proxy, ftp_proxy, no_proxy or all_proxy, in any case: RUN gets these from --build-arg without
 * an ARG, and as long as there is none they are neither in the history nor in what the cache compares. */
bool proxy_arg_is(const char *name);

/* Appends what RUN gets of --build-arg's proxies: each in both spellings, HTTP_PROXY=X and http_proxy=X, in the order of the list
 * above. Empty ones are left out; of several spellings the last one in `build_args` wins. -ENOMEM. */
int proxy_args_env(const struct strvec *build_args, struct strvec *ret, struct err *e) MUST_CHECK;

#endif
