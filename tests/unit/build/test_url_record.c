/* SPDX-License-Identifier: Apache-2.0 */
#include "build/url_record.h"

#include "tests/unit/build/build_test.h"

#define URL "https://u:secret@h.example/file"
#define NOW 2000000000

static struct remote_file file_of(const char *etag)
{
	struct remote_file f = { .name = "file", .size_bytes = 7, .mtime = 1700000000 };

	(void)snprintf(f.digest.text, sizeof(f.digest.text), "sha256:%064x", 5);
	(void)snprintf(f.etag, sizeof(f.etag), "%s", etag);
	return f;
}

static void what_was_fetched_is_found_by_its_url(void **state)
{
	const struct fixture *f = *state;
	const struct remote_file file = file_of("W/\"v1\"");
	struct remote_file found;
	struct err e = { 0 };

	assert_false(url_record_find(f->store, URL, NOW, &found));
	assert_int_equal(url_record_put(f->store, URL, &file, &e), 0);
	assert_true(url_record_find(f->store, URL, NOW, &found));
	assert_string_equal(found.etag, "W/\"v1\"");
	assert_string_equal(found.name, "file");
	assert_string_equal(found.digest.text, file.digest.text);
	assert_int_equal(found.size_bytes, 7);
	assert_int_equal(found.mtime, 1700000000);
	assert_false(found.not_modified);
	assert_false(url_record_find(f->store, URL "?", NOW, &found));
}

static void it_is_a_record_like_those_of_steps_without_the_password(void **state)
{
	const struct fixture *f = *state;
	const struct remote_file file = file_of("\"v1\"");
	struct step_record *items = NULL;
	struct err e = { 0 };
	size_t len = 0;

	assert_int_equal(url_record_put(f->store, URL, &file, &e), 0);
	assert_int_equal(step_cache_list(f->store, &items, &len, &e), 0);
	assert_int_equal(len, 1);
	assert_string_equal(items[0].text, "http url https://xxxxx:xxxxx@h.example/file");
	assert_null(items[0].layer);
	step_cache_list_free(items, len);
}

static void without_an_etag_nothing_is_kept(void **state)
{
	const struct fixture *f = *state;
	struct remote_file file = file_of(""), found;
	struct err e = { 0 };

	assert_int_equal(url_record_put(f->store, URL, &file, &e), 0);
	assert_false(url_record_find(f->store, URL, NOW, &found));
	file = file_of("\"v1\"");
	file.mtime = -1;
	assert_int_equal(url_record_put(f->store, URL, &file, &e), 0);
	assert_false(url_record_find(f->store, URL, NOW, &found));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(what_was_fetched_is_found_by_its_url),
		FIXTURE_TEST(it_is_a_record_like_those_of_steps_without_the_password),
		FIXTURE_TEST(without_an_etag_nothing_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
