/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/registries_conf.h"

static void add(struct registries_conf *c, const char *text)
{
	struct err e = { 0 };

	assert_int_equal(registries_conf_add(c, text, strlen(text), &e), 0);
}

static void the_longest_prefix_at_a_components_end_is_found(void **state)
{
	static const struct {
		const char *name, *prefix;
		size_t len;
	} CASES[] = {
		{ "quay.io/team/other", "quay.io/team", 12 },
		{ "quay.io/team", "quay.io/team", 12 },
		{ "quay.io/team/app/deep", "quay.io/team/app", 16 },
		{ "quay.io/teams/x", "quay.io", 7 },
		{ "quay.io:443/team/x", "quay.io", 7 },
		{ "quay.ios/team/x", NULL, 0 },
		{ "a.example.com/x", "*.example.com", 13 },
		{ "a.b.example.com:5000/x", "*.example.com", 15 },
		{ "example.com/x", NULL, 0 },
		{ "evil.com/a.example.com/x", NULL, 0 },
		{ "a.example.com.evil/x", NULL, 0 },
	};
	cleanup_registries_conf struct registries_conf c = { 0 };

	(void)state;
	add(&c, "[[registry]]\nlocation='quay.io'\n[[registry]]\nprefix='quay.io/team'\nlocation='x.io/y'\n"
		"[[registry]]\nprefix='quay.io/team/app'\n[[registry]]\nprefix='*.example.com'\n");
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		size_t len = 0;
		const struct registry_rule *r = registries_conf_find(&c, CASES[i].name, &len);

		if (!CASES[i].prefix) {
			assert_null(r);
			continue;
		}
		assert_non_null(r);
		assert_string_equal(r->prefix, CASES[i].prefix);
		assert_int_equal(len, CASES[i].len);
	}
}

static void later_files_replace_what_they_name(void **state)
{
	cleanup_registries_conf struct registries_conf c = { 0 };
	size_t len;

	(void)state;
	add(&c, "unqualified-search-registries=['a.io','b.io']\nshort-name-mode='disabled'\n"
		"[aliases]\nx='a.io/x'\ny='a.io/y'\n[[registry]]\nprefix='p.io'\nblocked=true\n");
	add(&c, "short-name-mode='permissive'\n[aliases]\nx='b.io/x'\ny=''\n[[registry]]\nprefix='p.io'\n"
		"[[registry.mirror]]\nlocation='m.io/p'\ninsecure=true\npull-from-mirror='digest-only'\n");
	assert_int_equal(c.search.len, 2);
	assert_int_equal(c.mode, SHORT_NAME_PERMISSIVE);
	assert_string_equal(strvec_get_env(&c.aliases, "x"), "b.io/x");
	assert_string_equal(strvec_get_env(&c.aliases, "y"), "");
	assert_int_equal(c.rules_len, 1);
	assert_false(registries_conf_find(&c, "p.io/z", &len)->blocked);
	assert_int_equal(c.rules[0].mirrors_len, 1);
	assert_string_equal(c.rules[0].mirrors[0].location, "m.io/p");
	assert_true(c.rules[0].mirrors[0].insecure);
	assert_int_equal(c.rules[0].mirrors[0].use, MIRROR_DIGEST_ONLY);
	add(&c, "unqualified-search-registries=[]");
	assert_int_equal(c.search.len, 0);
}

static void short_names_become_full_ones(void **state)
{
	static const struct {
		const char *text, *first, *second;
	} CASES[] = {
		{ "fedora:40", "reg.fp.org/fedora:40", NULL },
		{ "team/app", "q.io/t/app", NULL },
		{ "busybox:1", "a.io/busybox:1", "docker.io/busybox:1" },
		{ "gone", "a.io/gone", "docker.io/gone" },
		{ "docker.io/fedora", "docker.io/fedora", NULL },
		{ "index.docker.io/fedora", "index.docker.io/fedora", NULL },
		{ "x.io/fedora", "x.io/fedora", NULL },
		{ "localhost/fedora", "localhost/fedora", NULL },
		{ "oci:fedora", "a.io/oci:fedora", "docker.io/oci:fedora" },
		{ "oci:/srv/fedora", "oci:/srv/fedora", NULL },
	};
	cleanup_registries_conf struct registries_conf c = { 0 };

	(void)state;
	add(&c, "unqualified-search-registries=['a.io','docker.io']\nshort-name-mode='permissive'\n"
		"[aliases]\nfedora='reg.fp.org/fedora'\n'team/app'='q.io/t/app'\ngone=''\n");
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_strvec struct strvec names = { 0 };
		struct err e = { 0 };

		assert_int_equal(registries_conf_expand(&c, CASES[i].text, &names, &e), 0);
		assert_int_equal(names.len, CASES[i].second ? 2 : 1);
		assert_string_equal(names.items[0], CASES[i].first);
		if (CASES[i].second)
			assert_string_equal(names.items[1], CASES[i].second);
	}
}

static void a_short_name_that_may_mean_several_images_is_refused_unless_the_mode_allows_it(void **state)
{
	cleanup_registries_conf struct registries_conf c = { 0 };
	cleanup_strvec struct strvec names = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(registries_conf_expand(&c, "x", &names, &e), 0);
	assert_string_equal(names.items[0], "x");
	add(&c, "unqualified-search-registries=['a.io','b.io']");
	assert_int_equal(registries_conf_expand(&c, "x:1", &names, &e), -EINVAL);
	assert_string_equal(
		e.text, "'x:1' may mean several images, as unqualified-search-registries has 2 registries; "
			"write the registry too (a.io/x:1), or set short-name-mode to permissive");
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
	static const struct {
		const char *text, *message;
	} CASES[] = {
		{ "x", "line 1: expected '=' behind a key" },
		{ "registry = 1", "line 1: expected [[registry]]" },
		{ "registry = [1]", "line 1: expected [[registry]]" },
		{ "\n[[registry]]\nblocked=true",
		  "line 2: a registry needs a prefix (HOST[:PORT][/PATH] or *.HOST) or a location" },
		{ "[[registry]]\nprefix='*.x.io/y'",
		  "line 1: a registry needs a prefix (HOST[:PORT][/PATH] or *.HOST) or a location" },
		{ "[[registry]]\nprefix='x.io'\nlocation='https://y.io'",
		  "line 1: 'location' is not HOST[:PORT][/PATH]" },
		{ "[[registry]]\nprefix='x.io'\nlocation='y.io/'",
		  "line 1: 'location' is not HOST[:PORT][/PATH]" },
		{ "[[registry]]\nprefix='x.io'\nblocked='yes'", "line 3: 'blocked': expected true or false" },
		{ "[[registry]]\nprefix='x.io'\n[[registry.mirror]]\ninsecure=true",
		  "line 3: a mirror needs a location: HOST[:PORT][/PATH]" },
		{ "[[registry]]\nprefix='x.io'\n[[registry.mirror]]\nlocation='m'\npull-from-mirror='never'",
		  "line 3: pull-from-mirror is none of all, digest-only and tag-only" },
		{ "[[registry]]\nprefix='x.io'\nmirror-by-digest-only=true\n[[registry.mirror]]\nlocation='m'"
		  "\n"
		  "pull-from-mirror='tag-only'",
		  "line 4: mirror-by-digest-only and pull-from-mirror exclude each other" },
		{ "short-name-mode='strict'",
		  "line 1: short-name-mode is none of enforcing, permissive and disabled" },
		{ "[aliases]\nx='nowhere'", "line 2: an alias means HOST[:PORT]/PATH" },
		{ "aliases=1", "line 1: expected [aliases]" },
		{ "unqualified-search-registries='x'",
		  "line 1: 'unqualified-search-registries': expected an array of strings" },
		{ "unqualified-search-registries=['a b']",
		  "line 1: unqualified-search-registries holds what is no registry" },
		{ "[registries.search]\nregistries=['x']",
		  "line 1: version 1 of the format is not supported (use [[registry]], see "
		  "containers-registries.conf(5))" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_registries_conf struct registries_conf c = { 0 };
		struct err e = { 0 };

		assert_int_equal(registries_conf_add(&c, CASES[i].text, strlen(CASES[i].text), &e), -EINVAL);
		assert_string_equal(e.text, CASES[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_prefix_at_a_components_end_is_found),
		cmocka_unit_test(later_files_replace_what_they_name),
		cmocka_unit_test(short_names_become_full_ones),
		cmocka_unit_test(
			a_short_name_that_may_mean_several_images_is_refused_unless_the_mode_allows_it),
		cmocka_unit_test(what_is_wrong_is_said_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
