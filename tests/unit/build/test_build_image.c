/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build_image.h"

#include <dirent.h>

#include "pull/hash.h"
#include "pull/manifest_list.h"
#include "pull/stored.h"
#include "tests/unit/build/build_test.h"

#define NAME "docker.io/library/built:latest"

static const char *const FILES[] = { "f file text", NULL };

static struct build_image make(const struct store *s, const struct build_result *r,
			       const struct strvec *annotations)
{
	const struct build b = build_of(s);
	struct build_image image = { 0 };
	struct err e = { 0 };

	if (build_image_make(&b, r, annotations, &image, &e) < 0)
		fail_msg("%s", e.text);
	return image;
}

static void bind(const struct store *s, struct build_image *i, struct strvec *names)
{
	const struct build b = build_of(s);
	struct err e = { 0 };

	if (build_image_bind(&b, i, names, &e) < 0)
		fail_msg("%s", e.text);
}

static struct stored_image load(const struct store *s, const char *name)
{
	struct stored_image image = { 0 };
	struct err e = { 0 };

	if (stored_image_load(s, name, &image, &e) < 0)
		fail_msg("%s: %s", name, e.text);
	return image;
}

static void documents_say_what_was_built(void **state)
{
	const struct fixture *f = *state;
	cleanup_build_result struct build_result r = make_result(f->store, "linux/arm/v6", FILES);
	cleanup_build_image struct build_image image = make(f->store, &r, NULL);
	cleanup_stored_image struct stored_image stored = { 0 };
	cleanup_strvec struct strvec names = { 0 };
	struct digest digest;
	struct err e;

	assert_true(image.is_new);
	assert_string_equal(image.descriptor.media_type, "application/vnd.oci.image.manifest.v1+json");
	assert_string_equal(image.descriptor.platform.architecture, "arm");
	assert_int_equal(strvec_add(&names, NAME), 0);
	bind(f->store, &image, &names);
	stored = load(f->store, NAME);
	assert_int_equal(stored.manifest.layers_len, 1);
	assert_string_equal(stored.manifest.layers[0].media_type, "application/vnd.oci.image.layer.v1.tar");
	assert_true(digest_equal(&stored.manifest.layers[0].digest, &r.made[0].diff_id));
	assert_int_equal(stored.manifest.layers[0].size_bytes, r.made[0].tar_bytes);
	assert_true(digest_equal(&stored.config.diff_ids[0], &r.made[0].diff_id));
	assert_string_equal(stored.config.platform.variant, "v6");
	assert_int_equal(hash_bytes("sha256", stored.config_text.data, stored.config_text.len, &digest, &e),
			 0);
	assert_true(digest_equal(&digest, &image.record.config));
	assert_int_equal(image.descriptor.size_bytes, stored.manifest_text.len);
	assert_int_equal(stored.record.size_bytes, 4); /* "text" */
}

static void the_same_result_is_the_same_image(void **state)
{
	const struct fixture *f = *state;
	cleanup_build_result struct build_result r = make_result(f->store, "linux/amd64", FILES);
	cleanup_build_image struct build_image a = make(f->store, &r, NULL), b = make(f->store, &r, NULL);

	assert_true(digest_equal(&a.record.manifest, &b.record.manifest));
	assert_true(a.is_new);
	assert_false(b.is_new);
}

static void annotations_are_the_manifests(void **state)
{
	const struct fixture *f = *state;
	cleanup_build_result struct build_result r = make_result(f->store, "linux/amd64", FILES);
	cleanup_strvec struct strvec annotations = { 0 }, names = { 0 };
	cleanup_build_image struct build_image image = { 0 };
	cleanup_stored_image struct stored_image stored = { 0 };

	assert_int_equal(strvec_add(&annotations, "a.b=c=d"), 0);
	image = make(f->store, &r, &annotations);
	assert_int_equal(strvec_add(&names, NAME), 0);
	bind(f->store, &image, &names);
	stored = load(f->store, NAME);
	assert_int_equal(stored.manifest.annotations.len, 1);
	assert_string_equal(stored.manifest.annotations.items[0], "a.b=c=d");
}

static void an_image_without_a_name_is_called_by_its_id(void **state)
{
	const struct fixture *f = *state;
	cleanup_build_result struct build_result r = make_result(f->store, "linux/amd64", FILES);
	cleanup_build_image struct build_image image = make(f->store, &r, NULL);
	cleanup_stored_image struct stored_image stored = { 0 };
	cleanup_strvec struct strvec names = { 0 };
	char want[64];

	bind(f->store, &image, &names);
	(void)snprintf(want, sizeof(want), BUILD_NAMELESS ":%.12s", digest_hex(&image.record.config));
	assert_int_equal(names.len, 1);
	assert_string_equal(names.items[0], want);
	stored = load(f->store, want);
	assert_true(digest_equal(&stored.record.manifest, &image.record.manifest));
}

static void several_names_are_bound_to_one_image(void **state)
{
	const struct fixture *f = *state;
	cleanup_build_result struct build_result r = make_result(f->store, "linux/amd64", FILES);
	cleanup_build_image struct build_image image = make(f->store, &r, NULL);
	cleanup_strvec struct strvec names = { 0 };

	assert_int_equal(strvec_add(&names, NAME), 0);
	assert_int_equal(strvec_add(&names, "localhost/other:1"), 0);
	bind(f->store, &image, &names);
	for (size_t i = 0; i < names.len; i++) {
		cleanup_stored_image struct stored_image stored = load(f->store, names.items[i]);

		assert_true(digest_equal(&stored.record.config, &image.record.config));
	}
}

/* Inode and time of the only file in names/. */
static struct stat the_record(const struct store *s)
{
	struct stat st = { 0 };
	int fd = openat(store_root_fd(s), "names", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(fd);
	const struct dirent *d;

	assert_non_null(dir);
	while ((d = readdir(dir)))
		if (d->d_name[0] != '.')
			assert_int_equal(fstatat(fd, d->d_name, &st, 0), 0);
	(void)closedir(dir);
	return st;
}

static void a_name_that_is_bound_already_is_not_written(void **state)
{
	const struct fixture *f = *state;
	cleanup_build_result struct build_result r = make_result(f->store, "linux/amd64", FILES);
	cleanup_build_image struct build_image a = make(f->store, &r, NULL), b = { 0 };
	cleanup_strvec struct strvec names = { 0 };
	struct stat before, after;

	assert_int_equal(strvec_add(&names, NAME), 0);
	bind(f->store, &a, &names);
	before = the_record(f->store);
	b = make(f->store, &r, NULL);
	bind(f->store, &b, &names);
	after = the_record(f->store);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_ctim.tv_nsec, after.st_ctim.tv_nsec);
}

static void a_name_that_is_none_is_refused(void **state)
{
	const struct fixture *f = *state;
	cleanup_build_result struct build_result r = make_result(f->store, "linux/amd64", FILES);
	cleanup_build_image struct build_image image = make(f->store, &r, NULL);
	cleanup_strvec struct strvec names = { 0 };
	const struct build b = build_of(f->store);
	struct err e = { 0 };

	assert_int_equal(strvec_add(&names, "built"), 0);
	assert_int_equal(build_image_bind(&b, &image, &names, &e), -EINVAL);
	assert_null(image.record.name);
}

static void an_image_whose_layer_is_gone_is_not_bound(void **state)
{
	const struct fixture *f = *state;
	cleanup_build_result struct build_result r = make_result(f->store, "linux/amd64", FILES);
	cleanup_build_image struct build_image image = make(f->store, &r, NULL);
	cleanup_strvec struct strvec names = { 0 };
	const struct build b = build_of(f->store);
	struct stored_image stored = { 0 };
	struct err e = { 0 };
	char path[128];

	(void)snprintf(path, sizeof(path), "layers/%s", r.made[0].key);
	assert_int_equal(tree_remove(store_root_fd(f->store), path, &e), 0);
	assert_int_equal(strvec_add(&names, NAME), 0);
	assert_int_equal(build_image_bind(&b, &image, &names, &e), -ENOENT);
	assert_int_equal(stored_image_load(f->store, NAME, &stored, &e), -ENOENT);
}

static void an_index_has_all_its_members(void **state)
{
	const struct fixture *f = *state;
	const char *const platforms[] = { "linux/s390x", "linux/riscv64" };
	cleanup_image_index struct image_index index = { 0 };
	cleanup_stored_image struct stored_image named = { 0 };
	struct digest digest;

	make_index(f->store, NAME, platforms, &index, &digest);
	assert_true(blob_exists(f->store, &digest));
	assert_int_equal(index.manifests_len, 2);
	named = load(f->store, NAME);
	assert_true(digest_equal(&named.record.index, &digest));
	assert_string_equal(named.config.platform.architecture, "s390x"); /* the first: none runs here */
	for (size_t i = 0; i < 2; i++) {
		char name[160];
		cleanup_stored_image struct stored_image member = { 0 };

		(void)snprintf(name, sizeof(name), "docker.io/library/built@%s",
			       index.manifests[i].digest.text);
		member = load(f->store, name);
		assert_string_equal(member.config.platform.architecture, platforms[i] + strlen("linux/"));
		assert_true(digest_equal(&member.record.index, &digest));
		assert_string_equal(index.manifests[i].platform.architecture,
				    member.config.platform.architecture);
	}
}

static void the_name_of_an_index_is_bound_to_what_this_machine_runs(void **state)
{
	const struct fixture *f = *state;
	cleanup_image_index struct image_index index = { 0 };
	cleanup_stored_image struct stored_image named = { 0 };
	char own[3 * PLATFORM_FIELD_MAX];
	struct platform_list list;
	struct machine machine;
	struct digest digest;

	machine_detect(&machine);
	platform_list_for_machine(&machine, &list);
	(void)snprintf(own, sizeof(own), "linux/%s", list.items[0].architecture);
	make_index(f->store, NAME, (const char *const[]){ "linux/s390x", own }, &index, &digest);
	named = load(f->store, NAME);
	assert_string_equal(named.config.platform.architecture, list.items[0].architecture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(documents_say_what_was_built),
		FIXTURE_TEST(the_same_result_is_the_same_image),
		FIXTURE_TEST(annotations_are_the_manifests),
		FIXTURE_TEST(an_image_without_a_name_is_called_by_its_id),
		FIXTURE_TEST(several_names_are_bound_to_one_image),
		FIXTURE_TEST(a_name_that_is_bound_already_is_not_written),
		FIXTURE_TEST(a_name_that_is_none_is_refused),
		FIXTURE_TEST(an_image_whose_layer_is_gone_is_not_bound),
		FIXTURE_TEST(an_index_has_all_its_members),
		FIXTURE_TEST(the_name_of_an_index_is_bound_to_what_this_machine_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
