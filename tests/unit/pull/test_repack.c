/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/repack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "pull/encoder.h"
#include "pull/hash.h"

static struct digest digest_of(char digit)
{
	struct digest d = { .text = "sha256:" };

	memset(d.text + 7, digit, 64);
	return d;
}

static void a_config_keeps_all_but_its_diff_ids(void **state)
{
	static const char OLD[] =
		"{\"x\":{\"diff_ids\":[1]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[ \"sha256:"
		"old\" ],\"z\":1},\"history\":[{\"created_by\":\"a\\\"b\"}]}";
	cleanup_buf struct buf out = BUF_INIT(4096);
	struct digest ids[] = { digest_of('1'), digest_of('2') };
	char wanted[512];
	struct err e;

	(void)state;
	assert_int_equal(repack_config(OLD, strlen(OLD), ids, 2, &out, &e), 0);
	(void)snprintf(
		wanted, sizeof(wanted),
		"{\"x\":{\"diff_ids\":[1]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\",\"%s\"],"
		"\"z\":1},\"history\":[{\"created_by\":\"a\\\"b\"}]}",
		ids[0].text, ids[1].text);
	assert_string_equal(out.data, wanted);
}

static void a_config_without_diff_ids_is_refused(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(4096);
	struct err e;

	(void)state;
	assert_int_equal(repack_config("{\"rootfs\":{}}", 13, NULL, 0, &out, &e), -EINVAL);
	assert_string_equal(e.text, "the config has no list of layers");
}

static void a_manifest_keeps_its_annotations_and_gets_other_layers(void **state)
{
	static const char OLD[] =
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/"
		"vnd.oci.image.config.v1+json\",\"digest\":"
		"\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\"size\":1},"
		"\"layers\":"
		"[{\"digest\":\"sha256:1111111111111111111111111111111111111111111111111111111111111111\","
		"\"size\":2,"
		"\"annotations\":{\"l\":\"m\"}}],\"annotations\":{\"a\":\"b\"}}";
	cleanup_buf struct buf out = BUF_INIT(4096);
	cleanup_manifest struct manifest m = { 0 }, again = { 0 };
	struct descriptor config, layer;
	struct err e;

	(void)state;
	assert_int_equal(manifest_decode(OLD, strlen(OLD), &m, &e), 0);
	assert_false(repack_is_docker(&m));
	config = m.config;
	config.digest = digest_of('a');
	layer = m.layers[0];
	layer.digest = digest_of('b');
	layer.size_bytes = 77;
	assert_int_equal(repack_manifest(&m, true, &config, &layer, &out, &e), 0);
	assert_int_equal(manifest_decode(out.data, out.len, &again, &e), 0);
	assert_string_equal(again.media_type, "application/vnd.docker.distribution.manifest.v2+json");
	assert_true(repack_is_docker(&again));
	assert_string_equal(again.config.digest.text, config.digest.text);
	assert_int_equal(again.layers_len, 1);
	assert_string_equal(again.layers[0].digest.text, layer.digest.text);
	assert_int_equal(again.layers[0].size_bytes, 77);
	assert_string_equal(strvec_get_env(&again.layers[0].annotations, "l"), "m");
	assert_string_equal(strvec_get_env(&again.annotations, "a"), "b");
}

static void compressions_are_read_with_their_levels(void **state)
{
	struct compression c;
	struct err e;

	(void)state;
	assert_int_equal(compression_parse("gzip", &c, &e), 0);
	assert_int_equal(c.kind, COMPRESSION_GZIP);
	assert_int_equal(c.level, COMPRESSION_LEVEL_DEFAULT);
	assert_int_equal(compression_parse("zstd:19", &c, &e), 0);
	assert_int_equal(c.kind, COMPRESSION_ZSTD);
	assert_int_equal(c.level, 19);
	assert_int_equal(compression_parse("none", &c, &e), 0);
	assert_int_equal(c.kind, COMPRESSION_NONE);
}

static void a_compression_that_there_is_not_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
		int code;
	} BAD[] = {
		{ "", "unknown compression '' (there are gzip, zstd and none, with a level: zstd:19)",
		  -EINVAL },
		{ "gz", "unknown compression 'gz' (there are gzip, zstd and none, with a level: zstd:19)",
		  -EINVAL },
		{ "gzip:x",
		  "unknown compression 'gzip:x' (there are gzip, zstd and none, with a level: zstd:19)",
		  -EINVAL },
		{ "gzip:10", "gzip has levels from 1 to 9", -ERANGE },
		{ "zstd:0", "zstd has levels from 1 to 20", -ERANGE },
		{ "none:1", "without compression there are no levels", -ERANGE },
	};
	struct compression c;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		assert_int_equal(compression_parse(BAD[i].text, &c, &e), BAD[i].code);
		assert_string_equal(e.text, BAD[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_config_keeps_all_but_its_diff_ids),
		cmocka_unit_test(a_config_without_diff_ids_is_refused),
		cmocka_unit_test(a_manifest_keeps_its_annotations_and_gets_other_layers),
		cmocka_unit_test(compressions_are_read_with_their_levels),
		cmocka_unit_test(a_compression_that_there_is_not_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
