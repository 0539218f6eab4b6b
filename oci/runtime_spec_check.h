/* SPDX-License-Identifier: Apache-2.0 */
/* What decoding checks once all fields are there: things that two fields say together. For oci/ alone. */
#ifndef SAMPAN_OCI_RUNTIME_SPEC_CHECK_H
#define SAMPAN_OCI_RUNTIME_SPEC_CHECK_H

#include "oci/runtime_spec.h"

/* Versions 1.0.0 to 1.3.x, with or without a suffix ("1.0.2-dev"). -EINVAL not a version, -EOPNOTSUPP another one. */
int spec_check_version(const char *version, struct err *e) MUST_CHECK;

/* Duplicate or missing things; fills the fields that follow from others (has_*, types of device rules). -EINVAL. */
int spec_check(struct runtime_spec *s, struct err *e) MUST_CHECK;

/* The same for a process; `where` stands before the field names: "process." or "". -EINVAL. */
int spec_process_check(const struct spec_process *p, const char *where, struct err *e) MUST_CHECK;

/* The fields of linux.resources that follow from others: has_network, types of device rules. */
void spec_fill_resources(struct spec_resources *r);

#endif
