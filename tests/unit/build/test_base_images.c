/* SPDX-License-Identifier: Apache-2.0 */
#include "build/base_images.h"

#include "common/machine.h"
#include "pull/manifest_list.h"
#include "tests/unit/build/build_test.h"

#define NAME "localhost/base:latest"

static struct platform platform_of(const char *text)
{
	struct platform p;
	struct err e;

	assert_int_equal(platform_parse(text, &p, &e), 0);
	return p;
}

static struct base_images images_of(const struct fixture *f, enum base_pull pull)
{
	return (struct base_images){ .store = f->store,
				     .pull = pull,
				     .options = { .tls_verify = true, .cancel_fd = -1 } };
}

static const struct base_image *get(struct base_images *b, const char *name, const char *platform)
{
	const struct platform p = platform_of(platform);
	const struct base_image *image = NULL;
	struct err e = { 0 };

	if (base_images_get(b, name, &p, &image, &e) < 0)
		fail_msg("%s", e.text);
	return image;
}

static void an_image_of_the_store_is_taken_once(void **state)
{
	const struct fixture *f = *state;
	cleanup_base_images struct base_images b = images_of(f, BASE_PULL_MISSING);
	const struct base_image *image;

	make_image(f->store, NAME, "linux/amd64", LINES("f a text"));
	image = get(&b, NAME, "linux/amd64");
	assert_string_equal(image->image.record.name, NAME);
	assert_int_equal(image->image.record.layers.len, 1);
	assert_ptr_equal(get(&b, NAME, "linux/amd64"), image);
	assert_int_equal(b.len, 1);
}

static void what_is_asked_for_first_stays_where_it_is(void **state)
{
	const struct fixture *f = *state;
	cleanup_base_images struct base_images b = images_of(f, BASE_PULL_NEVER);
	const struct base_image *first;
	char name[64];

	make_image(f->store, NAME, "linux/amd64", LINES("f a text"));
	first = get(&b, NAME, "linux/amd64");
	for (unsigned int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "localhost/base%u:latest", i);
		make_image(f->store, name, "linux/amd64", LINES("f a text"));
		(void)get(&b, name, "linux/amd64");
	}
	assert_string_equal(first->reference, NAME);
	assert_ptr_equal(get(&b, NAME, "linux/amd64"), first);
}

static void never_means_that_nothing_is_pulled(void **state)
{
	const struct fixture *f = *state;
	cleanup_base_images struct base_images b = images_of(f, BASE_PULL_NEVER);
	const struct platform amd64 = platform_of("linux/amd64"), arm64 = platform_of("linux/arm64");
	const struct base_image *image = NULL;
	struct err e = { 0 };

	assert_int_equal(base_images_get(&b, NAME, &amd64, &image, &e), -ENOENT);
	assert_string_equal(e.text, NAME ": not in the store, and --pull=never forbids to pull it");
	assert_null(image);
	assert_int_equal(b.len, 0);
	/* What there is for another platform alone is better than nothing. */
	make_image(f->store, NAME, "linux/amd64", LINES("f a text"));
	assert_int_equal(base_images_get(&b, NAME, &arm64, &image, &e), 0);
	assert_string_equal(image->image.config.platform.architecture, "amd64");
}

static void another_platform_is_found_in_the_index(void **state)
{
	const struct fixture *f = *state;
	cleanup_base_images struct base_images b = images_of(f, BASE_PULL_NEVER);
	cleanup_image_index struct image_index index = { 0 };
	const struct base_image *a, *c;
	struct digest digest;

	make_index(f->store, NAME, (const char *const[]){ "linux/s390x", "linux/riscv64" }, &index, &digest);
	a = get(&b, NAME, "linux/riscv64");
	assert_string_equal(a->image.config.platform.architecture, "riscv64");
	c = get(&b, NAME, "linux/s390x");
	assert_string_equal(c->image.config.platform.architecture, "s390x");
	assert_ptr_not_equal(a, c);
}

static void an_image_of_another_repository_is_no_member_of_the_index(void **state)
{
	const struct fixture *f = *state;
	cleanup_base_images struct base_images b = images_of(f, BASE_PULL_NEVER);
	cleanup_image_index struct image_index index = { 0 };
	const struct platform other = platform_of("linux/ppc64le");
	const struct base_image *image = NULL;
	struct digest digest;
	struct err e;

	make_index(f->store, NAME, (const char *const[]){ "linux/s390x", "linux/riscv64" }, &index, &digest);
	make_image(f->store, "localhost/other:latest", "linux/ppc64le", LINES("f a text"));
	assert_int_equal(base_images_get(&b, NAME, &other, &image, &e), -ENOENT);
}

struct pins {
	unsigned int count;
	const char *to; /* NULL: refuse */
};

static int pin(void *arg, const char *reference, const struct platform *platform, char **ret, struct err *e)
{
	struct pins *pins = arg;

	pins->count++;
	if (!pins->to)
		return err_set(e, -EPERM, "%s for %s is not locked", reference, platform->architecture);
	*ret = strdup(pins->to);
	return 0;
}

static void what_is_not_locked_is_not_returned(void **state)
{
	const struct fixture *f = *state;
	cleanup_base_images struct base_images b = images_of(f, BASE_PULL_NEVER);
	const struct platform p = platform_of("linux/amd64");
	const struct base_image *image = NULL;
	struct pins pins = { 0 };
	struct err e = { 0 };

	make_image(f->store, NAME, "linux/amd64", LINES("f a text"));
	b.pin = pin;
	b.pin_arg = &pins;
	assert_int_equal(base_images_get(&b, NAME, &p, &image, &e), -EPERM);
	assert_string_equal(e.text, NAME " for amd64 is not locked");
	assert_null(image);
	assert_int_equal(pins.count, 1);
	assert_int_equal(b.len, 0);
}

static void what_is_locked_is_taken_by_its_digest(void **state)
{
	const struct fixture *f = *state;
	cleanup_base_images struct base_images b = images_of(f, BASE_PULL_NEVER),
					       before = images_of(f, BASE_PULL_NEVER);
	const struct base_image *image;
	struct pins pins = { 0 };
	char pinned[256];

	make_image(f->store, NAME, "linux/amd64", LINES("f a text"));
	(void)snprintf(pinned, sizeof(pinned), "localhost/base@%s",
		       get(&before, NAME, "linux/amd64")->image.record.manifest.text);
	make_image(f->store, "localhost/base:other", "linux/amd64", LINES("f a other"));
	pins.to = pinned;
	b.pin = pin;
	b.pin_arg = &pins;
	image = get(&b, "localhost/base:other", "linux/amd64");
	assert_ptr_equal(get(&b, "localhost/base:other", "linux/amd64"), image);
	assert_int_equal(pins.count, 1);
	assert_string_equal(image->reference, "localhost/base:other");
	assert_string_equal(image->image.record.manifest.text, strchr(pinned, '@') + 1);
}

static void a_configuration_comes_with_the_digest_for_messages(void **state)
{
	const struct fixture *f = *state;
	cleanup_base_images struct base_images b = images_of(f, BASE_PULL_NEVER);
	cleanup_image_config struct image_config config = { 0 };
	const struct platform p = platform_of("linux/amd64");
	const struct base_image *image;
	cleanup_free char *name = NULL;
	char want[256];
	struct err e = { 0 };

	make_image(f->store, NAME, "linux/amd64", LINES("f a text"));
	assert_int_equal(base_images_config(&b, NAME, &p, &config, &name, &e), 0);
	image = get(&b, NAME, "linux/amd64");
	(void)snprintf(want, sizeof(want), NAME "@%s", image->image.record.manifest.text);
	assert_string_equal(name, want);
	assert_int_equal(config.diff_ids_len, 1);
	assert_string_equal(config.platform.architecture, "amd64");
}

static void the_digest_of_an_index_is_the_indexs(void **state)
{
	const struct fixture *f = *state;
	cleanup_base_images struct base_images b = images_of(f, BASE_PULL_NEVER);
	cleanup_image_config struct image_config config = { 0 };
	cleanup_image_index struct image_index index = { 0 };
	const struct platform p = platform_of("linux/riscv64");
	cleanup_free char *name = NULL;
	struct digest digest;
	char want[256];
	struct err e = { 0 };

	make_index(f->store, NAME, (const char *const[]){ "linux/s390x", "linux/riscv64" }, &index, &digest);
	assert_int_equal(base_images_config(&b, NAME, &p, &config, &name, &e), 0);
	(void)snprintf(want, sizeof(want), NAME "@%s", digest.text);
	assert_string_equal(name, want);
}

static void a_text_that_is_no_reference_is_refused(void **state)
{
	const struct fixture *f = *state;
	cleanup_base_images struct base_images b = images_of(f, BASE_PULL_MISSING);
	const struct platform p = platform_of("linux/amd64");
	const struct base_image *image = NULL;
	struct err e = { 0 };

	assert_int_equal(base_images_get(&b, "UPPER", &p, &image, &e), -EINVAL);
	assert_int_equal(b.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(an_image_of_the_store_is_taken_once),
		FIXTURE_TEST(what_is_asked_for_first_stays_where_it_is),
		FIXTURE_TEST(never_means_that_nothing_is_pulled),
		FIXTURE_TEST(another_platform_is_found_in_the_index),
		FIXTURE_TEST(an_image_of_another_repository_is_no_member_of_the_index),
		FIXTURE_TEST(what_is_not_locked_is_not_returned),
		FIXTURE_TEST(what_is_locked_is_taken_by_its_digest),
		FIXTURE_TEST(a_configuration_comes_with_the_digest_for_messages),
		FIXTURE_TEST(the_digest_of_an_index_is_the_indexs),
		FIXTURE_TEST(a_text_that_is_no_reference_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
