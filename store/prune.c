/* SPDX-License-Identifier: Apache-2.0 */
#include "store/prune.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

void prune_policy_done(struct prune_policy *p)
{
	free(p->before);
	strvec_done(&p->labels);
	*p = (struct prune_policy){ 0 };
}

static bool labels_match(const struct strvec *have, const struct strvec *labels)
{
	for (size_t i = 0; i < labels->len; i++) {
		bool negated = labels->items[i][0] == '!';

		if (strvec_has_label(have, labels->items[i] + negated) == negated)
			return false;
	}
	return true;
}

/* Up to the seconds: "2024-01-02T03:04:05" of both, which sort by time. */
static bool is_before(const char *created, const char *limit)
{
	return created && strncmp(created, limit, strlen("2024-01-02T03:04:05")) < 0;
}

bool prune_policy_matches(const struct prune_policy *p, const char *created, const struct strvec *labels)
{
	return (!p->before || is_before(created, p->before)) && labels_match(labels, &p->labels);
}

/* "repo" of "repo@sha256:..." */
static bool same_repository(const char *a, const char *b)
{
	size_t len = strcspn(a, "@");

	return len == strcspn(b, "@") && strncmp(a, b, len) == 0;
}

static bool is_previous(const struct usage *u, const struct usage_image *image)
{
	for (size_t i = 0; i < u->images_len; i++) {
		const struct usage_image *other = &u->images[i];

		if (other->is_dangling && same_repository(other->record.name, image->record.name) &&
		    strcmp(other->record.bound, image->record.bound) > 0)
			return false;
	}
	return true;
}

static bool may_go(const struct usage *u, const struct usage_image *image, const struct prune_policy *p)
{
	if (image->record.is_additional || image->containers > 0 || (!p->all && !image->is_dangling))
		return false;
	if (p->keep_previous && image->is_dangling && is_previous(u, image))
		return false;
	return prune_policy_matches(p, image->created, &image->labels);
}

struct candidate {
	const struct usage_image *image;
};

static int compare_bound(const void *a, const void *b)
{
	const struct image_record *x = &((const struct candidate *)a)->image->record;
	const struct image_record *y = &((const struct candidate *)b)->image->record;
	int r = strcmp(x->bound, y->bound);

	return r ? r : strcmp(x->name, y->name);
}

/* What is left when these layers' counts of images have gone down. */
static uint64_t bytes_without(const struct usage *u, const struct usage_image *image, size_t *images_of)
{
	uint64_t size = 0;

	for (size_t i = 0; i < u->layers_len; i++) {
		if (usage_image_needs(image, u->layers[i].key))
			images_of[i]--;
		if (images_of[i] > 0 || u->layers[i].in_container)
			size += u->layers[i].size_bytes;
	}
	return size;
}

static int list_names(const struct usage *u, const struct candidate *candidates, size_t len,
		      const struct prune_policy *p, size_t *images_of, struct strvec *ret)
{
	uint64_t left = 0;
	int r = 0;

	for (size_t i = 0; i < u->layers_len; i++) {
		images_of[i] = u->layers[i].images;
		if (images_of[i] > 0 || u->layers[i].in_container)
			left += u->layers[i].size_bytes;
	}
	for (size_t i = 0; r == 0 && i < len; i++) {
		if (p->has_max && left <= p->max_bytes)
			break;
		left = bytes_without(u, candidates[i].image, images_of);
		r = strvec_add(ret, candidates[i].image->record.name);
	}
	return r;
}

int prune_choose(const struct usage *u, const struct prune_policy *policy, struct strvec *ret)
{
	cleanup_free struct candidate *candidates = calloc(u->images_len + 1, sizeof(*candidates));
	cleanup_free size_t *images_of = calloc(u->layers_len + 1, sizeof(*images_of));
	size_t len = 0;

	if (!candidates || !images_of)
		return -ENOMEM;
	for (size_t i = 0; i < u->images_len; i++)
		if (may_go(u, &u->images[i], policy))
			candidates[len++].image = &u->images[i];
	if (len > 1)
		qsort(candidates, len, sizeof(*candidates), compare_bound);
	return list_names(u, candidates, len, policy, images_of, ret);
}
