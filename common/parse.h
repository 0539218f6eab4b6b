/* SPDX-License-Identifier: Apache-2.0 */
/* Text to numbers. Every function takes the whole string: no blanks, no sign where none is
 * meant, no trailing bytes. Nothing is written to *ret on failure. */
#ifndef SAMPAN_COMMON_PARSE_H
#define SAMPAN_COMMON_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

/* Decimal. -EINVAL not a number, -ERANGE outside [min, max]. */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret) MUST_CHECK;
int parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret) MUST_CHECK;

/* Octal digits (file modes), 0 to max. */
int parse_octal(const char *text, uint64_t max, uint64_t *ret) MUST_CHECK;

/* Bytes in Docker's and Kubernetes' units: 1024, 512b, 512k, 512m, 1.5g, 2t (powers of 1024, either
 * case, "kb" and so on too) and 512Ki, 512Mi, 1Gi. -EINVAL, -ERANGE over INT64_MAX. */
int parse_size_bytes(const char *text, uint64_t *ret) MUST_CHECK;

/* CPUs as Docker ("0.5", "2") or Kubernetes ("500m") writes them, in
* nano-CPUs (1 CPU = 1000000000), as Docker counts them. -EINVAL, -ERANGE. */
int parse_nano_cpus(const char *text, uint64_t *ret) MUST_CHECK;

/* true: 1 t T true TRUE True; false: 0 f F false FALSE False (Go's strconv.ParseBool). */
int parse_bool(const char *text, bool *ret) MUST_CHECK;

#endif
