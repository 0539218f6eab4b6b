/* SPDX-License-Identifier: Apache-2.0 */
/* The short way from JSON text to a struct, for what we have written ourselves and read often: an object of strings, integers, booleans and arrays
 * of strings, without blanks and without escapes. No tree is built of it. */
#ifndef SAMPAN_COMMON_JSON_PLAIN_H
#define SAMPAN_COMMON_JSON_PLAIN_H

#include "common/json_read.h"

/* As json_decode, by the same table. 1; -ENOMEM; 0: the text is not as plain as that, or has a member that the table has not or whose reader is none of
 * string, bool, u64, i64, u32, digest, strvec and enum, or it is wrong. After 0 json_decode is to be asked, with the same `dest`. */
int json_plain_decode(const char *text, size_t len, const struct json_field *fields, void *dest) MUST_CHECK;

#endif
