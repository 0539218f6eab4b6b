/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/descriptor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"

#define HEX64                    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST                   "sha256:" HEX64
#define OCI                      "application/vnd.oci.image."
#define DOCKER                   "application/vnd.docker.distribution.manifest."
#define DESC(...)                "{\"digest\":\"" DIGEST "\",\"size\":7" __VA_ARGS__ "}"
#define TYPE(t)                  ",\"mediaType\":\"" t "\""
#define PLATFORM(os, arch, rest) ",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"" rest "}"
#define CONFIG                   DESC(TYPE(OCI "config.v1+json"))
#define LAYER                    DESC(TYPE(OCI "layer.v1.tar+gzip"))
#define MANIFEST                                                                                        \
	"{\"schemaVersion\":2" TYPE(OCI "manifest.v1+json") ",\"config\":" CONFIG ",\"layers\":[" LAYER \
							    "," LAYER "]}"

static void media_types_are_known_by_kind(void **state)
{
	static const struct {
		const char *type;
		enum media_kind kind;
	} CASES[] = {
		{ OCI "index.v1+json", MEDIA_INDEX },
		{ DOCKER "list.v2+json", MEDIA_INDEX },
		{ OCI "manifest.v1+json", MEDIA_MANIFEST },
		{ DOCKER "v2+json", MEDIA_MANIFEST },
		{ DOCKER "v2+json; charset=utf-8", MEDIA_MANIFEST },
		{ "Application/VND.oci.image.Manifest.v1+json", MEDIA_MANIFEST },
		{ DOCKER "v1+prettyjws", MEDIA_MANIFEST_V1 },
		{ DOCKER "v1+json", MEDIA_MANIFEST_V1 },
		{ OCI "config.v1+json", MEDIA_CONFIG },
		{ "application/vnd.docker.container.image.v1+json", MEDIA_CONFIG },
		{ OCI "layer.v1.tar", MEDIA_LAYER },
		{ OCI "layer.v1.tar+gzip", MEDIA_LAYER_GZIP },
		{ OCI "layer.v1.tar+zstd", MEDIA_LAYER_ZSTD },
		{ OCI "layer.nondistributable.v1.tar+gzip", MEDIA_LAYER_GZIP },
		{ "application/vnd.docker.image.rootfs.diff.tar.gzip", MEDIA_LAYER_GZIP },
		{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MEDIA_LAYER_GZIP },
		{ OCI "layer.v1.tar+gzip+encrypted", MEDIA_UNKNOWN },
		{ OCI "layer.v1", MEDIA_UNKNOWN },
		{ "application/json", MEDIA_UNKNOWN },
		{ "", MEDIA_UNKNOWN },
		{ ";", MEDIA_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		if (media_kind_of(CASES[i].type) != CASES[i].kind)
			fail_msg("%s is of kind %d", CASES[i].type, media_kind_of(CASES[i].type));
}

static void a_manifest_is_read_in_full(void **state)
{
	static const char TEXT[] = "{\"schemaVersion\":2" TYPE(
		DOCKER "v2+json") ",\"config\":{\"mediaType\":\"application/"
				  "vnd.docker.container.image.v1+json\",\"size\":1469,\"digest\":\"" DIGEST
				  "\"},"
				  "\"layers\":[{\"mediaType\":\"application/"
				  "vnd.docker.image.rootfs.diff.tar.gzip\",\"size\":2219949,"
				  "\"digest\":\"" DIGEST
				  "\"}],\"annotations\":{\"org.x\":\"y=z\"},\"unknown\":[1,{}]}";
	cleanup_manifest struct manifest m = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(manifest_decode(TEXT, strlen(TEXT), &m, &e), 0);
	assert_int_equal(media_kind_of(m.media_type), MEDIA_MANIFEST);
	assert_int_equal(media_kind_of(m.config.media_type), MEDIA_CONFIG);
	assert_int_equal(m.config.size_bytes, 1469);
	assert_string_equal(m.config.digest.text, DIGEST);
	assert_int_equal(m.layers_len, 1);
	assert_int_equal(m.layers[0].size_bytes, 2219949);
	assert_int_equal(media_kind_of(m.layers[0].media_type), MEDIA_LAYER_GZIP);
	assert_string_equal(strvec_get_env(&m.annotations, "org.x"), "y=z");
}

static void the_same_layer_may_come_twice(void **state)
{
	cleanup_manifest struct manifest m = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(manifest_decode(MANIFEST, strlen(MANIFEST), &m, &e), 0);
	assert_int_equal(m.layers_len, 2);
	assert_true(digest_equal(&m.layers[0].digest, &m.layers[1].digest));
}

static void bad_manifests_are_refused_with_the_place(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *reason;
	} BAD[] = {
		{ "", -EINVAL, "bad manifest: json is malformed" },
		{ "[]", -EINVAL, "bad manifest: expected an object" },
		{ "{}", -EINVAL, "bad manifest: config: missing" },
		{ "{\"config\":" CONFIG "}", -EINVAL, "layers: missing" },
		{ "{\"config\":{},\"layers\":[]}", -EINVAL, "config.digest: missing" },
		{ "{\"config\":" CONFIG ",\"layers\":{}}", -EINVAL, "layers: expected an array" },
		{ "{\"config\":" CONFIG ",\"layers\":[" LAYER ",{\"digest\":\"" DIGEST "\"}]}", -EINVAL,
		  "layers[1].size: missing" },
		{ "{\"config\":" CONFIG ",\"layers\":[{\"digest\":\"" DIGEST "\",\"size\":-1}]}", -EINVAL,
		  "layers[0].size: expected a non-negative integer" },
		{ "{\"config\":" CONFIG ",\"layers\":[{\"digest\":\"" DIGEST "\",\"size\":1.5}]}", -EINVAL,
		  "layers[0].size: expected a non-negative integer" },
		{ "{\"config\":" CONFIG ",\"layers\":[{\"digest\":\"" DIGEST "\",\"size\":\"7\"}]}", -EINVAL,
		  "layers[0].size: expected a non-negative integer" },
		{ "{\"config\":" CONFIG ",\"layers\":[{\"digest\":\"" DIGEST
		  "\",\"size\":9223372036854775807}]}",
		  -EFBIG, "layers[0].size: 9223372036854775807 bytes are more than any blob may have" },
		{ "{\"config\":" CONFIG ",\"layers\":[{\"digest\":\"" DIGEST
		  "\",\"size\":99999999999999999999}]}",
		  -ERANGE, "layers[0].size: is larger than" },
		{ "{\"config\":{\"digest\":\"" DIGEST "\",\"size\":8388609},\"layers\":[]}", -EFBIG,
		  "config.size: 8388609 is over the limit" },
		{ "{\"config\":" CONFIG ",\"layers\":[{\"digest\":\"sha256:../../etc/passwd\",\"size\":1}]}",
		  -EINVAL, "layers[0].digest: bad digest" },
		{ "{\"config\":" CONFIG ",\"layers\":[{\"digest\":\"md5:00\",\"size\":1}]}", -EOPNOTSUPP,
		  "layers[0].digest: digest 'md5:00' is of an unknown algorithm" },
		{ "{\"schemaVersion\":3,\"config\":" CONFIG ",\"layers\":[]}", -EOPNOTSUPP,
		  "schemaVersion: 3 is not supported" },
		{ "{\"schemaVersion\":1,\"fsLayers\":[],\"history\":[]}", -EOPNOTSUPP, "Docker schema 1" },
		{ "{\"schemaVersion\":1,\"config\":" CONFIG ",\"layers\":[]}", -EOPNOTSUPP,
		  "Docker schema 1" },
		{ "{\"config\":" CONFIG ",\"layers\":[],\"layers\":[" LAYER "]}", -EINVAL,
		  "the key 'layers' twice" },
		/* CVE-2021-41190 */
		{ "{\"config\":" CONFIG ",\"layers\":[],\"manifests\":[]}", -EINVAL,
		  "a manifest with 'manifests' is ambiguous" },
		{ "{\"mediaType\":\"" OCI "index.v1+json\",\"config\":" CONFIG ",\"layers\":[]}", -EINVAL,
		  "mediaType: '" OCI "index.v1+json' is not that of a manifest" },
		{ "{\"mediaType\":\"text/html\",\"config\":" CONFIG ",\"layers\":[]}", -EINVAL,
		  "mediaType: 'text/html' is not that of a manifest" },
		{ "{\"config\":" CONFIG ",\"layers\":[],\"annotations\":{\"a\":1}}", -EINVAL,
		  "annotations.a: expected a string" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct manifest m = { 0 };
		struct err e = { 0 };
		int r = manifest_decode(BAD[i].text, strlen(BAD[i].text), &m, &e);

		if (r != BAD[i].code || !strstr(e.text, BAD[i].reason))
			fail_msg("'%s': %d '%s' instead of %d '%s'", BAD[i].text, r, e.text, BAD[i].code,
				 BAD[i].reason);
		assert_null(m.layers);
	}
}

static void counts_and_sizes_have_limits(void **state)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES + 4096);
	struct manifest m = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(buf_add_str(&text, "{\"config\":" CONFIG ",\"layers\":["), 0);
	for (int i = 0; i < MANIFEST_MAX_LAYERS; i++)
		assert_int_equal(buf_add_str(&text, LAYER ","), 0);
	assert_int_equal(buf_add_str(&text, LAYER "]}"), 0);
	assert_int_equal(manifest_decode(text.data, text.len, &m, &e), -EFBIG);
	assert_string_equal(e.text, "bad manifest: layers: has more than 1024 entries");

	while (text.len <= MANIFEST_MAX_BYTES)
		assert_int_equal(buf_add_char(&text, ' '), 0);
	assert_int_equal(manifest_decode(text.data, text.len, &m, &e), -EFBIG);
	assert_string_equal(e.text, "bad manifest: json is larger than 4194304 bytes");

	buf_clear(&text);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buf_add_char(&text, '['), 0);
	assert_int_equal(manifest_decode(text.data, text.len, &m, &e), -EFBIG);
	assert_string_equal(e.text, "bad manifest: json is nested deeper than 16 levels");
}

/* The platform names, and what becomes of them. */
static void an_index_is_read_in_full(void **state)
{
	static const char TEXT[] = "{\"schemaVersion\":2" TYPE(OCI "index.v1+json") ",\"manifests\":[" DESC(TYPE(OCI "manifest.v1+json") PLATFORM(
		"linux", "arm64",
		",\"variant\":\"v8\"")) "," DESC(TYPE(OCI
						      "index.v1+json") ",\"annotations\":{\"k\":"
								       "\"v\"}") "," DESC(TYPE(OCI "manif"
												   "est."
												   "v1+"
												   "json")
												  PLATFORM(
													  "a-"
													  "ve"
													  "ry"
													  "-l"
													  "on"
													  "g-"
													  "na"
													  "me"
													  "-t"
													  "ha"
													  "t-"
													  "do"
													  "es"
													  "-n"
													  "ot"
													  "-f"
													  "it"
													  "-i"
													  "nt"
													  "o-"
													  "th"
													  "e-"
													  "fi"
													  "el"
													  "d",
													  "x",
													  "") ",\"artifactType\":\"application/x\"") "]}";
	cleanup_image_index struct image_index index = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(image_index_decode(TEXT, strlen(TEXT), &index, &e), 0);
	assert_int_equal(index.manifests_len, 3);
	assert_true(index.manifests[0].has_platform);
	assert_string_equal(index.manifests[0].platform.architecture, "arm64");
	assert_string_equal(index.manifests[0].platform.variant, ""); /* normalised */
	assert_false(index.manifests[1].has_platform);
	assert_int_equal(media_kind_of(index.manifests[1].media_type), MEDIA_INDEX);
	assert_string_equal(index.manifests[1].annotations.items[0], "k=v");
	assert_string_equal(index.manifests[2].artifact_type, "application/x");
}

static void bad_indexes_are_refused(void **state)
{
	static const struct {
		const char *text, *reason;
	} BAD[] = {
		{ "{}", "bad index: manifests: missing" },
		{ "{\"manifests\":[],\"layers\":[]}", "an index with 'layers' is ambiguous" },
		{ "{\"manifests\":[],\"config\":{}}", "an index with 'config' is ambiguous" },
		{ MANIFEST, "an index with 'layers' is ambiguous" },
		{ "{\"mediaType\":\"" OCI "manifest.v1+json\",\"manifests\":[]}", "is not that of an index" },
		{ "{\"manifests\":[{\"digest\":\"" DIGEST "\",\"size\":1,\"platform\":{\"os\":1}}]}",
		  "manifests[0].platform.os: expected a string" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct image_index index = { 0 };
		struct err e = { 0 };

		assert_int_equal(image_index_decode(BAD[i].text, strlen(BAD[i].text), &index, &e), -EINVAL);
		if (!strstr(e.text, BAD[i].reason))
			fail_msg("'%s': '%s' does not say '%s'", BAD[i].text, e.text, BAD[i].reason);
	}
}

static void the_kind_of_a_document_is_found_out(void **state)
{
	static const struct {
		const char *text, *content_type;
		enum media_kind kind;
	} CASES[] = {
		{ MANIFEST, NULL, MEDIA_MANIFEST },
		{ MANIFEST, OCI "manifest.v1+json; charset=utf-8", MEDIA_MANIFEST },
		{ MANIFEST, "text/plain", MEDIA_MANIFEST },
		{ "{\"manifests\":[]}", NULL, MEDIA_INDEX },
		{ "{\"manifests\":[]}", "application/json", MEDIA_INDEX },
		{ "{\"manifests\":[]}", OCI "index.v1+json", MEDIA_INDEX },
		{ "{\"layers\":[]}", NULL, MEDIA_MANIFEST },
		{ "{\"fsLayers\":[]}", NULL, MEDIA_MANIFEST_V1 },
		{ "{\"fsLayers\":[]}", DOCKER "v1+prettyjws", MEDIA_MANIFEST_V1 },
		{ "{\"mediaType\":\"application/vnd.oci.artifact.manifest.v1+json\"}", NULL, MEDIA_UNKNOWN },
		{ "{}", NULL, MEDIA_UNKNOWN },
	};
	enum media_kind kind;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		assert_int_equal(document_kind(CASES[i].text, strlen(CASES[i].text), CASES[i].content_type,
					       &kind, &e),
				 0);
		assert_int_equal(kind, CASES[i].kind);
	}
	assert_int_equal(document_kind(MANIFEST, strlen(MANIFEST), OCI "index.v1+json", &kind, &e), -EINVAL);
	assert_non_null(strstr(e.text, "does not match the content type '" OCI "index.v1+json'"));
	assert_int_equal(document_kind("<html>", 6, "text/html", &kind, &e), -EINVAL);
	assert_int_equal(document_kind("3", 1, NULL, &kind, &e), -EINVAL);
	assert_int_equal(document_kind("{\"mediaType\":3}", 15, NULL, &kind, &e), -EINVAL);
}

/* --- choosing --- */

#define MAN(os, arch, rest) DESC(TYPE(OCI "manifest.v1+json") PLATFORM(os, arch, rest))
#define ATTESTATION                                 \
	DESC(TYPE(OCI "manifest.v1+json") PLATFORM( \
		"unknown", "unknown",               \
		"") ",\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\"}")

static int choose(const char *manifests, const struct machine *machine, size_t *ret, struct err *e)
{
	cleanup_image_index struct image_index index = { 0 };
	cleanup_buf struct buf text = BUF_INIT(65536);
	struct platform_list list;

	assert_int_equal(buf_printf(&text, "{\"manifests\":[%s]}", manifests), 0);
	assert_int_equal(image_index_decode(text.data, text.len, &index, e), 0);
	platform_list_for_machine(machine, &list);
	return image_index_choose(&index, &list, ret, e);
}

static void the_best_platform_is_chosen(void **state)
{
	static const struct machine AMD64 = { .cpu = MACHINE_AMD64, .amd64_level = 3 };
	static const struct machine AMD64_V1 = { .cpu = MACHINE_AMD64, .amd64_level = 1 };
	static const struct machine ARM64 = { .cpu = MACHINE_ARM64 };
	static const struct machine ARM64_32 = { .cpu = MACHINE_ARM64, .aarch32 = true };
	static const struct machine ARMV6 = { .cpu = MACHINE_ARM, .arm_version = 6 };
	static const struct {
		const struct machine *machine;
		size_t expected;
		const char *manifests;
	} CASES[] = {
		{ &AMD64, 1, MAN("linux", "arm64", "") "," MAN("linux", "amd64", "") },
		{ &ARM64, 0, MAN("linux", "arm64", "") "," MAN("linux", "amd64", "") },
		{ &ARM64, 1, MAN("windows", "arm64", "") "," MAN("linux", "arm64", ",\"variant\":\"v8\"") },
		{ &AMD64, 1,
		  MAN("linux", "amd64", "") "," MAN("linux", "amd64",
						    ",\"variant\":\"v2\"") "," MAN("linux", "amd64",
										   ",\"variant\":\"v4\"") },
		{ &AMD64_V1, 0, MAN("linux", "amd64", "") "," MAN("linux", "amd64", ",\"variant\":\"v2\"") },
		{ &AMD64, 1, MAN("linux", "arm64", "") "," MAN("linux", "386", "") },
		{ &ARM64_32, 2,
		  MAN("linux", "arm",
		      ",\"variant\":\"v5\"") "," MAN("linux", "arm",
						     ",\"variant\":\"v6\"") "," MAN("linux", "arm",
										    ",\"variant\":\"v7\"") },
		{ &ARMV6, 1,
		  MAN("linux", "arm",
		      ",\"variant\":\"v5\"") "," MAN("linux", "arm",
						     ",\"variant\":\"v6\"") "," MAN("linux", "arm", "") },
		/* the first of equals */
		{ &AMD64, 0, MAN("linux", "amd64", "") "," MAN("linux", "amd64", "") },
		/* attestations are no images */
		{ &AMD64, 1, ATTESTATION "," MAN("linux", "amd64", "") },
		{ &AMD64, 1,
		  DESC(TYPE(OCI "manifest.v1+json") PLATFORM(
			  "linux", "amd64",
			  "") ",\"annotations\":{\"vnd.docker.reference.type\":\"x\"}") "," MAN("linux",
												"amd64",
												"") },
		/* without a platform: nested indexes after all others, and the only image there is */
		{ &AMD64, 1, DESC(TYPE(OCI "index.v1+json")) "," MAN("linux", "386", "") },
		{ &AMD64, 1, MAN("linux", "arm64", "") "," DESC(TYPE(OCI "index.v1+json")) },
		{ &AMD64, 0, DESC(TYPE(OCI "manifest.v1+json")) },
		{ &AMD64, 1, ATTESTATION "," DESC(TYPE(OCI "manifest.v1+json")) },
		{ &AMD64, 0, DESC("") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct err e = { 0 };
		size_t position;

		if (choose(CASES[i].manifests, CASES[i].machine, &position, &e) != 0)
			fail_msg("case %zu: %s", i, e.text);
		if (position != CASES[i].expected)
			fail_msg("case %zu: chose %zu", i, position);
	}
}

static void what_there_is_instead_is_listed(void **state)
{
	static const struct machine ARM64 = { .cpu = MACHINE_ARM64 };
	struct err e;
	size_t position;

	(void)state;
	assert_int_equal(choose(MAN("linux", "amd64", "") "," MAN("linux", "arm", "") "," ATTESTATION, &ARM64,
				&position, &e),
			 -ENODATA);
	assert_string_equal(e.text, "no image for linux/arm64; there is: linux/amd64, linux/arm/v7");
	assert_int_equal(choose(ATTESTATION, &ARM64, &position, &e), -ENODATA);
	assert_string_equal(e.text, "no image for linux/arm64; there is none at all");
	assert_int_equal(choose("", &ARM64, &position, &e), -ENODATA);
	/* two that say nothing are not guessed between; an artifact is no image */
	assert_int_equal(choose(DESC("") "," DESC(""), &ARM64, &position, &e), -ENODATA);
	assert_string_equal(e.text, "no image for linux/arm64; there is: (no platform)");
	assert_int_equal(choose(DESC(TYPE("application/wasm")), &ARM64, &position, &e), -ENODATA);
}

static void a_long_list_of_platforms_is_cut(void **state)
{
	static const struct machine ARM64 = { .cpu = MACHINE_ARM64 };
	cleanup_buf struct buf text = BUF_INIT(65536);
	struct err e;
	size_t position;

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(buf_printf(&text,
					    "%s{\"digest\":\"" DIGEST
					    "\",\"size\":1,\"platform\":{\"os\":\"linux\","
					    "\"architecture\":\"cpu%d\"}}",
					    i ? "," : "", i),
				 0);
	assert_int_equal(choose(text.data, &ARM64, &position, &e), -ENODATA);
	assert_non_null(strstr(e.text, "there is: linux/cpu0, linux/cpu1, linux/cpu2"));
	assert_true(strlen(e.text) < 400);
}

static void descriptors_are_copied_and_written(void **state)
{
	static const char INDEX[] = "{\"manifests\":[" DESC(TYPE(
		OCI "manifest.v1+json") PLATFORM("linux", "arm",
						 ",\"variant\":\"v6\",\"os.version\":\"6.1\",\"os.features\":"
						 "[\"a\",\"b\"]") ",\"annotations\":{\"k\":\"v\"},"
								  "\"artifactType\":\"a/b\"") "]}";
	cleanup_image_index struct image_index index = { 0 };
	cleanup_json_out struct json_out *out = json_out_new(false, 4096);
	struct descriptor copy;
	const char *text;
	struct err e;
	size_t len;

	(void)state;
	assert_int_equal(image_index_decode(INDEX, strlen(INDEX), &index, &e), 0);
	assert_int_equal(descriptor_copy(&index.manifests[0], &copy, &e), 0);
	image_index_done(&index);
	assert_string_equal(copy.media_type, OCI "manifest.v1+json");
	assert_int_equal(descriptor_set_media_type(&copy, OCI "other.v1+json", &e), 0);
	descriptor_write(out, NULL, &copy);
	descriptor_done(&copy);
	assert_int_equal(json_out_finish(out, &text, &len, &e), 0);
	assert_string_equal(text,
			    "{\"mediaType\":\"" OCI "other.v1+json\",\"digest\":\"" DIGEST "\",\"size\":7,"
			    "\"platform\":{\"architecture\":\"arm\",\"os\":\"linux\",\"os.version\":\"6.1\","
			    "\"os.features\":[\"a\",\"b\"],\"variant\":\"v6\"},"
			    "\"annotations\":{\"k\":\"v\"},\"artifactType\":\"a/b\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(media_types_are_known_by_kind),
		cmocka_unit_test(a_manifest_is_read_in_full),
		cmocka_unit_test(the_same_layer_may_come_twice),
		cmocka_unit_test(bad_manifests_are_refused_with_the_place),
		cmocka_unit_test(counts_and_sizes_have_limits),
		cmocka_unit_test(an_index_is_read_in_full),
		cmocka_unit_test(bad_indexes_are_refused),
		cmocka_unit_test(the_kind_of_a_document_is_found_out),
		cmocka_unit_test(the_best_platform_is_chosen),
		cmocka_unit_test(what_there_is_instead_is_listed),
		cmocka_unit_test(a_long_list_of_platforms_is_cut),
		cmocka_unit_test(descriptors_are_copied_and_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
