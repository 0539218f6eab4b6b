/* SPDX-License-Identifier: Apache-2.0 */
#include "store/image_event.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

/* What is said of an image, while its configuration is there. */
struct told {
	struct image_config config;
	char *familiar, *repository;
};

static void told_done(struct told *t)
{
	image_config_done(&t->config);
	free(t->familiar);
	free(t->repository);
}
#define cleanup_told __attribute__((cleanup(told_done)))

static void look(const struct store *s, const struct image_record *r, struct told *ret)
{
	cleanup_reference struct reference ref = { 0 };
	struct err ignored; /* then there is less to say */

	if (image_load_config(s, r, &ret->config, NULL, &ignored) < 0)
		ret->config = (struct image_config){ 0 };
	if (reference_parse(r->name, &ref, &ignored) < 0)
		return;
	ret->familiar = reference_familiar(&ref);
	ret->repository = reference_familiar_name(&ref);
}

static void add(struct event_batch *b, const char *action, const struct image_record *r, const struct told *t)
{
	bool by_name = strcmp(action, "pull") == 0 || strcmp(action, "push") == 0;
	const char *familiar = t->familiar ? t->familiar : r->name;
	const char *pairs[] = { "name", by_name ? t->repository : familiar, NULL };
	const struct event event = { .type = "image",
				     .action = action,
				     .id = by_name ? familiar : r->config.text,
				     .labels = &t->config.labels,
				     .attributes = pairs };

	event_batch_add(b, &event);
}

void image_event(const struct store *s, const char *state_dir, const char *action,
		 const struct image_record *r)
{
	cleanup_event_batch struct event_batch b = EVENT_BATCH_EMPTY;
	cleanup_told struct told t = { 0 };

	look(s, r, &t);
	add(&b, action, r, &t);
	event_batch_write(&b, state_dir, true);
}

void image_event_of(const struct store *s, const char *state_dir, const char *action, const char *what)
{
	cleanup_image_record struct image_record r = { 0 };
	struct err ignored;

	if (image_find(s, what, &r, &ignored) == 0)
		image_event(s, state_dir, action, &r);
}

int image_unbind_told(const struct store *s, const char *state_dir, const struct image_record *r,
		      struct err *e)
{
	cleanup_event_batch struct event_batch b = EVENT_BATCH_EMPTY;
	cleanup_image_record struct image_record left = { 0 };
	cleanup_told struct told t = { 0 };
	struct err ignored;
	int found;

	look(s, r, &t);
	found = image_unbind(s, r->name, e);
	if (found < 0)
		return found;
	add(&b, "untag", r, &t);
	if (image_find(s, r->config.text, &left, &ignored) == -ENOENT)
		add(&b, "delete", r, &t);
	event_batch_write(&b, state_dir, true);
	return 0;
}
