/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes on their way out. */
#include "pull/manifest_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pull/hash.h"
#include "pull/repack.h"

#define CAME "{ \"schemaVersion\": 2, \"manifests\": [] }\n" /* whatever it says, and however */

struct list {
	struct image_index index;
	struct descriptor entries[2];
	struct digest was[2];
	struct buf came, text;
	struct push_result result;
	struct err e;
};

static int setup(void **state)
{
	struct list *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	l->came = BUF_INIT(256);
	l->text = BUF_INIT(MANIFEST_MAX_BYTES);
	assert_int_equal(buf_add_str(&l->came, CAME), 0);
	l->index = (struct image_index){ .manifests = l->entries, .manifests_len = 2 };
	for (size_t i = 0; i < 2; i++) {
		l->entries[i].media_type = (char *)(uintptr_t)repack_manifest_type(true);
		l->entries[i].size_bytes = 1;
		assert_int_equal(hash_bytes("sha256", "12" + i, 1, &l->entries[i].digest, &l->e), 0);
		l->was[i] = l->entries[i].digest;
	}
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	struct list *l = *state;

	buf_done(&l->came);
	buf_done(&l->text);
	free(l);
	return 0;
}

static void finish(struct list *l, const char *media_type, bool is_docker)
{
	const struct manifest_list_origin origin = { .text = media_type ? &l->came : NULL,
						     .media_type = media_type };
	struct digest digest;

	assert_int_equal(manifest_list_finish(&l->index, l->was, &origin, is_docker, &l->text, &l->result,
					      &l->e),
			 0);
	assert_int_equal(l->result.size_bytes, l->text.len);
	assert_int_equal(hash_bytes("sha256", l->text.data, l->text.len, &digest, &l->e), 0);
	assert_string_equal(l->result.digest.text, digest.text);
}

static void change(struct list *l, size_t i, bool is_docker)
{
	assert_int_equal(hash_bytes("sha256", "other", 5, &l->entries[i].digest, &l->e), 0);
	l->entries[i].media_type = (char *)(uintptr_t)repack_manifest_type(is_docker);
}

static void what_names_the_same_entries_goes_as_it_came(void **state)
{
	struct list *l = *state;

	finish(l, manifest_list_type(true), false);
	assert_string_equal(l->text.data, CAME);
	assert_string_equal(l->result.media_type, manifest_list_type(true));
	assert_false(l->result.is_changed);
}

static void what_is_put_together_here_is_written(void **state)
{
	struct list *l = *state;

	finish(l, NULL, true);
	assert_string_equal(l->result.media_type, manifest_list_type(true));
	assert_non_null(strstr(l->text.data, l->was[1].text));
	assert_false(l->result.is_changed);
}

static void a_list_of_dockers_with_other_images_of_dockers_stays_one(void **state)
{
	struct list *l = *state;

	change(l, 1, true);
	finish(l, manifest_list_type(true), false);
	assert_string_equal(l->result.media_type, manifest_list_type(true));
	assert_non_null(strstr(l->text.data, l->entries[1].digest.text));
	assert_null(strstr(l->text.data, l->was[1].text));
	assert_true(l->result.is_changed);
}

static void a_list_of_dockers_with_an_image_of_the_specification_becomes_an_index(void **state)
{
	struct list *l = *state;

	change(l, 1, false);
	finish(l, manifest_list_type(true), false);
	assert_string_equal(l->result.media_type, manifest_list_type(false));
	assert_non_null(strstr(l->text.data, manifest_list_type(false)));
	assert_true(l->result.is_changed);
}

static void an_index_stays_one(void **state)
{
	struct list *l = *state;

	change(l, 0, true);
	finish(l, manifest_list_type(false), false);
	assert_string_equal(l->result.media_type, manifest_list_type(false));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_names_the_same_entries_goes_as_it_came),
		TEST(what_is_put_together_here_is_written),
		TEST(a_list_of_dockers_with_other_images_of_dockers_stays_one),
		TEST(a_list_of_dockers_with_an_image_of_the_specification_becomes_an_index),
		TEST(an_index_stays_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
