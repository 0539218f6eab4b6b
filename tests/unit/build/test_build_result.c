/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build.h"

#include "build/execution.h"
#include "tests/unit/build/plan_test.h"

#define EARLY "2026-01-01T00:00:00.000000000Z"
#define LATE  "2026-02-02T00:00:00.000000000Z"

/* An execution whose steps that make layers have all been made, the first at EARLY, the others at LATE. */
struct executed {
	struct planned t;
	struct stage_run stages[8];
	struct base_image base;
	struct execution x;
	struct build_result result;
};

static struct digest digest_of(size_t n)
{
	struct digest d;

	(void)snprintf(d.text, sizeof(d.text), "sha256:%064zx", n);
	return d;
}

static void make_layers(struct executed *d)
{
	const struct plan_stage *stage = &d->t.plan.stages[d->t.plan.target];
	struct stage_run *s = &d->stages[d->t.plan.target];

	s->made = calloc(stage->len + 1, sizeof(*s->made));
	s->made_steps = calloc(stage->len + 1, sizeof(*s->made_steps));
	assert_true(s->made && s->made_steps);
	for (size_t i = 0; i < stage->len; i++) {
		struct step_layer *layer = &s->made[s->made_len];

		layer->diff_id = digest_of(i + 1);
		(void)snprintf(layer->key, sizeof(layer->key), "%s", digest_hex(&layer->diff_id));
		(void)snprintf(layer->created, sizeof(layer->created), "%s", i == 0 ? EARLY : LATE);
		s->made_steps[s->made_len++].history = stage->steps[i].history;
		assert_int_equal(strvec_add(&s->layers, layer->key), 0);
	}
}

static void execute(struct executed *d, const char *text)
{
	struct err e = { 0 };

	planned_init(&d->t);
	plan_text(&d->t, text);
	assert_true(d->t.plan.len <= ARRAY_LEN(d->stages));
	make_layers(d);
	if (d->t.plan.stages[d->t.plan.target].base.kind == PLAN_IMAGE) {
		d->base.image.config.created = strdup("2020-01-01T00:00:00Z");
		assert_int_equal(strvec_add(&d->base.image.record.hidden, "hidden"), 0);
		d->stages[d->t.plan.target].base = &d->base;
	}
	d->x = (struct execution){ .plan = &d->t.plan, .stages = d->stages };
	if (build_result_make(&d->x, &d->result, &e) < 0)
		fail_msg("%s", e.text);
}

static void executed_done(struct executed *d)
{
	for (size_t i = 0; i < ARRAY_LEN(d->stages); i++) {
		free(d->stages[i].made);
		free(d->stages[i].made_steps);
		strvec_done(&d->stages[i].layers);
	}
	build_result_done(&d->result);
	stored_image_done(&d->base.image);
	planned_done(&d->t);
}
#define cleanup_executed __attribute__((cleanup(executed_done)))

static void assert_times(const struct executed *d, const char *const *times, size_t len)
{
	const struct image_config *c = &d->result.config;

	assert_int_equal(c->history_len, len);
	for (size_t i = 0; i < len; i++)
		assert_string_equal(c->history[i].created, times[i]);
}
#define ASSERT_TIMES(d, ...)                                  \
	do {                                                  \
		const char *const times_[] = { __VA_ARGS__ }; \
		assert_times(d, times_, ARRAY_LEN(times_));   \
	} while (0)

static void each_layer_has_a_diff_id_and_an_entry_that_is_not_empty(void **state)
{
	cleanup_executed struct executed d = { 0 };
	size_t full = 0;

	(void)state;
	execute(&d, "FROM scratch\nENV A=1\nCOPY a /\nLABEL b=2\nWORKDIR /d\nCOPY b /\nCMD x\n");
	for (size_t i = 0; i < d.result.config.history_len; i++)
		full += !d.result.config.history[i].empty_layer;
	assert_int_equal(d.result.config.diff_ids_len, 3);
	assert_int_equal(full, 3);
	assert_int_equal(d.result.layers.len, 3);
	assert_int_equal(d.result.made_len, 3);
	for (size_t i = 0; i < 3; i++) {
		struct digest want = digest_of(i + 1);

		assert_true(digest_equal(&d.result.config.diff_ids[i], &want));
		assert_string_equal(d.result.layers.items[i], digest_hex(&want));
	}
}

static void what_makes_no_layer_is_as_old_as_what_is_before_it(void **state)
{
	cleanup_executed struct executed d = { 0 };

	(void)state;
	execute(&d, "FROM scratch\nCOPY a /\nENV A=1\nCOPY b /\nCMD x\n");
	ASSERT_TIMES(&d, EARLY, EARLY, LATE, LATE);
	assert_string_equal(d.result.config.created, LATE);
}

static void what_comes_before_all_layers_is_as_old_as_the_first(void **state)
{
	cleanup_executed struct executed d = { 0 };

	(void)state;
	execute(&d, "FROM scratch\nENV A=1\nLABEL b=2\nCOPY a /\n");
	ASSERT_TIMES(&d, EARLY, EARLY, EARLY);
	assert_string_equal(d.result.config.created, EARLY);
}

static void metadata_alone_is_as_old_as_the_base(void **state)
{
	cleanup_executed struct executed d = { 0 };

	(void)state;
	execute(&d, "FROM base\nENV A=1\n");
	ASSERT_TIMES(&d, "2020-01-01T00:00:00Z");
	assert_string_equal(d.result.config.created, "2020-01-01T00:00:00Z");
	assert_ptr_equal(d.result.base, &d.base);
	assert_int_equal(d.result.hidden.len, 1);
	assert_string_equal(d.result.hidden.items[0], "hidden");
}

static void metadata_on_nothing_is_of_1970(void **state)
{
	cleanup_executed struct executed d = { 0 };

	(void)state;
	execute(&d, "FROM scratch\nENV A=1\n");
	ASSERT_TIMES(&d, "1970-01-01T00:00:00Z");
	assert_int_equal(d.result.config.diff_ids_len, 0);
}

static void an_epoch_is_the_time_of_everything(void **state)
{
	cleanup_executed struct executed d = { 0 };

	(void)state;
	planned_init(&d.t);
	assert_int_equal(strvec_add(&d.t.build_args, "SOURCE_DATE_EPOCH=1000000000"), 0);
	planned_run(&d.t, "FROM scratch\nENV A=1\nCOPY a /\n");
	assert_int_equal(d.t.r, 0);
	make_layers(&d);
	d.x = (struct execution){ .plan = &d.t.plan, .stages = d.stages };
	assert_int_equal(build_result_make(&d.x, &d.result, &d.t.e), 0);
	ASSERT_TIMES(&d, "2001-09-09T01:46:40Z", "2001-09-09T01:46:40Z");
	assert_string_equal(d.result.config.created, "2001-09-09T01:46:40Z");
}

static void the_plan_stays_as_it_was(void **state)
{
	cleanup_executed struct executed d = { 0 };
	const struct image_config *c;

	(void)state;
	execute(&d, "FROM scratch\nCOPY a /\n");
	c = &d.t.plan.stages[d.t.plan.target].config;
	assert_int_equal(c->diff_ids_len, 0);
	assert_null(c->history[0].created);
	assert_null(c->created);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_layer_has_a_diff_id_and_an_entry_that_is_not_empty),
		cmocka_unit_test(what_makes_no_layer_is_as_old_as_what_is_before_it),
		cmocka_unit_test(what_comes_before_all_layers_is_as_old_as_the_first),
		cmocka_unit_test(metadata_alone_is_as_old_as_the_base),
		cmocka_unit_test(metadata_on_nothing_is_of_1970),
		cmocka_unit_test(an_epoch_is_the_time_of_everything),
		cmocka_unit_test(the_plan_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
