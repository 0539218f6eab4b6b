/* SPDX-License-Identifier: Apache-2.0 */
/* Which entry of an index is the image for a list of platforms. */
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "oci/descriptor.h"

#define SHOWN_MAX 300 /* bytes of "there is: ..." */

bool descriptor_is_attestation(const struct descriptor *d)
{
	if (d->has_platform && strcmp(d->platform.os, "unknown") == 0 &&
	    strcmp(d->platform.architecture, "unknown") == 0)
		return true;
	return strvec_get_env(&d->annotations, "vnd.docker.reference.type") != NULL;
}

/* An entry of another kind (an artifact, say) is no image. What names no media type may be one. */
static bool may_be_image(const struct descriptor *d)
{
	enum media_kind kind = d->media_type ? media_kind_of(d->media_type) : MEDIA_MANIFEST;

	return (kind == MEDIA_MANIFEST || kind == MEDIA_INDEX) && !descriptor_is_attestation(d);
}

static bool is_index(const struct descriptor *d)
{
	return d->media_type && media_kind_of(d->media_type) == MEDIA_INDEX;
}

/* As `list` has it; list->len (the last rank) for what does not say; -1 for what cannot run. */
static int rank_of(const struct descriptor *d, const struct platform_list *list, bool only_one)
{
	if (!may_be_image(d))
		return -1;
	if (d->has_platform)
		return platform_rank(list, &d->platform);
	return is_index(d) || only_one ? (int)list->len : -1;
}

static size_t count_images(const struct image_index *index)
{
	size_t count = 0;

	for (size_t i = 0; i < index->manifests_len; i++)
		count += may_be_image(&index->manifests[i]);
	return count;
}

/* "linux/amd64, linux/arm/v7". What does not fit is left out. */
static void list_platforms(const struct image_index *index, struct buf *out)
{
	for (size_t i = 0; i < index->manifests_len; i++) {
		const struct descriptor *d = &index->manifests[i];
		char text[3 * PLATFORM_FIELD_MAX];

		if (!may_be_image(d))
			continue;
		if (d->has_platform)
			platform_format(&d->platform, text);
		else
			(void)snprintf(text, sizeof(text), "(no platform)");
		if (out->data && strstr(out->data, text))
			continue; /* once is enough */
		if (buf_printf(out, "%s%s", out->len ? ", " : "", text) < 0)
			return;
	}
}

static int fail_no_match(const struct image_index *index, const struct platform_list *list, struct err *e)
{
	cleanup_buf struct buf there = BUF_INIT(SHOWN_MAX);
	char wanted[3 * PLATFORM_FIELD_MAX] = "this machine";

	if (list->len > 0)
		platform_format(&list->items[0], wanted);
	list_platforms(index, &there);
	if (!there.data)
		return err_set(e, -ENODATA, "no image for %s; there is none at all", wanted);
	return err_set(e, -ENODATA, "no image for %s; there is: %s", wanted, there.data);
}

int image_index_choose(const struct image_index *index, const struct platform_list *list,
		       size_t *ret_position, struct err *e)
{
	bool only_one = count_images(index) == 1;
	size_t best = 0;
	int best_rank = -1;

	for (size_t i = 0; i < index->manifests_len; i++) {
		int rank = rank_of(&index->manifests[i], list, only_one);

		if (rank >= 0 && (best_rank < 0 || rank < best_rank)) {
			best = i;
			best_rank = rank;
		}
	}
	if (best_rank < 0)
		return fail_no_match(index, list, e);
	*ret_position = best;
	return 0;
}
