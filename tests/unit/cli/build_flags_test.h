/* SPDX-License-Identifier: Apache-2.0 */
/* Flags of `sampan build` as they are typed. */
#ifndef SAMPAN_TESTS_BUILD_FLAGS_TEST_H
#define SAMPAN_TESTS_BUILD_FLAGS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli/build_flags.h"
#include "common/cleanup.h"

#define BUILD_ARGS_MAX 32

/* `args` ends with a NULL. What the result points to is borrowed from them. */
static inline struct build_flags build_flags_of(const char *const *args)
{
	char *argv[BUILD_ARGS_MAX] = { (char *)(uintptr_t) "build", (char *)(uintptr_t) "." };
	struct build_flags f = { .tls_verify = true };
	struct err e = { 0 };
	int argc = 2, n;

	for (; args[argc - 2]; argc++) {
		assert_true(argc < BUILD_ARGS_MAX);
		argv[argc] = (char *)(uintptr_t)args[argc - 2];
	}
	if (options_parse(&BUILD_COMMAND, argc, argv, &f, &n, &e) != 0)
		fail_msg("%s", e.text);
	return f;
}
#define FLAGS(...) build_flags_of((const char *const[]){ __VA_ARGS__, NULL })

#endif
