/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#define HEX64  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SHA256 "sha256:" HEX64
#define SHA512 "sha512:" HEX64 HEX64

static const struct {
	const char *text, *canonical, *familiar, *name;
} GOOD[] = {
	{ "busybox", "docker.io/library/busybox:latest", "busybox:latest", "busybox" },
	{ "busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36", "busybox" },
	{ "library/busybox", "docker.io/library/busybox:latest", "busybox:latest", "busybox" },
	{ "docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest", "busybox" },
	{ "docker.io/library/busybox:v1", "docker.io/library/busybox:v1", "busybox:v1", "busybox" },
	{ "index.docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest", "busybox" },
	{ "index.docker.io/a/b", "docker.io/a/b:latest", "a/b:latest", "a/b" },
	{ "grafana/grafana:10", "docker.io/grafana/grafana:10", "grafana/grafana:10", "grafana/grafana" },
	{ "library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest", "library/a/b" },
	{ "localhost/app", "localhost/app:latest", "localhost/app:latest", "localhost/app" },
	{ "localhost:5000/app", "localhost:5000/app:latest", "localhost:5000/app:latest",
	  "localhost:5000/app" },
	{ "localhost:5000", "docker.io/library/localhost:5000", "localhost:5000", "localhost" },
	{ "host:1/a:b", "host:1/a:b", "host:1/a:b", "host:1/a" },
	{ "127.0.0.1:5000/a/b/c:t", "127.0.0.1:5000/a/b/c:t", "127.0.0.1:5000/a/b/c:t",
	  "127.0.0.1:5000/a/b/c" },
	{ "[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest", "[::1]:5000/app" },
	{ "[2001:DB8::1]/app:x", "[2001:DB8::1]/app:x", "[2001:DB8::1]/app:x", "[2001:DB8::1]/app" },
	{ "Registry/app", "Registry/app:latest", "Registry/app:latest", "Registry/app" },
	{ "ghcr.io/o/i:T_a.g-1", "ghcr.io/o/i:T_a.g-1", "ghcr.io/o/i:T_a.g-1", "ghcr.io/o/i" },
	{ "a-b.c--d.example:80/x", "a-b.c--d.example:80/x:latest", "a-b.c--d.example:80/x:latest",
	  "a-b.c--d.example:80/x" },
	{ "a.b_c__d-e---f", "docker.io/library/a.b_c__d-e---f:latest", "a.b_c__d-e---f:latest",
	  "a.b_c__d-e---f" },
	{ "0", "docker.io/library/0:latest", "0:latest", "0" },
	{ "busybox:_", "docker.io/library/busybox:_", "busybox:_", "busybox" },
	{ "busybox@" SHA256, "docker.io/library/busybox@" SHA256, "busybox@" SHA256, "busybox" },
	{ "busybox:1@" SHA256, "docker.io/library/busybox:1@" SHA256, "busybox:1@" SHA256, "busybox" },
	{ "h:5/x@" SHA512, "h:5/x@" SHA512, "h:5/x@" SHA512, "h:5/x" },
	/* familiar names lead back to where they came from */
	{ "docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io/a.b/c:latest", "docker.io/a.b/c" },
	{ "docker.io/localhost/c", "docker.io/localhost/c:latest", "docker.io/localhost/c:latest",
	  "docker.io/localhost/c" },
	/* 63 and 65 hex digits are names */
	{ "23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0",
	  "docker.io/library/23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0:latest",
	  "23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0:latest",
	  "23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0" },
};

static void what_people_type_is_normalised(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
		cleanup_reference struct reference r = { 0 };
		cleanup_free char *canonical = NULL, *familiar = NULL, *name = NULL;
		struct err e = { 0 };

		if (reference_parse(GOOD[i].text, &r, &e) != 0)
			fail_msg("%s: %s", GOOD[i].text, e.text);
		canonical = reference_canonical(&r);
		familiar = reference_familiar(&r);
		name = reference_familiar_name(&r);
		assert_string_equal(canonical, GOOD[i].canonical);
		assert_string_equal(familiar, GOOD[i].familiar);
		assert_string_equal(name, GOOD[i].name);
	}
}

static void canonical_and_familiar_text_parse_to_the_same_reference(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
		const char *const texts[] = { GOOD[i].canonical, GOOD[i].familiar };

		for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
			cleanup_reference struct reference r = { 0 };
			cleanup_free char *canonical = NULL;
			struct err e;

			assert_int_equal(reference_parse(texts[t], &r, &e), 0);
			canonical = reference_canonical(&r);
			assert_string_equal(canonical, GOOD[i].canonical);
		}
	}
}

static void the_parts_of_a_reference_are_told_apart(void **state)
{
	cleanup_reference struct reference r = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(reference_parse("localhost:5000/team/app:v2@" SHA256, &r, &e), 0);
	assert_string_equal(r.domain, "localhost:5000");
	assert_string_equal(r.path, "team/app");
	assert_string_equal(r.tag, "v2");
	assert_string_equal(r.digest.text, SHA256);
	reference_done(&r);
	assert_int_equal(reference_parse("app@" SHA256, &r, &e), 0);
	assert_null(r.tag);
	reference_done(&r);
	assert_int_equal(reference_parse("app", &r, &e), 0);
	assert_false(digest_is_set(&r.digest));
}

static void what_is_not_in_the_grammar_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char *text, *reason;
	} BAD[] = {
		{ "", "it is empty" },
		{ HEX64, "64 hex digits are an image ID" },
		{ "Busybox", "must be in lower case" },
		{ "foo/Bar", "must be in lower case" },
		{ "docker.io/Foo/bar", "must be in lower case" },
		{ "aa/asdf$$^/aa", "is not a repository name" },
		{ "-foo", "is not a repository name" },
		{ "foo-", "is not a repository name" },
		{ "foo_", "is not a repository name" },
		{ "foo..bar", "is not a repository name" },
		{ "foo___bar", "is not a repository name" },
		{ "foo._bar", "is not a repository name" },
		{ "a//b", "is not a repository name" },
		{ "a/b/", "is not a repository name" },
		{ "/a", "is not a repository name" },
		{ "../etc/passwd", "is not a registry host" },
		{ "x/../y", "is not a repository name" },
		{ "foo bar", "is not a repository name" },
		{ "a+b", "is not a repository name" },
		{ "gr\xc3\xbcn", "is not a repository name" },
		{ "host.io/", "it has no repository name" },
		{ "docker.io/", "it has no repository name" },
		{ ":tag", "it has no repository name" },
		{ "@" SHA256, "it has no repository name" },
		{ "-host.io/a", "is not a registry host" },
		{ "host-.io/a", "is not a registry host" },
		{ "host..io/a", "is not a registry host" },
		{ "ho_st.io/a", "is not a registry host" },
		{ "host:port/a", "is not a registry host" },
		{ "host:/a", "is not a registry host" },
		{ "host:1:2/a", "is not a registry host" },
		{ "[::1/a", "is not a registry host" },
		{ "[]:1/a", "is not a registry host" },
		{ "[fe80::1%eth0]/a", "is not a registry host" },
		{ "[::1]x/a", "is not a registry host" },
		{ "user@host.io/a", "bad digest" },
		{ "http://host.io/a", "is not a registry host" },
		{ "a:", "bad tag ''" },
		{ "a:-x", "bad tag '-x'" },
		{ "a:.x", "bad tag '.x'" },
		{ "a:b:c", "bad tag 'b:c'" },
		{ "a:b/c", "is not a registry host" },
		{ "h:1/a:t@", "bad digest ''" },
		{ "a@sha256:abc", "bad digest" },
		{ "a@md5:0123456789abcdef0123456789abcdef", "unknown algorithm" },
		{ "a@sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", "bad digest" },
		{ "a@" SHA256 "@" SHA256, "bad digest" },
		{ "a@" SHA256 ":tag", "bad digest" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct reference r = { .tag = NULL };
		struct err e = { 0 };

		if (reference_parse(BAD[i].text, &r, &e) >= 0)
			fail_msg("'%s' was taken for a reference", BAD[i].text);
		if (!strstr(e.text, BAD[i].reason) || !strstr(e.text, "bad reference '"))
			fail_msg("'%s': '%s' does not say '%s'", BAD[i].text, e.text, BAD[i].reason);
		assert_null(r.domain);
	}
}

static void lengths_are_limited(void **state)
{
	char name[600] = "h.io/", tag[200] = "a:";
	struct reference r = { 0 };
	struct err e;

	(void)state;
	memset(name + 5, 'a', 250);
	assert_int_equal(reference_parse(name, &r, &e), 0); /* 255 */
	reference_done(&r);
	name[255] = 'a';
	assert_int_equal(reference_parse(name, &r, &e), -EFBIG);
	assert_non_null(strstr(e.text, "the name is longer than 255 bytes"));
	memset(name + 5, 'a', sizeof(name) - 6);
	assert_int_equal(reference_parse(name, &r, &e), -EFBIG);

	memset(tag + 2, 't', 128);
	assert_int_equal(reference_parse(tag, &r, &e), 0);
	reference_done(&r);
	tag[130] = 't';
	assert_int_equal(reference_parse(tag, &r, &e), -EINVAL);
	assert_non_null(strstr(e.text, "bad tag"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_people_type_is_normalised),
		cmocka_unit_test(canonical_and_familiar_text_parse_to_the_same_reference),
		cmocka_unit_test(the_parts_of_a_reference_are_told_apart),
		cmocka_unit_test(what_is_not_in_the_grammar_is_refused_with_a_reason),
		cmocka_unit_test(lengths_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
