/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/event_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/cleanup.h"

static void make(const char *line, struct event_record *ret)
{
	struct json_line *parser = json_line_new(4096);

	assert_non_null(parser);
	assert_int_equal(event_record_decode(parser, line, strlen(line), ret), 0);
	json_line_free(parser);
}

static const char START[] =
	"{\"time\":\"1700000000123456789\",\"type\":\"container\",\"action\":\"start\",\"id\":\"abc123\","
	"\"attributes\":{\"tier\":\"web\",\"name\":\"label\",\"image\":\"busybox:1.36\",\"name\":\"box\"}}",
		  EXEC[] = "{\"time\":\"1700000000000000001\",\"type\":\"container\",\"action\":\"exec_start:"
			   " sh -c x\",\"id\":\"abc123\","
			   "\"attributes\":{}}",
		  PULL[] = "{\"time\":\"1\",\"type\":\"image\",\"action\":\"pull\",\"id\":\"host:5000/a/"
			   "b:v1\","
			   "\"attributes\":{\"name\":\"host:5000/a/b\"}}",
		  NETWORK[] = "{\"time\":\"1\",\"type\":\"network\",\"action\":\"connect\",\"id\":\"0123\","
			      "\"attributes\":{\"container\":"
			      "\"abc123\",\"name\":\"front\"}}";

static bool matches(const char *line, const char *const *texts)
{
	cleanup_event_record struct event_record r = { 0 };
	cleanup_strvec struct strvec filters = { 0 };
	struct err e;

	make(line, &r);
	for (; *texts; texts++)
		assert_int_equal(strvec_add(&filters, *texts), 0);
	assert_int_equal(event_filter_check(&filters, &e), 0);
	return event_filter_match(&filters, &r);
}

#define MATCHES(line, ...) matches(line, (const char *const[]){ __VA_ARGS__, NULL })

static void filters_are_dockers(void **state)
{
	(void)state;
	assert_true(MATCHES(START, "type=container"));
	assert_false(MATCHES(START, "type=image"));
	assert_true(MATCHES(START, "event=start", "event=die"));
	assert_false(MATCHES(START, "event=star"));
	assert_true(MATCHES(EXEC, "event=exec_start"));
	assert_false(MATCHES(EXEC, "event=exec"));
	assert_true(MATCHES(START, "container=bo"));
	assert_true(MATCHES(START, "container=abc1"));
	assert_false(MATCHES(START, "container=ox"));
	assert_false(MATCHES(NETWORK, "container=abc123"));
	assert_true(MATCHES(NETWORK, "network=front"));
	assert_true(MATCHES(NETWORK, "name=front"));
	assert_false(MATCHES(START, "network=box"));
	assert_true(MATCHES(START, "label=tier", "label=tier=web"));
	assert_false(MATCHES(START, "label=tier", "label=tier=db"));
	assert_false(MATCHES(START, "label!=tier"));
	assert_true(MATCHES(START, "image=busybox"));
	assert_true(MATCHES(START, "image=busybox:1.36"));
	assert_false(MATCHES(START, "image=busy"));
	assert_true(MATCHES(PULL, "image=host:5000/a/b"));
	assert_true(MATCHES(PULL, "image=host:5000/a/b:v1"));
	assert_false(MATCHES(PULL, "image=host"));
	assert_true(MATCHES(PULL, "scope=local"));
	assert_false(MATCHES(PULL, "volume=a"));
}

static void unknown_filters_are_refused(void **state)
{
	cleanup_strvec struct strvec filters = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(strvec_add(&filters, "colour=red"), 0);
	assert_int_equal(event_filter_check(&filters, &e), -EINVAL);
	assert_string_equal(e.text, "invalid filter 'colour=red' (there are container, event, image, label, "
				    "label!, name, network, "
				    "scope, type and volume, each with =VALUE)");
}

static void assert_shown(const char *line, const char *format, const char *want)
{
	cleanup_event_record struct event_record r = { 0 };
	cleanup_buf struct buf out = BUF_INIT(1u << 20);
	struct err e = { 0 };

	make(line, &r);
	if (event_format(format, &r, &out, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(out.data, want);
}

static void lines_are_dockers(void **state)
{
	(void)state;
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
	assert_shown(START, NULL,
		     "2023-11-14T22:13:20.123456789Z container start abc123 (image=busybox:1.36, name=box, "
		     "tier=web)");
	assert_shown(EXEC, NULL, "2023-11-14T22:13:20.000000001Z container exec_start: sh -c x abc123");
	assert_int_equal(setenv("TZ", "XYZ-1:30", 1), 0);
	tzset();
	assert_shown(EXEC, NULL, "2023-11-14T23:43:20.000000001+01:30 container exec_start: sh -c x abc123");
}

static void templates_have_dockers_fields(void **state)
{
	(void)state;
	assert_shown(START, "{{.Type}} {{.Action}} {{.Actor.ID}} {{.ID}} {{.Status}} {{.From}} {{.Scope}}",
		     "container start abc123 abc123 start busybox:1.36 local");
	assert_shown(START, "{{.Time}} {{.TimeNano}}", "1700000000 1700000000123456789");
	assert_shown(
		START,
		"{{.Actor.Attributes.tier}} {{index .Actor.Attributes \"name\"}} {{.Actor.Attributes.none}}",
		"web box <no value>");
	assert_shown(START, "{{json .Actor.Attributes}}",
		     "{\"image\":\"busybox:1.36\",\"name\":\"box\",\"tier\":\"web\"}");
	assert_shown(NETWORK, "json",
		     "{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{\"ID\":\"0123\",\"Attributes\":"
		     "{\"container\":"
		     "\"abc123\",\"name\":\"front\"}},\"scope\":\"local\",\"time\":0,\"timeNano\":1}");
	assert_shown(EXEC, "{{json .}}",
		     "{\"status\":\"exec_start: sh -c "
		     "x\",\"id\":\"abc123\",\"from\":\"\",\"Type\":\"container\",\"Action\":"
		     "\"exec_start: sh -c "
		     "x\",\"Actor\":{\"ID\":\"abc123\",\"Attributes\":{}},\"scope\":\"local\",\"time\":"
		     "1700000000,\"timeNano\":1700000000000000001}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_are_dockers),
		cmocka_unit_test(unknown_filters_are_refused),
		cmocka_unit_test(lines_are_dockers),
		cmocka_unit_test(templates_have_dockers_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
