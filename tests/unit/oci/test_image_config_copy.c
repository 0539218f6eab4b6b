/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/image_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/cleanup.h"

#define DIFF_ID "sha256:0123456789012345678901234567890123456789012345678901234567890123"

static const char ALL[] =
	"{\"created\":\"2020-01-01T00:00:00Z\",\"author\":\"me\",\"os\":\"linux\",\"architecture\":\"arm\","
	"\"os.version\":\"1\",\"os.features\":[\"f\"],\"config\":{\"User\":\"u\",\"WorkingDir\":\"/w\","
	"\"StopSignal\":\"TERM\",\"Env\":[\"a=1\"],\"Entrypoint\":[\"e\"],\"Cmd\":[\"c\",\"d\"],\"Shell\":["
	"\"s\"],"
	"\"OnBuild\":[\"RUN "
	"x\"],\"ArgsEscaped\":true,\"ExposedPorts\":{\"80/tcp\":{}},\"Volumes\":{\"/v\":{}},"
	"\"Labels\":{\"k\":\"v\"},\"Healthcheck\":{\"Test\":[\"NONE\"],\"Interval\":5,\"Retries\":3}},"
	"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIFF_ID "\"]},"
	"\"history\":[{\"created_by\":\"x\",\"comment\":\"y\",\"empty_layer\":true}]}";

static void assert_one(const struct strvec *v, const char *item)
{
	assert_int_equal(v->len, 1);
	assert_string_equal(v->items[0], item);
}

static void assert_lists(const struct image_config *c)
{
	assert_one(&c->os_features, "f");
	assert_one(&c->env, "a=1");
	assert_one(&c->entrypoint, "e");
	assert_int_equal(c->cmd.len, 2);
	assert_one(&c->shell, "s");
	assert_one(&c->on_build, "RUN x");
	assert_one(&c->exposed_ports, "80/tcp");
	assert_one(&c->volumes, "/v");
	assert_one(&c->labels, "k=v");
}

static void all_of_it_is_copied(void **state)
{
	struct image_config c = { 0 };
	cleanup_image_config struct image_config copy = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(image_config_decode(ALL, strlen(ALL), &c, &e), 0);
	assert_int_equal(image_config_copy(&c, &copy, &e), 0);
	image_config_done(&c);
	assert_lists(&copy);
	assert_string_equal(copy.created, "2020-01-01T00:00:00Z");
	assert_string_equal(copy.author, "me");
	assert_string_equal(copy.platform.architecture, "arm");
	assert_string_equal(copy.os_version, "1");
	assert_string_equal(copy.user, "u");
	assert_string_equal(copy.working_dir, "/w");
	assert_string_equal(copy.stop_signal, "TERM");
	assert_true(copy.args_escaped);
	assert_one(&copy.healthcheck->test, "NONE");
	assert_true(copy.healthcheck->interval_ns == 5 && copy.healthcheck->retries == 3);
	assert_int_equal(copy.diff_ids_len, 1);
	assert_string_equal(copy.diff_ids[0].text, DIFF_ID);
	assert_int_equal(copy.history_len, 1);
	assert_string_equal(copy.history[0].created_by, "x");
	assert_string_equal(copy.history[0].comment, "y");
	assert_null(copy.history[0].author);
	assert_true(copy.history[0].empty_layer);
}

static void what_is_absent_stays_absent(void **state)
{
	const struct image_config none = { 0 };
	cleanup_image_config struct image_config copy = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(image_config_copy(&none, &copy, &e), 0);
	assert_null(copy.user);
	assert_null(copy.healthcheck);
	assert_null(copy.history);
	assert_null(copy.diff_ids);
	assert_int_equal(copy.env.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_it_is_copied),
		cmocka_unit_test(what_is_absent_stays_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
