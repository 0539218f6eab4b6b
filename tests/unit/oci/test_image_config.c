/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/image_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "oci/descriptor.h"

#define HEX64  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX64
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIGEST "\"]}"

static void everything_in_a_config_is_read(void **state)
{
	static const char TEXT[] =
		"{\"created\":\"2024-01-01T00:00:00Z\",\"author\":\"me\",\"os\":\"linux\",\"architecture\":"
		"\"aarch64\","
		"\"variant\":\"v8\",\"config\":{\"User\":\"1000:100\",\"WorkingDir\":\"/"
		"srv\",\"StopSignal\":\"SIGINT\","
		"\"Env\":[\"PATH=/bin\",\"A=b=c\"],\"Entrypoint\":[\"/"
		"init\",\"-x\"],\"Cmd\":[\"sh\"],\"Shell\":[\"/bin/bash\","
		"\"-c\"],\"OnBuild\":[\"RUN "
		"true\"],\"ArgsEscaped\":true,\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}},"
		"\"Volumes\":{\"/"
		"data\":{}},\"Labels\":{\"a\":\"b=c\"},\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"true\"],"
		"\"Interval\":30000000000,\"Timeout\":1,\"StartPeriod\":2,\"StartInterval\":3,\"Retries\":4},"
		"\"Image\":\"ignored\",\"Hostname\":\"\"}," ROOTFS
		",\"history\":[{\"created\":\"x\",\"created_by\":\"RUN\","
		"\"author\":\"a\",\"comment\":\"c\"},{\"empty_layer\":true}]}";
	cleanup_image_config struct image_config c = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(image_config_decode(TEXT, strlen(TEXT), &c, &e), 0);
	assert_string_equal(c.created, "2024-01-01T00:00:00Z");
	assert_string_equal(c.author, "me");
	assert_string_equal(c.platform.os, "linux");
	assert_string_equal(c.platform.architecture, "arm64"); /* normalised */
	assert_string_equal(c.platform.variant, "");
	assert_string_equal(c.user, "1000:100");
	assert_string_equal(c.working_dir, "/srv");
	assert_string_equal(c.stop_signal, "SIGINT");
	assert_string_equal(strvec_get_env(&c.env, "A"), "b=c");
	assert_int_equal(c.entrypoint.len, 2);
	assert_string_equal(c.cmd.items[0], "sh");
	assert_string_equal(c.shell.items[1], "-c");
	assert_string_equal(c.on_build.items[0], "RUN true");
	assert_true(c.args_escaped);
	assert_true(strvec_has(&c.exposed_ports, "53/udp"));
	assert_string_equal(c.volumes.items[0], "/data");
	assert_string_equal(c.labels.items[0], "a=b=c");
	assert_string_equal(c.healthcheck->test.items[1], "true");
	assert_int_equal(c.healthcheck->interval_ns, 30000000000);
	assert_int_equal(c.healthcheck->retries, 4);
	assert_int_equal(c.diff_ids_len, 1);
	assert_string_equal(c.diff_ids[0].text, DIGEST);
	assert_int_equal(c.history_len, 2);
	assert_string_equal(c.history[0].created_by, "RUN");
	assert_true(c.history[1].empty_layer);
}

static void a_config_may_say_next_to_nothing(void **state)
{
	static const char TEXT[] =
		"{\"architecture\":\"amd64\",\"config\":{\"Cmd\":null,\"Env\":null,\"Labels\":null},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}";
	cleanup_image_config struct image_config c = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(image_config_decode(TEXT, strlen(TEXT), &c, &e), 0);
	assert_string_equal(c.platform.os, "linux");
	assert_int_equal(c.diff_ids_len, 0);
	assert_int_equal(c.cmd.len, 0);
	assert_null(c.healthcheck);
	assert_null(c.user);
}

static void a_command_may_be_one_string(void **state)
{
	static const char TEXT[] = "{\"config\":{\"Cmd\":\"top\",\"Entrypoint\":\"/init\"}," ROOTFS "}";
	cleanup_image_config struct image_config c = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(image_config_decode(TEXT, strlen(TEXT), &c, &e), 0);
	assert_int_equal(c.cmd.len, 1);
	assert_string_equal(c.cmd.items[0], "top");
	assert_string_equal(c.entrypoint.items[0], "/init");
}

static void bad_configs_are_refused_with_the_place(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *reason;
	} BAD[] = {
		{ "", -EINVAL, "bad image config: json is malformed" },
		{ "[]", -EINVAL, "bad image config: expected an object" },
		{ "{}", -EINVAL, "rootfs: missing" },
		{ "{\"rootfs\":{\"diff_ids\":[]}}", -EINVAL, "rootfs.type: missing" },
		{ "{\"rootfs\":{\"type\":\"layers\"}}", -EINVAL, "rootfs.diff_ids: missing" },
		{ "{\"rootfs\":{\"type\":\"zip\",\"diff_ids\":[]}}", -EINVAL,
		  "rootfs.type: unknown value 'zip'" },
		{ "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":{}}}", -EINVAL,
		  "rootfs.diff_ids: expected an array" },
		{ "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIGEST "\",\"sha256:0\"]}}", -EINVAL,
		  "rootfs.diff_ids[1]: bad digest" },
		{ "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[1]}}", -EINVAL,
		  "rootfs.diff_ids[0]: expected a string" },
		{ "{\"config\":{\"Env\":\"A=b\"}," ROOTFS "}", -EINVAL,
		  "config.Env: expected an array of strings" },
		{ "{\"config\":{\"Env\":[\"A=\\u0000\"]}," ROOTFS "}", -EINVAL,
		  "config.Env[0]: has a NUL byte" },
		{ "{\"config\":{\"Cmd\":[1]}," ROOTFS "}", -EINVAL, "config.Cmd[0]: expected a string" },
		{ "{\"config\":[]," ROOTFS "}", -EINVAL, "config: expected an object" },
		{ "{\"config\":{\"Volumes\":[]}," ROOTFS "}", -EINVAL, "config.Volumes: expected an object" },
		{ "{\"config\":{\"Healthcheck\":{\"Retries\":\"x\"}}," ROOTFS "}", -EINVAL,
		  "config.Healthcheck.Retries: expected an integer" },
		{ "{\"history\":[{},{\"empty_layer\":1}]," ROOTFS "}", -EINVAL,
		  "history[1].empty_layer: expected true or false" },
		{ "{\"os\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"," ROOTFS "}", -EINVAL,
		  "os: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...' is no platform" },
		{ "{\"os\":\"linux\",\"os\":\"linux\"," ROOTFS "}", -EINVAL, "the key 'os' twice" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct image_config c = { 0 };
		struct err e = { 0 };
		int r = image_config_decode(BAD[i].text, strlen(BAD[i].text), &c, &e);

		if (r != BAD[i].code || !strstr(e.text, BAD[i].reason))
			fail_msg("'%s': %d '%s' instead of %d '%s'", BAD[i].text, r, e.text, BAD[i].code,
				 BAD[i].reason);
		assert_null(c.diff_ids);
	}
}

static void limits_come_first(void **state)
{
	cleanup_buf struct buf text = BUF_INIT(CONFIG_MAX_BYTES + 64);
	struct image_config c = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(buf_add_str(&text, "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIGEST "\""),
			 0);
	for (int i = 0; i < MANIFEST_MAX_LAYERS; i++)
		assert_int_equal(buf_add_str(&text, ",\"" DIGEST "\""), 0);
	assert_int_equal(buf_add_str(&text, "]}}"), 0);
	assert_int_equal(image_config_decode(text.data, text.len, &c, &e), -EFBIG);
	assert_string_equal(e.text, "bad image config: rootfs.diff_ids: has more than 1024 entries");

	while (text.len <= CONFIG_MAX_BYTES)
		assert_int_equal(buf_add_str(&text, "                "), 0);
	assert_int_equal(image_config_decode(text.data, text.len, &c, &e), -EFBIG);
	assert_string_equal(e.text, "bad image config: json is larger than 8388608 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_in_a_config_is_read),
		cmocka_unit_test(a_config_may_say_next_to_nothing),
		cmocka_unit_test(a_command_may_be_one_string),
		cmocka_unit_test(bad_configs_are_refused_with_the_place),
		cmocka_unit_test(limits_come_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
