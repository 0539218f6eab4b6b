/* SPDX-License-Identifier: Apache-2.0 */
/* What the decoders of config.json and of seccomp profiles share. For oci/ alone. */
#ifndef SAMPAN_OCI_RUNTIME_SPEC_FIELDS_H
#define SAMPAN_OCI_RUNTIME_SPEC_FIELDS_H

#include "common/json_read.h"

/* linux.seccomp, into a struct spec_seccomp; and one entry of its "syscalls", into a struct spec_syscall. */
extern const struct json_pointer SPEC_SECCOMP;
extern const struct json_field SPEC_SECCOMP_FIELDS[];
extern const struct json_field SPEC_SYSCALL_FIELDS[];
extern const struct json_array SPEC_SYSCALL_ARGS; /* struct spec_syscall_arg */

/* Reader: struct opt_u64. arg: const uint64_t *, the largest value. -EINVAL over it. */
int spec_read_opt_max(const struct json_in *in, const void *arg, void *member, struct err *e);

/* Reader: char *, as json_read_string, but "" counts as absent (NULL). */
int spec_read_text(const struct json_in *in, const void *arg, void *member, struct err *e);

/* Reader: the whole struct spec_seccomp (offset 0). Fills flags and has_flags. */
int spec_read_seccomp_flags(const struct json_in *in, const void *arg, void *seccomp, struct err *e);

#endif
