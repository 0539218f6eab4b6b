/* SPDX-License-Identifier: Apache-2.0 */
#include "store/prune.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"

/* Layers "1", "2", "3" of 100, 10 and 1 bytes. */
struct world {
	struct usage_layer layers[3];
	struct usage_image images[4];
	struct usage u;
};

static char KEYS[][2] = { "1", "2", "3" };

static void set_image(struct world *w, size_t index, const char *name, const char *day, const char *layers)
{
	struct usage_image *image = &w->images[index];
	char text[] = "2026-01-0XT00:00:00.000000000Z";

	*strchr(text, 'X') = *day;
	image->record.name = strdup(name);
	image->record.bound = strdup(text);
	image->created = strdup(text);
	image->is_dangling = strchr(name, '@');
	for (; *layers; layers++) {
		assert_int_equal(strvec_add(&image->record.layers, KEYS[*layers - '1']), 0);
		w->layers[*layers - '1'].images++;
	}
}

static void begin(struct world *w)
{
	static const uint64_t SIZES[] = { 100, 10, 1 };

	*w = (struct world){ 0 };
	for (size_t i = 0; i < 3; i++)
		w->layers[i] = (struct usage_layer){ .key = KEYS[i], .size_bytes = SIZES[i] };
	set_image(w, 0, "x/app:latest", "4", "12");
	set_image(w, 1, "x/app@sha256:aa", "2", "13");
	set_image(w, 2, "x/app@sha256:bb", "3", "1");
	set_image(w, 3, "x/other:v1", "1", "3");
	w->u = (struct usage){ .layers = w->layers, .layers_len = 3, .images = w->images, .images_len = 4 };
}

static void end(struct world *w)
{
	for (size_t i = 0; i < 4; i++) {
		image_record_done(&w->images[i].record);
		strvec_done(&w->images[i].labels);
		free(w->images[i].created);
	}
}

/* Names, separated by blanks. */
static void assert_chosen(const struct world *w, const struct prune_policy *policy, const char *want)
{
	cleanup_strvec struct strvec names = { 0 };
	char text[256] = "";

	assert_int_equal(prune_choose(&w->u, policy, &names), 0);
	for (size_t i = 0; i < names.len; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			       names.items[i]);
	assert_string_equal(text, want);
}

static void without_all_only_images_without_a_tag_go(void **state)
{
	struct prune_policy policy = { 0 };
	struct world w;

	(void)state;
	begin(&w);
	assert_chosen(&w, &policy, "x/app@sha256:aa x/app@sha256:bb");
	policy.all = true;
	assert_chosen(&w, &policy, "x/other:v1 x/app@sha256:aa x/app@sha256:bb x/app:latest");
	end(&w);
}

static void what_a_container_was_made_from_stays(void **state)
{
	const struct prune_policy policy = { .all = true };
	struct world w;

	(void)state;
	begin(&w);
	w.images[0].containers = w.images[1].containers = 1;
	assert_chosen(&w, &policy, "x/other:v1 x/app@sha256:bb");
	end(&w);
}

static void the_previous_image_of_a_name_can_be_kept(void **state)
{
	const struct prune_policy policy = { .keep_previous = true };
	struct world w;

	(void)state;
	begin(&w);
	assert_chosen(&w, &policy, "x/app@sha256:aa");
	end(&w);
}

static void images_are_chosen_by_age(void **state)
{
	char before[] = "2026-01-03T00:00:00";
	const struct prune_policy policy = { .all = true, .before = before };
	struct world w;

	(void)state;
	begin(&w);
	assert_chosen(&w, &policy, "x/other:v1 x/app@sha256:aa");
	free(w.images[3].created);
	w.images[3].created = NULL; /* whose age nobody knows stays */
	assert_chosen(&w, &policy, "x/app@sha256:aa");
	end(&w);
}

static void images_are_chosen_by_label(void **state)
{
	struct prune_policy policy = { .all = true };
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(strvec_add(&w.images[0].labels, "stage=test"), 0);
	assert_int_equal(strvec_add(&w.images[3].labels, "stage=live"), 0);
	assert_int_equal(strvec_add(&w.images[3].labels, "staged=no"), 0);
	assert_int_equal(strvec_add(&policy.labels, "stage"), 0);
	assert_chosen(&w, &policy, "x/other:v1 x/app:latest");
	assert_int_equal(strvec_add(&policy.labels, "!stage=live"), 0);
	assert_chosen(&w, &policy, "x/app:latest");
	strvec_done(&policy.labels);
	end(&w);
}

static void pruning_stops_when_the_rest_is_small_enough(void **state)
{
	struct prune_policy policy = { .all = true, .has_max = true, .max_bytes = 111 };
	struct world w;

	(void)state;
	begin(&w);
	assert_chosen(&w, &policy, ""); /* 111 bytes are there */
	policy.max_bytes = 110;         /* layer 3 has two images */
	assert_chosen(&w, &policy, "x/other:v1 x/app@sha256:aa");
	policy.max_bytes = 109;
	assert_chosen(&w, &policy, "x/other:v1 x/app@sha256:aa x/app@sha256:bb x/app:latest");
	w.layers[0].in_container = true; /* what cannot go does not keep the rest */
	assert_chosen(&w, &policy, "x/other:v1 x/app@sha256:aa x/app@sha256:bb x/app:latest");
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_all_only_images_without_a_tag_go),
		cmocka_unit_test(what_a_container_was_made_from_stays),
		cmocka_unit_test(the_previous_image_of_a_name_can_be_kept),
		cmocka_unit_test(images_are_chosen_by_age),
		cmocka_unit_test(images_are_chosen_by_label),
		cmocka_unit_test(pruning_stops_when_the_rest_is_small_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
