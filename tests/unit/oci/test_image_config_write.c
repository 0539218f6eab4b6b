/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/image_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "common/cleanup.h"

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIGEST "\"]}"

/* What becomes of a configuration that is read and written. */
static void assert_written(const char *text, const char *expected)
{
	cleanup_image_config struct image_config c = { 0 };
	cleanup_buf struct buf out = BUF_INIT(65536);
	struct err e;

	if (image_config_decode(text, strlen(text), &c, &e) < 0 || image_config_write(&c, &out, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(out.len, strlen(expected));
	assert_memory_equal(out.data, expected, out.len);
}

static void everything_is_written_in_dockers_order(void **state)
{
	static const char TEXT[] =
		"{\"created\":\"2024-01-01T00:00:00Z\",\"author\":\"me\",\"architecture\":\"arm\","
		"\"variant\":\"v6\",\"os\":\"linux\","
		"\"os.version\":\"1\",\"os.features\":[\"f\"],"
		"\"config\":{\"User\":\"1000:100\",\"ExposedPorts\":{\"80/tcp\":{},\"53/"
		"udp\":{}},\"Env\":[\"PATH=/bin\",\"A=b=c\"],"
		"\"Entrypoint\":[\"/"
		"init\",\"-x\"],\"Cmd\":[\"sh\"],\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"true\"],"
		"\"Interval\":30000000000,\"Timeout\":1,\"StartPeriod\":2,\"StartInterval\":3,\"Retries\":4},"
		"\"ArgsEscaped\":true,"
		"\"Volumes\":{\"/data\":{}},\"WorkingDir\":\"/srv\",\"OnBuild\":[\"RUN "
		"true\"],\"Labels\":{\"a\":\"b=c\"},"
		"\"StopSignal\":\"SIGINT\",\"Shell\":[\"/bin/bash\",\"-c\"]}," ROOTFS
		",\"history\":[{\"created\":\"x\",\"created_by\":\"RUN\",\"author\":\"a\",\"comment\":\"c\"},"
		"{\"empty_layer\":true}]}";

	(void)state;
	assert_written(TEXT, TEXT);
}

static void what_is_not_there_is_left_out(void **state)
{
	(void)state;
	assert_written("{\"os\":\"linux\",\"architecture\":\"amd64\"," ROOTFS "}",
		       "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{}," ROOTFS
		       ",\"history\":[]}");
	assert_written("{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"Healthcheck\":{\"Test\":["
		       "\"NONE\"]}}," ROOTFS "}",
		       "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Healthcheck\":{\"Test\":["
		       "\"NONE\"]}}," ROOTFS ",\"history\":[]}");
}

static void what_does_not_fit_is_an_error(void **state)
{
	struct image_config c = { .platform = { .os = "linux", .architecture = "amd64" } };
	cleanup_buf struct buf small = BUF_INIT(16);
	struct err e;

	(void)state;
	assert_true(image_config_write(&c, &small, &e) < 0);
	assert_true(strncmp(e.text,
			    "cannot write an image config: ", strlen("cannot write an image config: ")) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_written_in_dockers_order),
		cmocka_unit_test(what_is_not_there_is_left_out),
		cmocka_unit_test(what_does_not_fit_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
