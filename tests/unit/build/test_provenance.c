/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "build/provenance.h"
#include "common/cleanup.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_1 "1111111111111111111111111111111111111111"

static void fill(struct strvec *v, const char *const *items)
{
	for (size_t i = 0; items[i]; i++)
		assert_int_equal(strvec_add(v, items[i]), 0);
}

#define FILL(v, ...) fill(v, (const char *const[]){ __VA_ARGS__, NULL })

static void assert_written(const struct provenance *p, const char *expected)
{
	cleanup_buf struct buf out = BUF_INIT(PROVENANCE_MAX_BYTES);
	struct err e;

	if (provenance_write(p, &out, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(out.data, expected);
}

static struct provenance simple(void)
{
	return (struct provenance){ .entry_point = "Dockerfile",
				    .builder = { .os = "linux", .architecture = "amd64" },
				    .invocation_id = "xyz",
				    .started = "2024-01-01T00:00:00Z",
				    .finished = "2024-01-01T00:00:01Z" };
}

static void a_build_from_a_folder_says_that_its_materials_are_not_all(void **state)
{
	cleanup_strvec struct strvec locals = { 0 };
	struct provenance p = simple();
	const struct platform platform = { .os = "linux", .architecture = "amd64" };
	const struct provenance_image image = { .reference = "docker.io/library/debian:12",
						.platform = &platform,
						.digest = { "sha256:" HEX_A } };

	(void)state;
	FILL(&locals, "context", "dockerfile");
	p.locals = &locals;
	p.images = &image;
	p.images_len = 1;
	p.has_network = true;
	assert_written(
		&p, "{\"builder\":{\"id\":\"\"},\"buildType\":\"https://mobyproject.org/buildkit@v1\","
		    "\"materials\":[{\"uri\":\"pkg:docker/debian@12?platform=linux%2Famd64\","
		    "\"digest\":{\"sha256\":\"" HEX_A "\"}}],"
		    "\"invocation\":{\"configSource\":{\"entryPoint\":\"Dockerfile\"},"
		    "\"parameters\":{\"frontend\":\"dockerfile.v0\","
		    "\"locals\":[{\"name\":\"context\"},{\"name\":\"dockerfile\"}]},"
		    "\"environment\":{\"platform\":\"linux/amd64\"}},"
		    "\"metadata\":{\"buildInvocationID\":\"xyz\",\"buildStartedOn\":\"2024-01-01T00:00:00Z\","
		    "\"buildFinishedOn\":\"2024-01-01T00:00:01Z\","
		    "\"completeness\":{\"parameters\":true,\"environment\":true,\"materials\":false},"
		    "\"reproducible\":false}}");
}

static void give_all(struct provenance *p, struct strvec *args, struct strvec *ids)
{
	FILL(args, "target=final", "label:a=b", "build-arg:B=secret=1", "build-arg:A=2");
	FILL(ids, "token");
	p->args = args;
	p->secrets = ids;
	p->ssh = ids;
	p->dockerfile = "FROM scratch\n";
	p->dockerfile_len = strlen(p->dockerfile);
	p->builder_id = "https://ci/1";
	p->reproducible = true;
	p->vcs_source = "https://example.org/a.git";
	p->vcs_revision = HEX_1;
}

static void the_lesser_mode_leaves_out_what_may_be_secret_and_says_so(void **state)
{
	cleanup_strvec struct strvec args = { 0 }, ids = { 0 };
	struct provenance p = simple();

	(void)state;
	give_all(&p, &args, &ids);
	assert_written(
		&p, "{\"builder\":{\"id\":\"https://ci/1\"},"
		    "\"buildType\":\"https://mobyproject.org/buildkit@v1\",\"materials\":[],"
		    "\"invocation\":{\"configSource\":{\"entryPoint\":\"Dockerfile\"},"
		    "\"parameters\":{\"frontend\":\"dockerfile.v0\",\"args\":{\"target\":\"final\"}},"
		    "\"environment\":{\"platform\":\"linux/amd64\"}},"
		    "\"metadata\":{\"buildInvocationID\":\"xyz\",\"buildStartedOn\":\"2024-01-01T00:00:00Z\","
		    "\"buildFinishedOn\":\"2024-01-01T00:00:01Z\","
		    "\"completeness\":{\"parameters\":false,\"environment\":true,\"materials\":true},"
		    "\"reproducible\":true,\"https://mobyproject.org/buildkit@v1#hermetic\":true,"
		    "\"https://mobyproject.org/buildkit@v1#metadata\":{\"vcs\":{\"revision\":\"" HEX_1 "\","
		    "\"source\":\"https://example.org/a.git\"}}}}");
}

static void the_greater_mode_has_arguments_sorted_and_the_dockerfile(void **state)
{
	cleanup_strvec struct strvec args = { 0 }, ids = { 0 };
	struct provenance p = simple();

	(void)state;
	give_all(&p, &args, &ids);
	p.is_max = true;
	p.vcs_source = p.vcs_revision = NULL;
	assert_written(
		&p, "{\"builder\":{\"id\":\"https://ci/1\"},"
		    "\"buildType\":\"https://mobyproject.org/buildkit@v1\",\"materials\":[],"
		    "\"invocation\":{\"configSource\":{\"entryPoint\":\"Dockerfile\"},"
		    "\"parameters\":{\"frontend\":\"dockerfile.v0\",\"args\":{\"build-arg:A\":\"2\","
		    "\"build-arg:B\":\"secret=1\",\"label:a\":\"b\",\"target\":\"final\"},"
		    "\"secrets\":[{\"id\":\"token\"}],\"ssh\":[{\"id\":\"token\"}]},"
		    "\"environment\":{\"platform\":\"linux/amd64\"}},"
		    "\"metadata\":{\"buildInvocationID\":\"xyz\",\"buildStartedOn\":\"2024-01-01T00:00:00Z\","
		    "\"buildFinishedOn\":\"2024-01-01T00:00:01Z\","
		    "\"completeness\":{\"parameters\":true,\"environment\":true,\"materials\":true},"
		    "\"reproducible\":true,\"https://mobyproject.org/buildkit@v1#hermetic\":true,"
		    "\"https://mobyproject.org/buildkit@v1#metadata\":{\"source\":{\"infos\":["
		    "{\"filename\":\"Dockerfile\",\"language\":\"Dockerfile\","
		    "\"data\":\"RlJPTSBzY3JhdGNoCg==\"}]}}}}");
}

static void sources_are_listed_once_and_a_remote_context_is_the_source_of_the_configuration(void **state)
{
	const struct provenance_source sources[] = {
		{ "https://example.org/a.git#main", "sha1", HEX_1 },
		{ "https://example.org/f", "sha256", HEX_A },
		{ "https://example.org/a.git#main", "sha1", HEX_1 },
	};
	struct provenance p = simple();

	(void)state;
	p.context = &sources[0];
	p.sources = sources;
	p.sources_len = 3;
	p.started = p.finished = p.invocation_id = NULL;
	assert_written(
		&p, "{\"builder\":{\"id\":\"\"},\"buildType\":\"https://mobyproject.org/buildkit@v1\","
		    "\"materials\":[{\"uri\":\"https://example.org/a.git#main\",\"digest\":{\"sha1\":\"" HEX_1
		    "\"}},{\"uri\":\"https://example.org/f\",\"digest\":{\"sha256\":\"" HEX_A "\"}}],"
		    "\"invocation\":{\"configSource\":{\"uri\":\"https://example.org/a.git#main\","
		    "\"digest\":{\"sha1\":\"" HEX_1 "\"},\"entryPoint\":\"Dockerfile\"},"
		    "\"parameters\":{\"frontend\":\"dockerfile.v0\"},"
		    "\"environment\":{\"platform\":\"linux/amd64\"}},"
		    "\"metadata\":{"
		    "\"completeness\":{\"parameters\":true,\"environment\":true,\"materials\":true},"
		    "\"reproducible\":false,\"https://mobyproject.org/buildkit@v1#hermetic\":true}}");
}

static void an_image_without_a_proper_reference_is_refused(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(PROVENANCE_MAX_BYTES);
	const struct provenance_image image = { .reference = "UPPER" };
	struct provenance p = simple();
	struct err e;

	(void)state;
	p.images = &image;
	p.images_len = 1;
	assert_int_equal(provenance_write(&p, &out, &e), -EINVAL);
	assert_non_null(strstr(e.text, "invalid reference 'UPPER': "));
	assert_int_equal(out.len, 0);
}

#define BUILD_TYPE_V1 "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"

static void version_1_has_the_same_in_other_places(void **state)
{
	cleanup_strvec struct strvec args = { 0 }, ids = { 0 };
	const struct platform platform = { .os = "linux", .architecture = "amd64" };
	const struct provenance_source context = { "https://example.org/a.git#main", "sha1", HEX_1 };
	const struct provenance_image image = { .reference = "docker.io/library/debian:12",
						.platform = &platform,
						.digest = { "sha256:" HEX_A } };
	struct provenance p = simple();

	(void)state;
	give_all(&p, &args, &ids);
	p.is_v1 = p.is_max = true;
	p.context = &context;
	p.images = &image;
	p.images_len = 1;
	assert_written(
		&p,
		"{\"buildDefinition\":{\"buildType\":\"" BUILD_TYPE_V1 "\",\"externalParameters\":{"
		"\"configSource\":{\"uri\":\"https://example.org/a.git#main\",\"digest\":{\"sha1\":\"" HEX_1
		"\"},\"path\":\"Dockerfile\"},"
		"\"request\":{\"frontend\":\"dockerfile.v0\",\"args\":{\"build-arg:A\":\"2\","
		"\"build-arg:B\":\"secret=1\",\"label:a\":\"b\",\"target\":\"final\"},"
		"\"secrets\":[{\"id\":\"token\"}],\"ssh\":[{\"id\":\"token\"}]}},"
		"\"internalParameters\":{\"builderPlatform\":\"linux/amd64\"},"
		"\"resolvedDependencies\":[{\"uri\":\"pkg:docker/debian@12?platform=linux%2Famd64\","
		"\"digest\":{\"sha256\":\"" HEX_A "\"}}]},"
		"\"runDetails\":{\"builder\":{\"id\":\"https://ci/1\"},"
		"\"metadata\":{\"invocationID\":\"xyz\",\"startedOn\":\"2024-01-01T00:00:00Z\","
		"\"finishedOn\":\"2024-01-01T00:00:01Z\",\"buildkit_metadata\":{"
		"\"vcs\":{\"revision\":\"" HEX_1 "\",\"source\":\"https://example.org/a.git\"},"
		"\"source\":{\"infos\":[{\"filename\":\"Dockerfile\",\"language\":\"Dockerfile\","
		"\"data\":\"RlJPTSBzY3JhdGNoCg==\"}]}},\"buildkit_hermetic\":true,"
		"\"buildkit_completeness\":{\"request\":true,\"resolvedDependencies\":true},"
		"\"buildkit_reproducible\":true}}}");
}

static void version_1_says_what_it_leaves_out(void **state)
{
	cleanup_strvec struct strvec args = { 0 }, ids = { 0 }, locals = { 0 };
	struct provenance p = simple();

	(void)state;
	give_all(&p, &args, &ids);
	FILL(&locals, "context");
	p.is_v1 = true;
	p.locals = &locals;
	p.vcs_source = p.vcs_revision = p.builder_id = NULL;
	p.reproducible = false;
	assert_written(&p,
		       "{\"buildDefinition\":{\"buildType\":\"" BUILD_TYPE_V1 "\",\"externalParameters\":{"
		       "\"configSource\":{\"path\":\"Dockerfile\"},"
		       "\"request\":{\"frontend\":\"dockerfile.v0\",\"args\":{\"target\":\"final\"},"
		       "\"locals\":[{\"name\":\"context\"}]}},"
		       "\"internalParameters\":{\"builderPlatform\":\"linux/amd64\"},"
		       "\"resolvedDependencies\":[]},"
		       "\"runDetails\":{\"builder\":{\"id\":\"\"},"
		       "\"metadata\":{\"invocationID\":\"xyz\",\"startedOn\":\"2024-01-01T00:00:00Z\","
		       "\"finishedOn\":\"2024-01-01T00:00:01Z\","
		       "\"buildkit_completeness\":{\"request\":false,\"resolvedDependencies\":false},"
		       "\"buildkit_reproducible\":false}}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_build_from_a_folder_says_that_its_materials_are_not_all),
		cmocka_unit_test(the_lesser_mode_leaves_out_what_may_be_secret_and_says_so),
		cmocka_unit_test(the_greater_mode_has_arguments_sorted_and_the_dockerfile),
		cmocka_unit_test(
			sources_are_listed_once_and_a_remote_context_is_the_source_of_the_configuration),
		cmocka_unit_test(an_image_without_a_proper_reference_is_refused),
		cmocka_unit_test(version_1_has_the_same_in_other_places),
		cmocka_unit_test(version_1_says_what_it_leaves_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
