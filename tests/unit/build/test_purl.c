/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "build/purl.h"
#include "common/cleanup.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void assert_image(const char *reference, const struct platform *platform, const char *expected)
{
	cleanup_free char *text = NULL;
	struct err e;

	if (purl_of_image(reference, platform, &text, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(text, expected);
}

static void images_are_named_as_buildkit_names_them(void **state)
{
	const struct platform arm = { .os = "linux", .architecture = "arm", .variant = "v7" };

	(void)state;
	assert_image("docker.io/library/alpine:latest", NULL, "pkg:docker/alpine@latest");
	assert_image("docker.io/user/test:v2", NULL, "pkg:docker/user/test@v2");
	assert_image("ghcr.io/foo/bar:v2", NULL, "pkg:docker/ghcr.io/foo/bar@v2");
	assert_image("docker.io/library/busybox:latest", &arm,
		     "pkg:docker/busybox@latest?platform=linux%2Farm%2Fv7");
	assert_image("docker.io/library/busybox:1@sha256:" HEX, &arm,
		     "pkg:docker/busybox@1?digest=sha256:" HEX "&platform=linux%2Farm%2Fv7");
	assert_image("docker.io/library/busybox@sha256:" HEX, NULL, "pkg:docker/busybox?digest=sha256:" HEX);
}

static void what_is_no_reference_is_refused(void **state)
{
	char *text = NULL;
	struct err e;

	(void)state;
	assert_int_equal(purl_of_image("A B", NULL, &text, &e), -EINVAL);
	assert_non_null(strstr(e.text, "invalid reference 'A B': "));
	assert_null(text);
}

static void names_and_versions_are_escaped(void **state)
{
	cleanup_strvec struct strvec qualifiers = { 0 };
	cleanup_buf struct buf out = BUF_INIT(PURL_MAX_BYTES);
	const struct purl p = { .type = "deb",
				.name_space = "debian",
				.name = "lib/stdc++6",
				.version = "1:12.2.0-14~x",
				.qualifiers = &qualifiers };

	(void)state;
	assert_int_equal(strvec_add(&qualifiers, "arch=amd64"), 0);
	assert_int_equal(strvec_add(&qualifiers, "distro="), 0);
	assert_int_equal(strvec_add(&qualifiers, "os=a b&c"), 0);
	assert_int_equal(purl_write(&p, &out), 0);
	assert_string_equal(out.data,
			    "pkg:deb/debian/lib%2Fstdc%2B%2B6@1:12.2.0-14~x?arch=amd64&os=a%20b%26c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images_are_named_as_buildkit_names_them),
		cmocka_unit_test(what_is_no_reference_is_refused),
		cmocka_unit_test(names_and_versions_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
