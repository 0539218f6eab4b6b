/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of `sampan init`'s Dockerfiles share. */
#ifndef SAMPAN_TESTS_INIT_TEST_H
#define SAMPAN_TESTS_INIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "build/ignore.h"
#include "build/init.h"
#include "common/cleanup.h"
#include "tests/unit/build/plan_test.h"

/* A folder, and what came of it. */
struct inited {
	struct init_project p;
	struct buf dockerfile, ignore;
	struct err e;
	int r;
};

/* `names` with blanks between them. Texts are added before inited_run. */
static inline void inited_init(struct inited *t, const char *names)
{
	*t = (struct inited){ .p = { .folder = "folder" },
			      .dockerfile = BUF_INIT(INIT_OUT_MAX_BYTES),
			      .ignore = BUF_INIT(INIT_OUT_MAX_BYTES) };
	assert_int_equal(strvec_split(&t->p.names, names, ' '), 0);
	for (size_t i = 0; i < INIT_TEXTS; i++)
		t->p.texts[i] = BUF_INIT(INIT_TEXT_MAX_BYTES);
}

static inline void inited_add(struct inited *t, enum init_text which, const char *text)
{
	assert_int_equal(buf_add_str(&t->p.texts[which], text), 0);
}

static inline void inited_done(struct inited *t)
{
	init_project_done(&t->p);
	buf_done(&t->dockerfile);
	buf_done(&t->ignore);
}
#define cleanup_inited __attribute__((cleanup(inited_done)))

/* A plan for a platform can be made of it, and BuildKit's checks, that of what is ignored too, have nothing to say. */
static inline void assert_plans(const struct inited *t, const char *platform)
{
	cleanup_ignore struct ignore ignore = { 0 };
	cleanup_planned struct planned plan;
	struct err e = { 0 };

	planned_init(&plan);
	assert_int_equal(platform_parse(platform, &plan.o.target_platform, &e), 0);
	if (ignore_read(t->ignore.data, t->ignore.len, &ignore, &e) != 0)
		fail_msg("%s", e.text);
	plan.o.ignore = &ignore;
	plan.o.all_stages = true;
	plan_text(&plan, t->dockerfile.data);
	assert_string_equal(plan.warnings.data ? plan.warnings.data : "", "");
	assert_non_null(target_of(&plan)->config.user);
	assert_true(target_of(&plan)->config.entrypoint.len + target_of(&plan)->config.cmd.len > 0);
}

static inline void inited_run(struct inited *t, enum init_kind kind)
{
	assert_true(init_is_kind(&t->p, kind));
	t->r = init_generate(kind, &t->p, &t->dockerfile, &t->ignore, &t->e);
	if (t->r != 0)
		fail_msg("%s", t->e.text);
	assert_plans(t, "linux/amd64");
	assert_plans(t, "linux/arm/v7");
}

static inline void assert_says(const struct inited *t, const char *text)
{
	if (!strstr(t->dockerfile.data, text))
		fail_msg("'%s' is not in:\n%s", text, t->dockerfile.data);
}

static inline void assert_says_not(const struct inited *t, const char *text)
{
	if (strstr(t->dockerfile.data, text))
		fail_msg("'%s' is in:\n%s", text, t->dockerfile.data);
}

/* One folder with one text, and what its Dockerfile has. */
static inline void assert_makes(enum init_kind kind, const char *names, enum init_text which,
				const char *text, const char *says)
{
	cleanup_inited struct inited t;

	inited_init(&t, names);
	inited_add(&t, which, text);
	inited_run(&t, kind);
	assert_says(&t, says);
}

#endif
