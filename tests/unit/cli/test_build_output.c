/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_output.h"

#include "tests/unit/cli/build_flags_test.h"

static struct build_outputs outputs_of(const char *const *args)
{
	cleanup_build_flags struct build_flags f = build_flags_of(args);
	struct build_outputs o = { 0 };
	struct err e = { 0 };

	if (build_outputs_read(&f, &o, &e) < 0)
		fail_msg("%s", e.text);
	return o;
}
#define OUTPUTS(...) outputs_of((const char *const[]){ __VA_ARGS__, NULL })

static void assert_refused(const char *const *args, const char *message)
{
	cleanup_build_flags struct build_flags f = build_flags_of(args);
	cleanup_build_outputs struct build_outputs o = { 0 };
	struct err e = { 0 };

	assert_int_equal(build_outputs_read(&f, &o, &e), -EINVAL);
	assert_string_equal(e.text, message);
}
#define REFUSED(message, ...) assert_refused((const char *const[]){ __VA_ARGS__, NULL }, message)

#define OUTPUT_REFUSED(text, why) \
	REFUSED("invalid argument \"" text "\" for \"-o, --output\" flag: " why, "-o", text)

static void without_an_output_an_image_stays_in_the_store(void **state)
{
	cleanup_build_outputs struct build_outputs o = OUTPUTS("-t", "a");

	(void)state;
	assert_true(o.keeps && o.makes);
	assert_false(o.push);
	assert_int_equal(o.len, 0);
	assert_int_equal(o.names.len, 1);
	assert_string_equal(o.names.items[0], "docker.io/library/a:latest");
}

static void names_are_canonical_and_are_there_once(void **state)
{
	cleanup_build_outputs struct build_outputs o =
		OUTPUTS("-t", "a", "-t", "docker.io/a:latest", "-o", "type=image,\"name=b:1,localhost/c\"");

	(void)state;
	assert_int_equal(o.names.len, 3);
	assert_string_equal(o.names.items[1], "docker.io/library/b:1");
	assert_string_equal(o.names.items[2], "localhost/c:latest");
}

static void a_directory_and_a_dash_are_short_for_files_and_a_tar(void **state)
{
	cleanup_build_outputs struct build_outputs o =
		OUTPUTS("-o", "out/dir", "-o", "-", "-o", "type=tar,dest=x.tar");

	(void)state;
	assert_int_equal(o.len, 3);
	assert_int_equal(o.items[0].kind, BUILD_OUTPUT_LOCAL);
	assert_string_equal(o.items[0].dest, "out/dir");
	assert_int_equal(o.items[1].kind, BUILD_OUTPUT_TAR);
	assert_string_equal(o.items[1].dest, "-");
	assert_string_equal(o.items[2].dest, "x.tar");
	assert_false(o.keeps || o.makes);
}

static void load_keeps_the_image_beside_other_outputs(void **state)
{
	cleanup_build_outputs struct build_outputs o = OUTPUTS("-o", "out", "--load");

	(void)state;
	assert_true(o.keeps && o.makes);
	assert_int_equal(o.len, 1);
}

static void archives_make_an_image_that_does_not_stay(void **state)
{
	cleanup_build_outputs struct build_outputs o =
		OUTPUTS("-o", "type=oci,dest=a.tar", "-o", "type=oci,dest=dir,tar=false", "-o",
			"type=docker,dest=-");

	(void)state;
	assert_true(o.makes);
	assert_false(o.keeps);
	assert_int_equal(o.items[0].kind, BUILD_OUTPUT_OCI);
	assert_false(o.items[0].no_tar);
	assert_true(o.items[1].no_tar);
	assert_int_equal(o.items[2].kind, BUILD_OUTPUT_DOCKER);
}

static void docker_without_a_destination_is_the_store(void **state)
{
	cleanup_build_outputs struct build_outputs o = OUTPUTS("-o", "type=docker");

	(void)state;
	assert_true(o.keeps && o.makes);
	assert_int_equal(o.items[0].kind, BUILD_OUTPUT_IMAGE);
}

static void registries_are_pushed_to(void **state)
{
	cleanup_build_outputs struct build_outputs a = OUTPUTS("-t", "a", "--push");
	cleanup_build_outputs struct build_outputs b = OUTPUTS("-o", "type=registry,name=a");
	cleanup_build_outputs struct build_outputs c = OUTPUTS("-o", "type=image,name=a,push=true");
	cleanup_build_outputs struct build_outputs d = OUTPUTS("-o", "type=image,name=a,push=false");

	(void)state;
	assert_true(a.push && b.push && c.push);
	assert_false(d.push);
	REFUSED("tag is needed when pushing to registry", "--push");
	REFUSED("tag is needed when pushing to registry", "-o", "type=registry");
}

static void compression_has_a_type_and_a_level(void **state)
{
	cleanup_build_outputs struct build_outputs o =
		OUTPUTS("-o", "type=image,compression=zstd,compression-level=7,force-compression=true");
	cleanup_build_outputs struct build_outputs none =
		OUTPUTS("-o", "type=image,compression=uncompressed");

	(void)state;
	assert_true(o.has_compression && none.has_compression);
	OUTPUT_REFUSED("type=image,compression-level=x",
		       "non-integer value \"x\" specified for compression-level");
}

static void annotations_are_the_manifests_or_the_indexs(void **state)
{
	cleanup_build_outputs struct build_outputs o =
		OUTPUTS("--annotation", "a=b=c", "--annotation", "index:i=1", "--annotation", "manifest:m=2",
			"--annotation", "other:x=y", "-o", "type=image,annotation.o=3", "--annotation",
			"a=d");

	(void)state;
	assert_int_equal(o.annotations.len, 4);
	assert_string_equal(o.annotations.items[0], "a=d"); /* the last one wins */
	assert_string_equal(o.annotations.items[1], "m=2");
	assert_string_equal(o.annotations.items[2], "other:x=y");
	assert_string_equal(o.annotations.items[3], "o=3");
	assert_int_equal(o.index_annotations.len, 1);
	assert_string_equal(o.index_annotations.items[0], "i=1");
	REFUSED("invalid annotation \"a\", expected key=value", "--annotation", "a");
	REFUSED("invalid annotation \"=a\", expected key=value", "--annotation", "=a");
}

static void what_is_no_output_is_refused_in_dockers_words(void **state)
{
	(void)state;
	OUTPUT_REFUSED("type=local", "dest is required for local exporter");
	OUTPUT_REFUSED("type=tar,dest=", "dest is required for tar exporter");
	OUTPUT_REFUSED("type=other,dest=x", "unknown exporter: other");
	OUTPUT_REFUSED("dest=x", "type is required for output");
	OUTPUT_REFUSED("type=local,dest=x,y", "invalid value y");
	OUTPUT_REFUSED("type=local,dest=x,nope=1", "unknown key 'nope'");
	OUTPUT_REFUSED("type=image,push=perhaps", "non-bool value \"perhaps\" specified for push");
	REFUSED("invalid tag \"A\": invalid reference 'A': bad reference 'A': the repository name must be in "
		"lower case",
		"-t", "A");
}

static void more_outputs_than_there_is_room_for_are_refused(void **state)
{
	cleanup_build_outputs struct build_outputs o = { 0 };
	struct build_flags f = { 0 };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i <= BUILD_OUTPUTS_MAX; i++)
		assert_int_equal(strvec_add(&f.outputs, "out"), 0);
	assert_int_equal(build_outputs_read(&f, &o, &e), -EFBIG);
	assert_string_equal(e.text,
			    "invalid argument \"out\" for \"-o, --output\" flag: more than 16 outputs");
	build_flags_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_an_output_an_image_stays_in_the_store),
		cmocka_unit_test(names_are_canonical_and_are_there_once),
		cmocka_unit_test(a_directory_and_a_dash_are_short_for_files_and_a_tar),
		cmocka_unit_test(load_keeps_the_image_beside_other_outputs),
		cmocka_unit_test(archives_make_an_image_that_does_not_stay),
		cmocka_unit_test(docker_without_a_destination_is_the_store),
		cmocka_unit_test(registries_are_pushed_to),
		cmocka_unit_test(compression_has_a_type_and_a_level),
		cmocka_unit_test(annotations_are_the_manifests_or_the_indexs),
		cmocka_unit_test(what_is_no_output_is_refused_in_dockers_words),
		cmocka_unit_test(more_outputs_than_there_is_room_for_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
