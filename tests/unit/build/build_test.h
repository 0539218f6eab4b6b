/* SPDX-License-Identifier: Apache-2.0 */
/* A store, and layers that were made in it as steps make them. */
#ifndef SAMPAN_TESTS_BUILD_TEST_H
#define SAMPAN_TESTS_BUILD_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "build/build_image.h"
#include "build/step_layer.h"
#include "tests/unit/build/tree.h"
#include "tests/unit/store/fixture.h"

#define LINES(...)             ((const char *const[]){ __VA_ARGS__, NULL })
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
	if (step_layer_commit(s, &st, "layer", epoch, NULL, &layer, &e) < 0)
		fail_msg("%s", e.text);
	staging_end(s, &st);
	return layer;
}

/* What a build of one layer, on nothing, for a platform gives; to be freed by build_result_done. */
static inline struct build_result make_result(const struct store *s, const char *platform,
					      const char *const *lines)
{
	struct build_result r = { .is_new = true, .made_len = 1 };
	struct step_layer layer = make_layer(s, lines, NULL);
	struct err e;

	r.made = calloc(1, sizeof(*r.made));
	r.config.diff_ids = calloc(1, sizeof(*r.config.diff_ids));
	r.config.history = calloc(1, sizeof(*r.config.history));
	assert_true(r.made && r.config.diff_ids && r.config.history);
	r.made[0] = layer;
	r.config.diff_ids[0] = layer.diff_id;
	r.config.diff_ids_len = r.config.history_len = 1;
	r.config.history[0].created_by = strdup("COPY . /");
	r.config.created = strdup("2026-01-02T03:04:05Z");
	assert_int_equal(platform_parse(platform, &r.config.platform, &e), 0);
	assert_int_equal(strvec_add(&r.layers, layer.key), 0);
	return r;
}

/* A build in a store that nobody executes. */
static inline struct build build_of(const struct store *s)
{
	struct build b = BUILD_EMPTY;

	b.store = s;
	return b;
}

/* Such an image, bound to a name. */
static inline void make_image(const struct store *s, const char *name, const char *platform,
			      const char *const *lines)
{
	cleanup_build_result struct build_result r = make_result(s, platform, lines);
	cleanup_build_image struct build_image image = { 0 };
	cleanup_strvec struct strvec names = { 0 };
	const struct build b = build_of(s);
	struct err e = { 0 };

	assert_int_equal(strvec_add(&names, name), 0);
	if (build_image_make(&b, &r, NULL, &image, &e) < 0 || build_image_bind(&b, &image, &names, &e) < 0)
		fail_msg("%s", e.text);
}

/* An index of two. */
static inline void make_index(const struct store *s, const char *name, const char *const platforms[2],
			      struct image_index *ret, struct digest *ret_digest)
{
	struct build_image images[2] = { 0 };
	cleanup_strvec struct strvec names = { 0 };
	const struct build b = build_of(s);
	struct err e = { 0 };

	assert_int_equal(strvec_add(&names, name), 0);
	for (size_t i = 0; i < 2; i++) {
		char line[64];
		cleanup_build_result struct build_result r = { 0 };

		(void)snprintf(line, sizeof(line), "f file %s", platforms[i]);
		r = make_result(s, platforms[i], LINES(line));
		if (build_image_make(&b, &r, NULL, &images[i], &e) < 0)
			fail_msg("%s", e.text);
	}
	if (build_index_bind(&b, images, 2, NULL, 0, NULL, &names, ret, ret_digest, &e) < 0)
		fail_msg("%s", e.text);
	build_image_done(&images[0]);
	build_image_done(&images[1]);
}

#endif
