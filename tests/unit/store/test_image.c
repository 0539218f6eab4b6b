/* SPDX-License-Identifier: Apache-2.0 */
#include "store/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/store/fixture.h"

#define BUSYBOX "docker.io/library/busybox:latest"
#define IPV6    "[::1]:5000/a/b:t"

static void a_bound_name_is_found_by_what_people_type(void **state)
{
	static const char *const TEXTS[] = { "busybox", "busybox:latest", "docker.io/busybox", BUSYBOX };
	struct fixture *f = *state;

	add_image(f->store, BUSYBOX, 'a', "12");
	add_image(f->store, IPV6, 'b', "1");
	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		cleanup_image_record struct image_record r = { 0 };
		struct err e = { 0 };

		if (image_find(f->store, TEXTS[i], &r, &e) != 0)
			fail_msg("%s: %s", TEXTS[i], e.text);
		assert_string_equal(r.name, BUSYBOX);
		assert_string_equal(r.config.text, digest_of('a').text);
		assert_false(digest_is_set(&r.index));
		assert_int_equal(r.layers.len, 2);
		assert_int_equal(r.layers.items[1][0], '2');
		assert_int_equal(r.size_bytes, 42);
		assert_int_equal(strlen(r.bound), strlen("2024-01-01T00:00:00.000000000Z"));
	}
	assert_true(exists(f->store, "names/docker.io+library+busybox:latest"));
	assert_true(exists(f->store, "names/[::1]:5000+a+b:t"));
}

static void an_image_is_found_by_its_id_or_a_prefix_of_it(void **state)
{
	struct fixture *f = *state;
	struct image_record r = { 0 };
	struct err e;

	add_image(f->store, BUSYBOX, 'a', "1");
	add_image(f->store, "docker.io/library/other:latest", 'b', "1");
	add_image(f->store, "docker.io/library/alias:latest", 'a', "1");
	assert_int_equal(image_find(f->store, "aa", &r, &e), 0);
	assert_string_equal(r.name,
			    "docker.io/library/alias:latest"); /* two names of one image: no ambiguity */
	image_record_done(&r);
	assert_int_equal(image_find(f->store, "sha256:bbbb", &r, &e), 0);
	assert_string_equal(r.name, "docker.io/library/other:latest");
	image_record_done(&r);
	assert_int_equal(image_find(f->store, digest_of('b').text, &r, &e), 0);
	image_record_done(&r);
	assert_int_equal(image_find(f->store, digest_of('b').text + 7, &r, &e), 0);
	image_record_done(&r);
	assert_int_equal(image_find(f->store, "b", &r, &e), -ENOENT); /* one digit is not enough */
	assert_int_equal(image_find(f->store, "ab", &r, &e), -ENOENT);
	assert_string_equal(e.text, "no such image: ab");

	add_image(f->store, "docker.io/library/aa:latest", 'c', "1"); /* a name of that spelling wins */
	assert_int_equal(image_find(f->store, "aa", &r, &e), 0);
	assert_string_equal(r.config.text, digest_of('c').text);
	image_record_done(&r);
}

static void a_prefix_of_two_images_is_ambiguous(void **state)
{
	struct fixture *f = *state;
	struct image_record r = { .manifest = digest_of('a') };
	struct err e;

	add_image(f->store, BUSYBOX, 'a', "");
	r.config = digest_of('a');
	r.config.text[20] = 'b';
	assert_int_equal(blob_put(f->store, &r.config, TINY_CONFIG, strlen(TINY_CONFIG), &e), 0);
	r.name = strdup("docker.io/library/almost:latest");
	assert_int_equal(image_bind(f->store, &r, &e), 0);
	image_record_done(&r);
	assert_int_equal(image_find(f->store, "aaaa", &r, &e), -EINVAL);
	assert_non_null(strstr(e.text, "more than one image ID starts like that"));
	assert_int_equal(image_find(f->store, "aaaaaaaaaaaaab", &r, &e), 0);
	assert_string_equal(r.name, "docker.io/library/almost:latest");
	image_record_done(&r);
}

static void name_at_digest_finds_what_a_tag_was_bound_to(void **state)
{
	struct fixture *f = *state;
	struct image_record r = { .manifest = digest_of('a'),
				  .config = digest_of('a'),
				  .index = digest_of('e') };
	char text[256];
	struct err e;

	add_blob(f->store, 'a', TINY_CONFIG);
	add_blob(f->store, 'e', "{}");
	r.name = strdup("host:5000/app:v1");
	assert_int_equal(image_bind(f->store, &r, &e), 0);
	image_record_done(&r);
	for (const char *digit = "ae"; *digit; digit++) {
		(void)snprintf(text, sizeof(text), "host:5000/app@%s", digest_of(*digit).text);
		assert_int_equal(image_find(f->store, text, &r, &e), 0);
		assert_string_equal(r.name, "host:5000/app:v1");
		image_record_done(&r);
	}
	(void)snprintf(text, sizeof(text), "host:5000/other@%s", digest_of('a').text);
	assert_int_equal(image_find(f->store, text, &r, &e), -ENOENT);
	(void)snprintf(text, sizeof(text), "host:5000/app@%s", digest_of('b').text);
	assert_int_equal(image_find(f->store, text, &r, &e), -ENOENT);
}

static void a_name_is_bound_only_to_what_is_there(void **state)
{
	struct fixture *f = *state;
	struct image_record r = { .manifest = digest_of('a'), .config = digest_of('b') };
	struct image_record found;
	struct err e;
	char key[65];

	r.name = strdup(BUSYBOX);
	assert_int_equal(image_bind(f->store, &r, &e), -ENOENT);
	assert_non_null(strstr(e.text, "cannot keep the image '" BUSYBOX "': its manifest 'sha256:aaa"));
	add_blob(f->store, 'a', "{}");
	assert_int_equal(image_bind(f->store, &r, &e), -ENOENT);
	assert_non_null(strstr(e.text, "its config 'sha256:bbb"));
	add_blob(f->store, 'b', TINY_CONFIG);
	assert_int_equal(strvec_add(&r.layers, key_of('1', key)), 0);
	assert_int_equal(image_bind(f->store, &r, &e), -ENOENT);
	assert_non_null(strstr(e.text, "its layer '1111"));
	add_layer(f->store, '1');
	r.index = digest_of('c');
	assert_int_equal(image_bind(f->store, &r, &e), -ENOENT);
	assert_non_null(strstr(e.text, "its index 'sha256:ccc"));
	assert_int_equal(image_find(f->store, "busybox", &found, &e), -ENOENT);
	add_blob(f->store, 'c', "{}");
	assert_int_equal(image_bind(f->store, &r, &e), 0);
	image_record_done(&r);
}

static void names_that_are_not_canonical_or_too_long_are_refused(void **state)
{
	static const char *const BAD[] = { "busybox", "../../etc/passwd", "", "docker.io/library/Busy:x",
					   "a/b:c" };
	struct fixture *f = *state;
	char name[300] = "host.io/", digest_name[500];
	struct image_record r = { .manifest = digest_of('a'), .config = digest_of('a') };
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		r.name = strdup(BAD[i]);
		assert_int_equal(image_bind(f->store, &r, &e), -EINVAL);
		assert_non_null(strstr(e.text, "is not a canonical image name"));
		assert_int_equal(image_unbind(f->store, BAD[i], &e), -EINVAL);
		image_record_done(&r);
	}
	memset(name + 8, 'a', 200);
	(void)snprintf(digest_name, sizeof(digest_name), "%s@%s", name, digest_of('a').text);
	r = (struct image_record){ .manifest = digest_of('a'), .config = digest_of('a') };
	r.name = strdup(digest_name);
	assert_int_equal(image_bind(f->store, &r, &e), -EINVAL);
	assert_non_null(
		strstr(e.text,
		       "is 280 bytes long, and the store takes up to 255 (give the image a shorter name)"));
	image_record_done(&r);
	(void)snprintf(name + 208, 48, ":%046d", 0); /* 255 in all */
	assert_int_equal(strlen(name), 255);
	add_image(f->store, name, 'a', "");
	assert_int_equal(image_find(f->store, name, &r, &e), 0);
	image_record_done(&r);
}

static void binding_again_replaces(void **state)
{
	struct fixture *f = *state;
	struct image_record r = { 0 };
	struct err e;

	add_image(f->store, BUSYBOX, 'a', "1");
	add_image(f->store, BUSYBOX, 'b', "2");
	assert_int_equal(image_find(f->store, "busybox", &r, &e), 0);
	assert_string_equal(r.config.text, digest_of('b').text);
	image_record_done(&r);
}

static void unbinding_removes_the_name_only(void **state)
{
	struct fixture *f = *state;
	struct image_record r = { 0 };
	struct err e;
	char key[65];

	add_image(f->store, BUSYBOX, 'a', "1");
	assert_int_equal(image_unbind(f->store, BUSYBOX, &e), 0);
	assert_int_equal(image_find(f->store, "busybox", &r, &e), -ENOENT);
	assert_string_equal(e.text, "no such image: busybox");
	assert_true(layer_exists(f->store, key_of('1', key)));
	assert_int_equal(image_unbind(f->store, BUSYBOX, &e), -ENOENT);
}

static void a_list_is_in_order_and_counts_the_damaged(void **state)
{
	struct fixture *f = *state;
	struct image_record *items, r = { 0 };
	size_t len, damaged;
	struct err e;
	int root = store_root_fd(f->store);

	add_image(f->store, "docker.io/library/zoo:latest", 'a', "1");
	add_image(f->store, "docker.io/library/ant:latest", 'b', "1");
	add_image(f->store, "a.io/x:latest", 'b', "1");
	write_file(root, "names/docker.io+library+empty:latest", ""); /* the classic after a power cut */
	write_file(root, "names/docker.io+library+torn:latest", "{\"name\":\"docker.io/libr");
	write_file(root, "names/docker.io+library+other:latest",
		   "{\"name\":\"docker.io/library/"
		   "x:latest\",\"manifest\":\"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		   "aaaaaaaaaaaaaaaaa\",\"config\":\"sha256:"
		   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
		   "\"layers\":[],\"bound\":\"x\",\"size\":0}");
	write_file(root, "names/docker.io+library+keys:latest",
		   "{\"name\":\"docker.io/library/"
		   "keys:latest\",\"manifest\":\"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		   "aaaaaaaaaaaaaaaaaaaa\",\"config\":\"sha256:"
		   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
		   "\"layers\":[\"../../etc\"],\"bound\":\"x\",\"size\":0}");
	write_file(root, "names/.tmp.1234", "");
	assert_int_equal(image_list(f->store, &items, &len, &damaged, &e), 0);
	assert_int_equal(len, 3);
	assert_int_equal(damaged, 4);
	assert_string_equal(items[0].name, "a.io/x:latest");
	assert_string_equal(items[1].name, "docker.io/library/ant:latest");
	assert_string_equal(items[2].name, "docker.io/library/zoo:latest");
	image_list_free(items, len);

	assert_int_equal(image_find(f->store, "torn", &r, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "is damaged (pull the image again, or remove the file)"));
	assert_int_equal(image_find(f->store, "keys", &r, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "layers[0] is not a layer's key"));
	assert_int_equal(image_find(f->store, "other", &r, &e), -EBADMSG);
	/* pulling again, or removing, heals it */
	add_image(f->store, "docker.io/library/torn:latest", 'a', "1");
	assert_int_equal(image_find(f->store, "torn", &r, &e), 0);
	image_record_done(&r);
	assert_int_equal(image_unbind(f->store, "docker.io/library/empty:latest", &e), 0);
}

static void the_config_of_an_image_is_loaded(void **state)
{
	struct fixture *f = *state;
	cleanup_image_record struct image_record r = { 0 };
	cleanup_image_config struct image_config c = { 0 };
	cleanup_buf struct buf raw = BUF_INIT(1000);
	struct digest digest = digest_of('a');
	struct err e = { 0 };
	char path[128];

	add_image(f->store, BUSYBOX, 'a', "1");
	assert_int_equal(image_find(f->store, "busybox", &r, &e), 0);
	assert_int_equal(image_load_config(f->store, &r, &c, &raw, &e), 0);
	assert_string_equal(raw.data, TINY_CONFIG);
	(void)snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(&digest));
	write_file(store_root_fd(f->store), path, "");
	assert_int_equal(image_load_config(f->store, &r, &c, NULL, &e), -EBADMSG);
	assert_string_equal(e.text, "the config of image '" BUSYBOX "' is damaged (pull it again)");
	assert_int_equal(unlinkat(store_root_fd(f->store), path, 0), 0);
	assert_int_equal(image_load_config(f->store, &r, &c, NULL, &e), -ENOENT);
	assert_string_equal(e.text,
			    "the config of image '" BUSYBOX "' is gone from the store (pull it again)");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_bound_name_is_found_by_what_people_type),
		TEST(an_image_is_found_by_its_id_or_a_prefix_of_it),
		TEST(a_prefix_of_two_images_is_ambiguous),
		TEST(name_at_digest_finds_what_a_tag_was_bound_to),
		TEST(a_name_is_bound_only_to_what_is_there),
		TEST(names_that_are_not_canonical_or_too_long_are_refused),
		TEST(binding_again_replaces),
		TEST(unbinding_removes_the_name_only),
		TEST(a_list_is_in_order_and_counts_the_damaged),
		TEST(the_config_of_an_image_is_loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
