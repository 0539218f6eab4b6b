/* SPDX-License-Identifier: Apache-2.0 */
/* A store, and layers that were made in it as steps make them. */
#ifndef SAMPAN_TESTS_BUILD_TEST_H
#define SAMPAN_TESTS_BUILD_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "build/step_layer.h"
#include "tests/unit/build/tree.h"
#include "tests/unit/store/fixture.h"

#define LINES(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define FIXTURE_TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

/* staging/<st>/<name>/tree of lines (tests/unit/build/tree.h). */
static inline void stage_tree(const struct staging *st, const char *name, const char *const *lines)
{
	cleanup_fd int dir_fd = -1, tree_fd = -1;
	struct err e;

	assert_int_equal(dir_make_open(st->fd, name, 0700, &dir_fd, &e), 0);
	assert_int_equal(dir_make_open(dir_fd, "tree", 0755, &tree_fd, &e), 0);
	tree_make(tree_fd, lines);
}

/* A layer of them. */
static inline struct step_layer make_layer(const struct store *s, const char *const *lines,
					   const int64_t *epoch)
{
	struct staging st = { .fd = -1 };
	struct step_layer layer = { 0 };
	struct err e = { 0 };

	assert_int_equal(staging_begin(s, &st, &e), 0);
	stage_tree(&st, "layer", lines);
	if (step_layer_commit(s, &st, "layer", epoch, &layer, &e) < 0)
		fail_msg("%s", e.text);
	staging_end(s, &st);
	return layer;
}

#endif
