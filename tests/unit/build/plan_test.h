/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the planner share. */
#ifndef SAMPAN_TESTS_PLAN_TEST_H
#define SAMPAN_TESTS_PLAN_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build/plan.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "tests/unit/build/dockerfile_test.h"

#define TEST_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define TEST_BASE "docker.io/library/base:latest"

/* One build: what goes in, and what comes out. */
struct planned {
	struct dockerfile f;
	struct build_plan_options o;
	struct strvec build_args, labels, contexts;
	struct build_plan plan;
	struct err e;
	int r;
	struct buf asked;       /* "REFERENCE PLATFORM\n" for each base */
	struct buf warnings;    /* "LINE NAME: TEXT\n" */
	const char *trigger[4]; /* of "base" */
};

static inline int test_base(void *arg, const char *reference, const struct platform *platform,
			    struct image_config *ret, char **ret_name, struct err *e)
{
	struct planned *t = arg;
	char text[3 * PLATFORM_FIELD_MAX];

	platform_format(platform, text);
	assert_int_equal(buf_printf(&t->asked, "%s %s\n", reference, text), 0);
	if (strstr(reference, "missing"))
		return err_set(e, -ENOENT, "no such image");
	ret->platform = *platform;
	if (strstr(reference, "foreign"))
		(void)snprintf(ret->platform.architecture, sizeof(ret->platform.architecture), "s390x");
	if (!strstr(reference, "base"))
		return 0;
	assert_int_equal(strvec_add(&ret->env, TEST_PATH), 0);
	assert_int_equal(strvec_add(&ret->env, "FROM_BASE=1"), 0);
	assert_int_equal(strvec_add(&ret->cmd, "sh"), 0);
	ret->user = strdup("1000");
	ret->working_dir = strdup("/srv/");
	ret->created = strdup("2020-01-01T00:00:00Z");
	for (size_t i = 0; i < ARRAY_LEN(t->trigger) && t->trigger[i]; i++)
		assert_int_equal(strvec_add(&ret->on_build, t->trigger[i]), 0);
	*ret_name = strdup("base@sha256:abc");
	return 0;
}

static inline void test_warn(void *arg, const struct plan_warning *w)
{
	struct planned *t = arg;

	assert_int_equal(buf_printf(&t->warnings, "%u %s: %s\n", w->first_line,
				    w->check < CHECK_COUNT ? check_info(w->check)->name : "-", w->text),
			 0);
}

/* Options are set before planned_run. */
static inline void planned_init(struct planned *t)
{
	struct err e;

	*t = (struct planned){ .asked = BUF_INIT(65536), .warnings = BUF_INIT(65536) };
	assert_int_equal(platform_parse("linux/amd64", &t->o.build_platform, &e), 0);
	t->o.target_platform = t->o.build_platform;
}

static inline void planned_run(struct planned *t, const char *text)
{
	t->f = parsed(text);
	t->o.build_args = &t->build_args;
	t->o.labels = &t->labels;
	t->o.contexts = &t->contexts;
	t->o.base = test_base;
	t->o.warn = test_warn;
	t->o.base_arg = t->o.warn_arg = t;
	t->r = build_plan_make(&t->f, &t->o, &t->plan, &t->e);
}

static inline void planned_done(struct planned *t)
{
	build_plan_done(&t->plan);
	dockerfile_done(&t->f);
	strvec_done(&t->build_args);
	strvec_done(&t->labels);
	strvec_done(&t->contexts);
	buf_done(&t->asked);
	buf_done(&t->warnings);
}
#define cleanup_planned __attribute__((cleanup(planned_done)))

static inline void plan_text(struct planned *t, const char *text)
{
	planned_run(t, text);
	if (t->r != 0)
		fail_msg("%s", t->e.text);
}

static inline struct plan_stage *target_of(struct planned *t)
{
	return &t->plan.stages[t->plan.target];
}

static inline void assert_list(const struct strvec *v, const char *const *expected, size_t len)
{
	for (size_t i = 0; i < v->len && i < len; i++)
		assert_string_equal(v->items[i], expected[i]);
	assert_int_equal(v->len, len);
}

#define ASSERT_LIST(v, ...)                                                          \
	do {                                                                         \
		const char *const expected_[] = { __VA_ARGS__ };                     \
		assert_list(v, expected_, sizeof(expected_) / sizeof(expected_[0])); \
	} while (0)

/* The created_by of an entry of the target's history. */
static inline void assert_history(struct planned *t, size_t index, const char *expected, bool empty)
{
	const struct image_config *c = &target_of(t)->config;

	assert_true(index < c->history_len);
	assert_string_equal(c->history[index].created_by, expected);
	assert_string_equal(c->history[index].comment, "buildkit.dockerfile.v0");
	assert_true(c->history[index].empty_layer == empty);
}

/* That `text` is refused; *message* is the first line of the error. */
static inline void assert_plan_refused(const char *text, const char *message)
{
	struct planned t;
	char line[sizeof(t.e.text)];

	planned_init(&t);
	planned_run(&t, text);
	if (t.r == 0)
		fail_msg("accepted: %s", text);
	(void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(t.e.text, "\n"), t.e.text);
	assert_string_equal(line, message);
	assert_int_equal(t.r, t.e.code);
	assert_null(t.plan.stages);
	planned_done(&t);
}

static inline void assert_warns(const char *text, const char *warnings)
{
	struct planned t;

	planned_init(&t);
	plan_text(&t, text);
	assert_string_equal(t.warnings.data ? t.warnings.data : "", warnings);
	planned_done(&t);
}

#endif
