/* SPDX-License-Identifier: Apache-2.0 */
/* Where the configuration lies that container tools share. */
#ifndef SAMPAN_PULL_CONFIG_DIRS_H
#define SAMPAN_PULL_CONFIG_DIRS_H

#include <stddef.h>

#include "common/err.h"
#include "common/strvec.h"

/* /etc/NAME, and NAME in $XDG_CONFIG_HOME or else ~/.config: the machine's first, the user's last. Whether they are there is not
 * looked at. */
int config_dirs(const char *name, struct strvec *ret, struct err *e) MUST_CHECK;

/* The paths of the files of `dir` whose names end as `suffix`, in the order of their names. A directory that is not there has none.
 * -EFBIG more than `max`. */
int config_list_files(const char *dir, const char *suffix, size_t max, struct strvec *ret,
		      struct err *e) MUST_CHECK;

#endif
