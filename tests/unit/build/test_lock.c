/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "build/lock.h"

#include "tests/unit/build/plan_test.h"

#define HEX  "1111111111111111111111111111111111111111111111111111111111111111"
#define D1   "sha256:" HEX
#define BUSY "docker.io/library/busybox:latest"

static struct platform platform_of(const char *text)
{
	struct platform p;
	struct err e;

	assert_int_equal(platform_parse(text, &p, &e), 0);
	return p;
}

static void set(struct lock *l, const char *reference, const char *platform)
{
	const struct digest digest = { D1 };
	const struct platform p = platform_of(platform);
	struct err e;

	assert_int_equal(lock_set(l, reference, &p, &digest, &e), 0);
}

static void a_lock_file_is_in_order_and_one_member_to_a_line(void **state)
{
	struct lock l = { 0 };
	struct buf text = BUF_INIT(LOCK_FILE_MAX);
	struct err e;

	(void)state;
	set(&l, BUSY, "linux/arm64");
	set(&l, "docker.io/library/alpine:3", "linux/amd64");
	set(&l, BUSY, "linux/amd64");
	set(&l, BUSY, "linux/amd64");
	assert_int_equal(lock_write(&l, &text, &e), 0);
	assert_string_equal(text.data, "{\n"
				       "    \"version\": 1,\n"
				       "    \"images\": [\n"
				       "        {\n"
				       "            \"reference\": \"docker.io/library/alpine:3\",\n"
				       "            \"platform\": \"linux/amd64\",\n"
				       "            \"digest\": \"" D1 "\"\n"
				       "        },\n"
				       "        {\n"
				       "            \"reference\": \"" BUSY "\",\n"
				       "            \"platform\": \"linux/amd64\",\n"
				       "            \"digest\": \"" D1 "\"\n"
				       "        },\n"
				       "        {\n"
				       "            \"reference\": \"" BUSY "\",\n"
				       "            \"platform\": \"linux/arm64\",\n"
				       "            \"digest\": \"" D1 "\"\n"
				       "        }\n"
				       "    ]\n"
				       "}\n");
	lock_done(&l);
	assert_int_equal(lock_read(text.data, text.len, &l, &e), 0);
	assert_int_equal(l.len, 3);
	lock_done(&l);
	buf_done(&text);
}

#define ENTRY(reference, platform, digest) \
	"{\"reference\":\"" reference "\",\"platform\":\"" platform "\",\"digest\":\"" digest "\"}"
#define FILE_OF(entries) "{\"version\":1,\"images\":[" entries "]}"

static void what_is_no_lock_file_is_refused(void **state)
{
	static const struct {
		const char *text, *message;
		int code;
	} cases[] = {
		{ "{\"version\":7,\"images\":[]}", "its version is 7, and this program reads version 1",
		  -EOPNOTSUPP },
		{ "{\"version\":1}", "images: missing", -EINVAL },
		{ "{\"images\":[]}", "version: missing", -EINVAL },
		{ FILE_OF(ENTRY("UPPER/x", "linux/amd64", D1)),
		  "images[0].reference: 'UPPER/x' is not as `sampan lock` writes it", -EINVAL },
		{ FILE_OF(ENTRY("busybox", "linux/amd64", D1)),
		  "images[0].reference: 'busybox' is not as `sampan lock` writes it", -EINVAL },
		{ FILE_OF(ENTRY("docker.io/library/busybox@" D1, "linux/amd64", D1)),
		  "images[0].reference: '", -EINVAL },
		{ FILE_OF(ENTRY("a b", "linux/amd64", D1)), "images[0].reference: 'a b' is no reference",
		  -EINVAL },
		{ FILE_OF(ENTRY(BUSY, "a/b/c/d", D1)), "images[0].platform: 'a/b/c/d' is no platform",
		  -EINVAL },
		{ FILE_OF(ENTRY(BUSY, "linux/amd64", "latest")), "images[0].digest: bad digest 'latest'",
		  -EINVAL },
		{ FILE_OF(ENTRY(BUSY, "linux/amd64", D1) "," ENTRY(BUSY, "linux/amd64", D1)),
		  "images[1]: out of order, or there twice (run `sampan lock`)", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lock l = { 0 };
		struct err e = { 0 };

		assert_int_equal(lock_read(cases[i].text, strlen(cases[i].text), &l, &e), cases[i].code);
		if (strncmp(e.text, cases[i].message, strlen(cases[i].message)) != 0)
			fail_msg("'%s' is not '%s'", e.text, cases[i].message);
		assert_null(l.items);
	}
}

static void a_lock_has_a_maximum(void **state)
{
	const struct platform p = platform_of("linux/amd64");
	const struct digest digest = { D1 };
	struct lock l = { 0 };
	struct err e;
	char name[64];

	(void)state;
	for (int i = 0; i < LOCK_ENTRIES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "docker.io/library/i%d:latest", i);
		assert_int_equal(lock_set(&l, name, &p, &digest, &e), 0);
	}
	assert_int_equal(lock_set(&l, BUSY, &p, &digest, &e), -EFBIG);
	assert_string_equal(e.text, "more than 1024 images to lock");
	lock_done(&l);
}

static void all_images_of_a_plan_are_locked(void **state)
{
	const struct platform amd64 = platform_of("linux/amd64"), arm64 = platform_of("linux/arm64");
	struct lock l = { 0 };
	struct planned t;
	struct err e;

	(void)state;
	planned_init(&t);
	t.o.all_stages = true;
	planned_run(&t, "FROM base AS unused\n"
			"RUN make\n"
			"FROM --platform=linux/arm64 base\n"
			"COPY --from=copied:1 / /\n"
			"RUN --mount=from=mounted,target=/x --mount=type=cache,from=cached,target=/y make\n"
			"COPY --from=fixed@" D1 " / /\n"
			"COPY --from=unused / /\n");
	assert_int_equal(t.r, 0);
	assert_int_equal(lock_add_plan(&l, &t.plan, &e), 0);
	assert_int_equal(l.len, 5);
	assert_non_null(lock_find(&l, TEST_BASE, &amd64));
	assert_non_null(lock_find(&l, TEST_BASE, &arm64));
	assert_string_equal(l.items[2].reference, "docker.io/library/cached:latest");
	assert_string_equal(l.items[3].reference, "docker.io/library/copied:1");
	assert_string_equal(l.items[4].reference, "docker.io/library/mounted:latest");
	lock_done(&l);
	planned_done(&t);
}

static void a_pin_is_the_name_with_the_digest_of_the_file(void **state)
{
	struct lock_pins p = { .name = strdup("Dockerfile.lock") };
	const struct platform amd64 = platform_of("linux/amd64"), arm64 = platform_of("linux/arm64");
	char *name = NULL;
	struct err e;

	(void)state;
	set(&p.lock, BUSY, "linux/amd64");
	assert_int_equal(lock_pin(&p, BUSY, &amd64, &name, &e), 0);
	assert_string_equal(name, "docker.io/library/busybox@" D1);
	free(name);
	name = NULL;
	assert_int_equal(lock_pin(&p, "docker.io/library/other@" D1, &amd64, &name, &e), 0);
	assert_null(name);
	assert_int_equal(lock_pin(&p, BUSY, &arm64, &name, &e), -EACCES);
	assert_string_equal(e.text,
			    "'" BUSY "' for linux/arm64 is not in Dockerfile.lock (run `sampan lock`)");
	assert_int_equal(lock_pin(&p, "oci-layout:///srv/x:1", &amd64, &name, &e), -EACCES);
	assert_string_equal(e.text,
			    "'oci-layout:///srv/x:1' has no digest, and layouts are not in Dockerfile.lock "
			    "(append @DIGEST)");
	lock_pins_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lock_file_is_in_order_and_one_member_to_a_line),
		cmocka_unit_test(what_is_no_lock_file_is_refused),
		cmocka_unit_test(a_lock_has_a_maximum),
		cmocka_unit_test(all_images_of_a_plan_are_locked),
		cmocka_unit_test(a_pin_is_the_name_with_the_digest_of_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
