/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "build/cache_place.h"
#include "common/cleanup.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"

static int parse(bool to, const char *text, struct build_cache_place *ret, struct err *e)
{
	*ret = (struct build_cache_place){ 0 };
	return build_cache_place_parse(text, to ? BUILD_CACHE_TO : BUILD_CACHE_FROM, ret, e);
}

static void a_text_without_an_equals_sign_is_a_reference(void **state)
{
	struct build_cache_place p;
	struct err e;

	(void)state;
	for (int to = 0; to < 2; to++) {
		assert_int_equal(parse(to, "user/app", &p, &e), 0);
		assert_int_equal(p.kind, BUILD_CACHE_REGISTRY);
		assert_string_equal(p.ref, "docker.io/user/app:latest");
		assert_false(p.is_max);
		build_cache_place_done(&p);
	}
}

static void each_type_has_its_fields(void **state)
{
	struct build_cache_place p;
	struct err e;

	(void)state;
	assert_int_equal(
		parse(true,
		      "type=registry,ref=localhost:5000/a:b,mode=max,ignore-error=true,oci-mediatypes=true",
		      &p, &e),
		0);
	assert_string_equal(p.ref, "localhost:5000/a:b");
	assert_true(p.is_max && p.ignore_error && !p.has_compression);
	build_cache_place_done(&p);
	assert_int_equal(parse(true, "type=local,\"dest=/a,b\",tag=x,compression=zstd,compression-level=7",
			       &p, &e),
			 0);
	assert_int_equal(p.kind, BUILD_CACHE_LOCAL);
	assert_string_equal(p.dir, "/a,b");
	assert_string_equal(p.tag, "x");
	assert_int_equal(p.compression.kind, COMPRESSION_ZSTD);
	assert_int_equal(p.compression.level, 7);
	build_cache_place_done(&p);
	assert_int_equal(parse(false, "type=local,src=dir,digest=" D1, &p, &e), 0);
	assert_string_equal(p.digest.text, D1);
	assert_null(p.tag);
	build_cache_place_done(&p);
	assert_int_equal(parse(true, "type=inline", &p, &e), 0);
	assert_int_equal(p.kind, BUILD_CACHE_INLINE);
	build_cache_place_done(&p);
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const struct {
		bool to;
		const char *text, *message;
	} cases[] = {
		{ true, "mode=max", "it has no type (there are registry, local and inline)" },
		{ false, "src=x", "it has no type (there are registry, local)" },
		{ true, "type=gha", "unsupported type 'gha' (there are registry, local and inline)" },
		{ false, "type=s3", "unsupported type 's3' (there are registry, local)" },
		{ false, "type=inline",
		  "a cache inside of an image is read from there: type=registry,ref=IMAGE" },
		{ true, "type=registry", "type=registry needs ref=HOST/NAME:TAG" },
		{ true, "type=registry,ref=a@" D1, "a cache is written to a tag, not to a digest" },
		{ true, "type=local", "type=local needs dest=DIR" },
		{ false, "type=local", "type=local needs src=DIR" },
		{ true, "type=local,dest=a:b", "the folder's path has a ':' in it" },
		{ true, "type=local,dest=a,tag=../x", "invalid tag '../x'" },
		{ true, "type=local,dest=a,tag=x@" D1, "invalid tag 'x@" D1 "'" },
		{ true, "type=local,src=a", "unexpected key 'src' in 'src=a'" },
		{ false, "type=local,src=a,mode=max", "unexpected key 'mode' in 'mode=max'" },
		{ true, "type=local,dest=a,mode=most", "unsupported mode 'most' (there are min and max)" },
		{ true, "type=inline,mode=max", "an image has no room for the layers of mode=max" },
		{ true, "type=inline,max", "invalid field 'max' must be a key=value pair" },
		{ true, "type=local,dest=a,compression=xz",
		  "unsupported compression 'xz' (there are gzip, zstd and uncompressed)" },
		{ true, "type=local,dest=a,compression-level=10", "invalid compression-level '10'" },
		{ true, "type=local,dest=a,ignore-error=perhaps", "invalid ignore-error 'perhaps'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct build_cache_place p;
		struct err e;

		assert_int_equal(parse(cases[i].to, cases[i].text, &p, &e), -EINVAL);
		assert_string_equal(e.text, cases[i].message);
		build_cache_place_done(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_without_an_equals_sign_is_a_reference),
		cmocka_unit_test(each_type_has_its_fields),
		cmocka_unit_test(what_makes_no_sense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
