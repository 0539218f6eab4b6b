/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "pull/transport.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ENTRY(digest, rest)                                                                  \
	"{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"" digest \
	"\",\"size\":7" rest "}"
#define TAG(name)  ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name "\"}"
#define NAME(name) ",\"annotations\":{\"io.containerd.image.name\":\"" name "\"}"

static void decode(const char *entries, struct image_index *ret)
{
	cleanup_buf struct buf text = BUF_INIT(65536);
	struct err e = { 0 };

	assert_int_equal(buf_printf(&text, "{\"schemaVersion\":2,\"manifests\":[%s]}", entries), 0);
	if (image_index_decode(text.data, text.len, ret, &e) < 0)
		fail_msg("%s", e.text);
}

static void parse(const char *text, struct transport *ret)
{
	struct err e = { 0 };

	if (transport_parse(text, ret, &e) < 0)
		fail_msg("%s", e.text);
}

static void references_with_and_without_docker_are_registries(void **state)
{
	static const char *const TEXTS[] = { "localhost:5000/a/b:c", "docker://localhost:5000/a/b:c" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		cleanup_transport struct transport t = { 0 };

		parse(TEXTS[i], &t);
		assert_int_equal(t.kind, TRANSPORT_REGISTRY);
		assert_string_equal(t.reference.domain, "localhost:5000");
		assert_string_equal(t.reference.path, "a/b");
		assert_string_equal(t.reference.tag, "c");
	}
}

static void file_transports_end_their_path_at_the_first_colon(void **state)
{
	static const struct {
		const char *text;
		enum transport_kind kind;
		const char *path, *image;
	} CASES[] = {
		{ "oci:/a/b", TRANSPORT_OCI_DIR, "/a/b", NULL },
		{ "oci:/a/b:v1", TRANSPORT_OCI_DIR, "/a/b", "v1" },
		{ "oci:rel:", TRANSPORT_OCI_DIR, "rel", NULL },
		{ "oci-archive:x.tar:v1", TRANSPORT_OCI_ARCHIVE, "x.tar", "v1" },
		{ "docker-archive:x.tar:host:5000/a:b", TRANSPORT_DOCKER_ARCHIVE, "x.tar", "host:5000/a:b" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_transport struct transport t = { 0 };

		parse(CASES[i].text, &t);
		assert_int_equal(t.kind, CASES[i].kind);
		assert_string_equal(t.path, CASES[i].path);
		if (CASES[i].image)
			assert_string_equal(t.image, CASES[i].image);
		else
			assert_null(t.image);
	}
}

static void nonsense_is_refused(void **state)
{
	static const char *const TEXTS[] = { "oci:", "oci-archive::tag", "docker://", "docker://UPPER/case/X",
					     "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		struct transport t = { 0 };
		struct err e = { 0 };

		assert_int_equal(transport_parse(TEXTS[i], &t, &e), -EINVAL);
		assert_true(e.text[0] != 0);
	}
}

static void the_prefix_of_a_transport_is_what_parses_to_it(void **state)
{
	static const enum transport_kind KINDS[] = { TRANSPORT_OCI_DIR, TRANSPORT_OCI_ARCHIVE,
						     TRANSPORT_DOCKER_ARCHIVE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
		cleanup_transport struct transport t = { 0 };
		char text[64];

		(void)snprintf(text, sizeof(text), "%s/a", transport_prefix(KINDS[i]));
		parse(text, &t);
		assert_int_equal(t.kind, KINDS[i]);
	}
	assert_string_equal(transport_prefix(TRANSPORT_REGISTRY), "");
}

static void an_image_of_the_store_is_no_image_of_that_name_in_a_registry(void **state)
{
	struct transport t = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(transport_parse("containers-storage:app", &t, &e), -EINVAL);
	assert_string_equal(e.text, "images of the store are named without 'containers-storage:' (sampan "
				    "push, sampan save)");
	assert_int_equal(transport_parse("docker-daemon:app", &t, &e), -EINVAL);
	assert_string_equal(e.text,
			    "images of a docker daemon come and go by way of a file (docker save NAME | "
			    "sampan load, sampan save NAME | docker load)");
}

static void assert_target(const char *text, const char *name, const char *tag)
{
	cleanup_transport struct transport t = { 0 };
	cleanup_strvec struct strvec names = { 0 };
	const char *is = "unset";
	struct err e = { 0 };

	parse(text, &t);
	assert_int_equal(transport_target_names(&t, &names, &is, &e), 0);
	assert_int_equal(names.len, name != NULL);
	if (name)
		assert_string_equal(names.items[0], name);
	assert_int_equal(is != NULL, tag != NULL);
	if (tag)
		assert_string_equal(is, tag);
}

static void a_name_without_a_slash_is_a_tag_in_a_layout_only(void **state)
{
	cleanup_transport struct transport bad = { 0 };
	cleanup_strvec struct strvec names = { 0 };
	const char *tag = NULL;
	struct err e = { 0 };

	(void)state;
	assert_target("oci:dir:v1", NULL, "v1");
	assert_target("oci-archive:file:quay.io/a/b", "quay.io/a/b:latest", NULL);
	assert_target("docker-archive:file:a", "docker.io/library/a:latest", NULL);
	assert_target("docker-archive:file", NULL, NULL);
	assert_target("oci:dir", NULL, NULL);
	parse("docker-archive:file:A", &bad);
	assert_int_equal(transport_target_names(&bad, &names, &tag, &e), -EINVAL);
	assert_string_equal(e.text, "bad reference 'A': the repository name must be in lower case");
}

static int choose(const char *transport, const struct image_index *index, size_t *ret, struct err *e)
{
	cleanup_transport struct transport t = { 0 };
	struct platform_list platforms = { .items = { { "linux", "arm64", "" } }, .len = 1 };

	parse(transport, &t);
	return transport_choose(&t, index, &platforms, ret, e);
}

static void a_tag_chooses_its_entry(void **state)
{
	cleanup_image_index struct image_index index = { 0 };
	struct err e = { 0 };
	size_t at = 9;

	(void)state;
	decode(ENTRY(A, TAG("v1")) "," ENTRY(B, TAG("v2")), &index);
	assert_int_equal(choose("oci:d:v2", &index, &at, &e), 0);
	assert_int_equal(at, 1);
	assert_int_equal(choose("oci:d:v3", &index, &at, &e), -ENOENT);
	assert_string_equal(e.text, "'d' holds no image 'v3'; there is: v1, v2");
	assert_int_equal(choose("oci:d", &index, &at, &e), -EINVAL);
	assert_string_equal(e.text, "'d' holds several images; append one of them as ':NAME': v1, v2");
}

static void names_are_compared_as_references(void **state)
{
	cleanup_image_index struct image_index index = { 0 };
	struct err e = { 0 };
	size_t at = 9;

	(void)state;
	decode(ENTRY(A, NAME("docker.io/library/busybox:latest")) "," ENTRY(B, NAME("quay.io/x/y:1")),
	       &index);
	assert_int_equal(choose("docker-archive:f:busybox", &index, &at, &e), 0);
	assert_int_equal(at, 0);
	assert_int_equal(choose("docker-archive:f:quay.io/x/y:1", &index, &at, &e), 0);
	assert_int_equal(at, 1);
}

static void an_image_with_two_names_is_one_image(void **state)
{
	cleanup_image_index struct image_index index = { 0 };
	cleanup_transport struct transport t = { 0 };
	cleanup_strvec struct strvec names = { 0 };
	struct err e = { 0 };
	size_t at = 9;

	(void)state;
	decode(ENTRY(A, NAME("docker.io/library/a:1")) "," ENTRY(A, NAME("docker.io/library/a:2")), &index);
	assert_int_equal(choose("docker-archive:f", &index, &at, &e), 0);
	parse("docker-archive:f", &t);
	assert_int_equal(transport_names(&t, &index, at, &names, &e), 0);
	assert_int_equal(names.len, 2);
	assert_string_equal(names.items[0], "docker.io/library/a:1");
	assert_string_equal(names.items[1], "docker.io/library/a:2");
}

static void entries_of_one_name_are_chosen_by_platform(void **state)
{
	cleanup_image_index struct image_index index = { 0 };
	struct err e = { 0 };
	size_t at = 9;

	(void)state;
	decode(ENTRY(A, ",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}") "," ENTRY(
		       B, ",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\"}"),
	       &index);
	assert_int_equal(choose("oci:d", &index, &at, &e), 0);
	assert_int_equal(at, 1);
}

static void an_empty_layout_holds_no_image(void **state)
{
	cleanup_image_index struct image_index index = { 0 };
	struct err e = { 0 };
	size_t at;

	(void)state;
	decode("", &index);
	assert_int_equal(choose("oci:d", &index, &at, &e), -ENOENT);
	assert_string_equal(e.text, "'d' holds no image");
}

static void names_come_from_annotations_or_from_the_file(void **state)
{
	static const struct {
		const char *entry, *transport, *name;
	} CASES[] = {
		{ ENTRY(A, TAG("quay.io/a/b:1")), "oci:dir", "quay.io/a/b:1" },
		{ ENTRY(A, TAG("localhost/x")), "oci:dir", "localhost/x:latest" },
		{ ENTRY(A, TAG("v1.0")), "oci:some/Dir_Name/", "localhost/dir-name:v1.0" },
		{ ENTRY(A, TAG("team/app:v1")), "oci:dir", "localhost/dir:latest" },
		{ ENTRY(A, ""), "oci-archive:/tmp/My Image.tar.gz", "localhost/my-image:latest" },
		{ ENTRY(A, ""), "oci-archive:x.tgz", "localhost/x:latest" },
		{ ENTRY(A, ""), "oci-archive:/tmp/---", "localhost/image:latest" },
		{ ENTRY(A, NAME("docker.io/library/b:2")), "docker-archive:x.tar", "docker.io/library/b:2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_image_index struct image_index index = { 0 };
		cleanup_transport struct transport t = { 0 };
		cleanup_strvec struct strvec names = { 0 };
		struct err e = { 0 };

		decode(CASES[i].entry, &index);
		parse(CASES[i].transport, &t);
		assert_int_equal(transport_names(&t, &index, 0, &names, &e), 0);
		assert_int_equal(names.len, 1);
		assert_string_equal(names.items[0], CASES[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_with_and_without_docker_are_registries),
		cmocka_unit_test(file_transports_end_their_path_at_the_first_colon),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(the_prefix_of_a_transport_is_what_parses_to_it),
		cmocka_unit_test(an_image_of_the_store_is_no_image_of_that_name_in_a_registry),
		cmocka_unit_test(a_name_without_a_slash_is_a_tag_in_a_layout_only),
		cmocka_unit_test(a_tag_chooses_its_entry),
		cmocka_unit_test(names_are_compared_as_references),
		cmocka_unit_test(an_image_with_two_names_is_one_image),
		cmocka_unit_test(entries_of_one_name_are_chosen_by_platform),
		cmocka_unit_test(an_empty_layout_holds_no_image),
		cmocka_unit_test(names_come_from_annotations_or_from_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
