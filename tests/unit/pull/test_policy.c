/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/policy.h"

static void scopes_go_from_the_image_to_everything(void **state)
{
	static const char *const EXPECTED[] = { "reg.example.com:5000/team/app:v1",
						"reg.example.com:5000/team/app",
						"reg.example.com:5000/team",
						"reg.example.com:5000",
						"*.example.com",
						"*.com",
						"" };
	cleanup_reference struct reference ref = { 0 };
	cleanup_strvec struct strvec scopes = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(reference_parse("reg.example.com:5000/team/app:v1", &ref, &e), 0);
	assert_int_equal(policy_scopes_of_reference(&ref, &scopes, &e), 0);
	assert_int_equal(scopes.len, ARRAY_LEN(EXPECTED));
	for (size_t i = 0; i < ARRAY_LEN(EXPECTED); i++)
		assert_string_equal(scopes.items[i], EXPECTED[i]);
}

static int decode(const char *text, const char *transport, struct policy_requirements *ret, struct err *e)
{
	cleanup_strvec struct strvec scopes = { 0 };

	assert_int_equal(strvec_add(&scopes, "x.io/a"), 0);
	assert_int_equal(strvec_add(&scopes, "x.io"), 0);
	assert_int_equal(strvec_add(&scopes, ""), 0);
	return policy_decode(text, strlen(text), transport, &scopes, ret, e);
}

static void the_first_scope_that_is_there_decides_for_its_transport(void **state)
{
	static const char TEXT[] =
		"{\"default\":[{\"type\":\"reject\"}],\"transports\":{\"docker\":{"
		"\"x.io\":[{\"type\":\"insecureAcceptAnything\"},{\"type\":\"sigstoreSigned\",\"keyData\":"
		"\"S0VZ\","
		"\"signedIdentity\":{\"type\":\"remapIdentity\",\"prefix\":\"p\",\"signedPrefix\":\"q\"}}],"
		"\"\":[{\"type\":\"reject\"},{\"type\":\"reject\"},{\"type\":\"reject\"}]}}}";
	cleanup_policy_requirements struct policy_requirements docker = { 0 }, oci = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(decode(TEXT, "docker", &docker, &e), 0);
	assert_int_equal(docker.len, 2);
	assert_int_equal(docker.items[0].kind, POLICY_ACCEPT);
	assert_int_equal(docker.items[1].kind, POLICY_SIGSTORE);
	assert_int_equal(docker.items[1].keys.len, 1);
	assert_string_equal(docker.items[1].keys.items[0], "KEY");
	assert_int_equal(docker.items[1].identity.kind, IDENTITY_REMAP);
	assert_string_equal(docker.items[1].identity.signed_prefix, "q");
	assert_int_equal(decode(TEXT, "oci", &oci, &e), 0);
	assert_int_equal(oci.len, 1);
	assert_int_equal(oci.items[0].kind, POLICY_REJECT);
}

static void what_cannot_be_checked_is_an_error(void **state)
{
	static const struct {
		const char *text, *message;
		int code;
	} CASES[] = {
		{ "[]", "'default' is missing", -EINVAL },
		{ "{\"default\":{}}", "default: expected an array with a requirement in it", -EINVAL },
		{ "{\"default\":[7]}", "default[0]: expected an object", -EINVAL },
		{ "{\"default\":[{\"type\":\"signedBaseLayer\"}]}",
		  "default[0]: 'signedBaseLayer' is not supported (sigstoreSigned, insecureAcceptAnything "
		  "and reject "
		  "are)",
		  -EOPNOTSUPP },
		{ "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyData\":\"S0VZ\",\"pki\":{}}]}",
		  "default[0].pki: this is not supported", -EOPNOTSUPP },
		{ "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyData\":\"S0VZ\",\"signedIdentity\":"
		  "{\"type\":\"remapIdentity\",\"prefix\":\"p\"}}]}",
		  "default[0].signedIdentity: prefix or signedPrefix is missing", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_policy_requirements struct policy_requirements r = { 0 };
		struct err e = { 0 };

		assert_int_equal(decode(CASES[i].text, "docker", &r, &e), CASES[i].code);
		assert_string_equal(e.text, CASES[i].message);
		assert_null(r.items);
	}
}

static void identities_compare_the_name_in_the_signature_with_the_one_asked_for(void **state)
{
	static const struct {
		enum policy_identity_kind kind;
		const char *wanted, *is;
		bool allowed;
	} CASES[] = {
		{ IDENTITY_EXACT, "x.io/a:1", "x.io/a:1", true },
		{ IDENTITY_EXACT, "x.io/a:1", "x.io/a:2", false },
		{ IDENTITY_EXACT, "x.io/a", "x.io/a", false }, /* names no image, though both mean :latest */
		{ IDENTITY_EXACT, "x.io/a", "x.io/a:latest", true },
		{ IDENTITY_REPO_DIGEST_OR_EXACT, "x.io/a:1", "x.io/a", false },
		{ IDENTITY_REPO_DIGEST_OR_EXACT,
		  "x.io/a@sha256:1111111111111111111111111111111111111111111111111111111111111111",
		  "x.io/a:9", true },
		{ IDENTITY_REPOSITORY, "x.io/a:1", "x.io/a:2", true },
		{ IDENTITY_REPOSITORY, "x.io:443/a", "x.io/a", false },
		{ IDENTITY_REPOSITORY, "busybox", "docker.io/library/busybox", true },
		{ IDENTITY_REPOSITORY, "x.io/a", "no name!", false },
		{ IDENTITY_REPOSITORY, "x.io/a", "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		const struct policy_identity identity = { .kind = CASES[i].kind };
		cleanup_reference struct reference wanted = { 0 };
		struct err e = { 0 };

		assert_int_equal(reference_parse(CASES[i].wanted, &wanted, &e), 0);
		assert_int_equal(policy_identity_check(&identity, &wanted, CASES[i].is, &e),
				 CASES[i].allowed ? 0 : -EACCES);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scopes_go_from_the_image_to_everything),
		cmocka_unit_test(the_first_scope_that_is_there_decides_for_its_transport),
		cmocka_unit_test(what_cannot_be_checked_is_an_error),
		cmocka_unit_test(identities_compare_the_name_in_the_signature_with_the_one_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
