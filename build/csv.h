/* SPDX-License-Identifier: Apache-2.0 */
/* One record of comma-separated values, as flags have it: type=bind,"target=/a,b". RFC 4180, as strictly as Go's encoding/csv. */
#ifndef SAMPAN_BUILD_CSV_H
#define SAMPAN_BUILD_CSV_H

#include "common/err.h"
#include "common/strvec.h"

#define CSV_FIELDS_MAX 256

/* Appends the fields. -EINVAL with the column, -EFBIG over CSV_FIELDS_MAX, -ENOMEM. */
int csv_fields(const char *text, struct strvec *out, struct err *e) MUST_CHECK;

#endif
