/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pull/commit.h"

#define DIFF_ID "sha256:00000000000000000000000000000000000000000000000000000000000000aa"

static const char IMAGE[] =
	"{\"architecture\":\"arm64\",\"variant\":\"v8\",\"os\":\"linux\",\"author\":\"them\",\"config\":{"
	"\"User\":\"app\",\"Env\":[\"PATH=/bin\",\"TERM=dumb\"],\"Entrypoint\":[\"/"
	"init\",\"--\"],\"Cmd\":[\"serve\"],"
	"\"ExposedPorts\":{\"80/tcp\":{}},\"Labels\":{\"a\":\"1\"},\"StopSignal\":\"SIGQUIT\","
	"\"Healthcheck\":{\"Test\":[\"CMD\",\"ok\"],\"Retries\":3}},"
	"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":["
	"\"sha256:0000000000000000000000000000000000000000000000000000000000000001\"]},"
	"\"history\":[{\"created_by\":\"COPY\",\"created\":\"2020-01-01T00:00:00Z\"}]}";

/* A container of IMAGE that runs `args`, and the image that is made of it. */
struct made {
	struct image_config config;
	struct err e;
	int r;
};

static void add(struct strvec *v, const char *const *texts)
{
	for (; *texts; texts++)
		assert_int_equal(strvec_add(v, *texts), 0);
}

static void make(const char *const *args, const char *const *env, const char *const *changes,
		 struct made *ret)
{
	struct image_config image;
	struct spec_process process = { .cwd = strdup("/srv") };
	struct runtime_spec spec = { .process = &process };
	struct commit_options o = { .author = "us", .message = "why" };
	struct strvec list = { 0 };
	struct digest diff_id;
	struct buf text = BUF_INIT(1 << 20);

	*ret = (struct made){ 0 };
	assert_int_equal(digest_parse(DIFF_ID, &diff_id, &ret->e), 0);
	assert_int_equal(image_config_decode(IMAGE, strlen(IMAGE), &image, &ret->e), 0);
	add(&list, args);
	add(&process.env, env);
	add(&o.changes, changes);
	assert_int_equal(strvec_add(&spec.annotations, "b=2"), 0);
	assert_int_equal(strvec_add(&spec.annotations, "org.opencontainers.image.stopSignal=SIGQUIT"), 0);
	ret->r = commit_config(&image, &spec, &list, &o, &diff_id, &text, &ret->e);
	if (ret->r == 0)
		assert_int_equal(image_config_decode(text.data, text.len, &ret->config, &ret->e), 0);
	buf_done(&text);
	strvec_done(&list);
	strvec_done(&o.changes);
	strvec_done(&spec.annotations);
	spec_process_done(&process);
	image_config_done(&image);
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NOTHING   ((const char *const[]){ NULL })

static void expect(const struct strvec *v, const char *const *texts)
{
	size_t n = 0;

	for (; texts[n]; n++) {
		assert_true(n < v->len);
		assert_string_equal(v->items[n], texts[n]);
	}
	assert_int_equal(v->len, n);
}

static void what_the_image_says_stays(void **state)
{
	struct made m;

	(void)state;
	make(LIST("/init", "--", "serve"), LIST("PATH=/bin", "TERM=dumb"), NOTHING, &m);
	assert_int_equal(m.r, 0);
	assert_string_equal(m.config.platform.architecture, "arm64");
	assert_string_equal(m.config.user, "app");
	assert_string_equal(m.config.stop_signal, "SIGQUIT");
	assert_string_equal(m.config.exposed_ports.items[0], "80/tcp");
	assert_int_equal(m.config.healthcheck->retries, 3);
	expect(&m.config.healthcheck->test, LIST("CMD", "ok"));
	expect(&m.config.entrypoint, LIST("/init", "--"));
	expect(&m.config.cmd, LIST("serve"));
	assert_int_equal(m.config.diff_ids_len, 2);
	assert_string_equal(m.config.diff_ids[1].text, DIFF_ID);
	image_config_done(&m.config);
}

static void the_last_step_is_the_container(void **state)
{
	struct made m;

	(void)state;
	make(LIST("/init", "--", "serve", "x"), LIST("PATH=/bin"), NOTHING, &m);
	assert_int_equal(m.config.history_len, 2);
	assert_string_equal(m.config.history[0].created_by, "COPY");
	assert_string_equal(m.config.history[1].created_by, "/init -- serve x");
	assert_string_equal(m.config.history[1].comment, "why");
	assert_string_equal(m.config.history[1].author, "us");
	assert_string_equal(m.config.author, "us");
	image_config_done(&m.config);
}

static void what_run_was_told_goes_over_it(void **state)
{
	struct made m;

	(void)state;
	make(LIST("sh"), LIST("PATH=/sbin", "HOSTNAME=abc", "HOME=/root", "TERM=xterm", "N=1"), NOTHING, &m);
	expect(&m.config.entrypoint, LIST("sh")); /* it was --entrypoint */
	assert_int_equal(m.config.cmd.len, 0);
	expect(&m.config.env, LIST("PATH=/sbin", "TERM=xterm", "N=1"));
	assert_string_equal(m.config.working_dir, "/srv");
	expect(&m.config.labels, LIST("a=1", "b=2"));
	image_config_done(&m.config);
}

static void changes_are_the_last_word(void **state)
{
	struct made m;

	(void)state;
	make(LIST("/init", "--", "serve"), NOTHING,
	     LIST("CMD [\"other\"]", "ENV PATH=/usr/bin", "LABEL a=2", "WORKDIR sub"), &m);
	expect(&m.config.entrypoint, LIST("/init", "--"));
	expect(&m.config.cmd, LIST("other"));
	expect(&m.config.env, LIST("PATH=/usr/bin", "TERM=dumb"));
	expect(&m.config.labels, LIST("a=2", "b=2"));
	assert_string_equal(m.config.working_dir, "/srv/sub");
	image_config_done(&m.config);
}

static void an_entrypoint_makes_an_end_of_the_command(void **state)
{
	struct made m;

	(void)state;
	make(LIST("/init", "--", "serve"), NOTHING, LIST("ENTRYPOINT [\"/x\"]"), &m);
	expect(&m.config.entrypoint, LIST("/x"));
	assert_int_equal(m.config.cmd.len, 0);
	image_config_done(&m.config);
	make(LIST("/init", "--", "serve"), NOTHING, LIST("CMD [\"c\"]", "ENTRYPOINT [\"/x\"]"), &m);
	expect(&m.config.cmd, LIST("c"));
	image_config_done(&m.config);
	make(LIST("/init"), NOTHING, LIST("RUN x"), &m);
	assert_int_equal(m.r, -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_image_says_stays),
		cmocka_unit_test(the_last_step_is_the_container),
		cmocka_unit_test(what_run_was_told_goes_over_it),
		cmocka_unit_test(changes_are_the_last_word),
		cmocka_unit_test(an_entrypoint_makes_an_end_of_the_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
