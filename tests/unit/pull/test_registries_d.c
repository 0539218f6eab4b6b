/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/registries_d.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "oci/reference.h"
#include "pull/policy.h"

static bool attachments_of(const struct registries_d *r, const char *name)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_strvec struct strvec scopes = { 0 };
	struct err e;

	assert_int_equal(reference_parse(name, &ref, &e), 0);
	assert_int_equal(policy_scopes_of_reference(&ref, &scopes, &e), 0);
	return registries_d_attachments(r, &scopes);
}

static void add(struct registries_d *r, const char *file, const char *text)
{
	struct err e;

	if (registries_d_add(r, file, text, strlen(text), &e) < 0)
		fail_msg("%s", e.text);
}

static void the_most_specific_scope_wins(void **state)
{
	cleanup_registries_d struct registries_d r = { 0 };

	(void)state;
	assert_false(attachments_of(&r, "a.io/b"));
	add(&r, "1.yaml",
	    "default-docker:\n  lookaside: file:///var/lib/sigs\n"
	    "docker:\n"
	    "  a.io:\n    use-sigstore-attachments: yes\n"
	    "  a.io/team/closed: { use-sigstore-attachments: false, lookaside: 'https://x' }\n"
	    "  a.io/team/closed/but:latest:\n    use-sigstore-attachments: true\n"
	    "  a.io/silent: {}\n");
	add(&r, "2.yaml", "docker:\n  b.io/x:\n    use-sigstore-attachments: true\n  c.io:\n");
	assert_true(attachments_of(&r, "a.io/any/thing"));
	assert_true(attachments_of(&r, "a.io/silent/one"));
	assert_false(attachments_of(&r, "a.io/team/closed:v1"));
	assert_false(attachments_of(&r, "a.io/team/closed/but:v1"));
	assert_true(attachments_of(&r, "a.io/team/closed/but:latest"));
	assert_true(attachments_of(&r, "b.io/x/y"));
	assert_false(attachments_of(&r, "b.io/y"));
	assert_false(attachments_of(&r, "c.io/y"));
	assert_false(attachments_of(&r, "a.io.example/x"));
}

static void default_docker_is_for_all_that_nothing_is_said_of(void **state)
{
	cleanup_registries_d struct registries_d r = { 0 };

	(void)state;
	add(&r, "empty.yaml", "");
	add(&r, "comment.yaml", "# nothing\n");
	add(&r, "null.yaml", "docker:\ndefault-docker: ~\n");
	add(&r, "default.yaml", "default-docker: {use-sigstore-attachments: true}\n");
	add(&r, "other.yaml", "docker: {a.io: {use-sigstore-attachments: false}}\nunknown: [1, 2]\n");
	assert_true(attachments_of(&r, "b.io/x"));
	assert_false(attachments_of(&r, "a.io/x"));
}

static void aliases_are_followed(void **state)
{
	cleanup_registries_d struct registries_d r = { 0 };

	(void)state;
	add(&r, "1.yaml", "docker:\n  a.io: &x {use-sigstore-attachments: true}\n  b.io: *x\n");
	assert_true(attachments_of(&r, "b.io/x"));
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text, *why;
	} CASES[] = {
		{ "docker: [", "line 2: did not find expected node content" },
		{ "x", "line 1: expected a mapping" },
		{ "docker: 3", "line 1: docker: expected a mapping" },
		{ "docker:\n  a.io: x", "line 2: expected a mapping" },
		{ "docker:\n  a.io:\n    use-sigstore-attachments: maybe",
		  "line 3: use-sigstore-attachments: expected true or false" },
		{ "default-docker:\n  use-sigstore-attachments: 'true'",
		  "line 2: use-sigstore-attachments: expected true or false" },
		{ "docker:\n  a.io: {}\ndocker: {}", "line 3: 'docker' is there twice" },
		{ "docker:\n  known.io: {}", "'known.io' is described in 'first.yaml' already" },
		{ "docker:\n  a.io: {}\n  a.io: {}", "'a.io' is described in 'second.yaml' already" },
		{ "default-docker: {}", "'default-docker' is described in 'first.yaml' already" },
		{ "docker:\n  [a]: {}", "line 2: docker: expected a registry, a namespace or a repository" },
		{ "docker: *nothing", "line 1: found undefined alias" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_registries_d struct registries_d r = { 0 };
		struct err e;

		add(&r, "first.yaml", "default-docker:\n  lookaside: file:///x\ndocker:\n  known.io: {}\n");
		assert_int_equal(registries_d_add(&r, "second.yaml", CASES[i].text, strlen(CASES[i].text),
						  &e),
				 -EINVAL);
		assert_string_equal(e.text, CASES[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_specific_scope_wins),
		cmocka_unit_test(default_docker_is_for_all_that_nothing_is_said_of),
		cmocka_unit_test(aliases_are_followed),
		cmocka_unit_test(what_is_wrong_is_told_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
