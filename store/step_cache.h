/* SPDX-License-Identifier: Apache-2.0 */
/* What steps of builds have made, by the steps' keys (build/step_key.h): steps/<hex>, one small file for each, beside the layers in layers/.
 * A record that is damaged, or whose layer is gone, is none: the step is made again. docs/adr/0019 */
#ifndef SAMPAN_STORE_STEP_CACHE_H
#define SAMPAN_STORE_STEP_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/err.h"
#include "common/strvec.h"
#include "store/store.h"

#define STEP_TEXT_MAX    4096   /* bytes of the instruction that are kept */
#define STEP_RECORDS_MAX 65536  /* of one store: build_cache_trim leaves no more */
#define STEP_FILES_MAX   262144 /* that are listed, so that what is over STEP_RECORDS_MAX can be cleaned up */
#define STEP_TOUCH_AFTER_S \
	86400 /* reading a record writes its time of use no more often: flash is precious */

struct step_record {
	struct digest key;
	struct digest before;  /* key of the step that it was made on; unset: of none */
	char *layer;           /* in layers/; NULL: the step has changed nothing */
	struct digest diff_id; /* of the layer */
	uint64_t size_bytes;   /* of the layer's tar */
	char *text;            /* of the instruction, for people; NULL is as good as "" */
	char *created;         /* RFC 3339: when the step was made, be it elsewhere; NULL: nobody knows */
	/* Of no step, but of a URL that was fetched (build/url_record.h); NULL: of a step. */
	char *etag;
	char *file_name;
	struct digest content;
	uint64_t modified_s; /* Last-Modified, since 1970 */
	int64_t used_s;      /* when it was last made or found; seconds since 1970. step_cache_put sets it */
};
void step_record_done(struct step_record *r);
#define cleanup_step_record __attribute__((cleanup(step_record_done)))

/* -ENOENT, without text: there is none that can be used. `now_s`: the time of use that is noted, where the last one is older than STEP_TOUCH_AFTER_S; on a
 * store that cannot be written it is not. *ret is owned. */
int step_cache_find(const struct store *s, const struct digest *key, int64_t now_s, struct step_record *ret,
		    struct err *e) MUST_CHECK;

/* Keeps a record, in the place of one of the same key. Its layer is there, and on disk (layer_commit). Not durable: a power cut may lose it, and no more
 * than that. Takes the store's lock, shared, as image_bind does; for the layer not to be collected before, the caller holds it since before layer_commit. -EINVAL: it has no key, or a layer without a diff ID. */
int step_cache_put(const struct store *s, const struct step_record *r, struct err *e) MUST_CHECK;

/* All that can be read, and those whose layer is gone too, in no order. -EFBIG over STEP_FILES_MAX. */
int step_cache_list(const struct store *s, struct step_record **ret_items, size_t *ret_len,
		    struct err *e) MUST_CHECK;
void step_cache_list_free(struct step_record *items, size_t len);

/* Forgets a step; its layer is garbage then, if nobody else has it. One that is not there is a success. */
int step_cache_remove(const struct store *s, const struct digest *key, struct err *e) MUST_CHECK;

/* Forgets the steps that made any of these layers (keys). */
int step_cache_forget_layers(const struct store *s, const struct strvec *layers, struct err *e) MUST_CHECK;

/* Which records have to go so that the others' layers are `max_bytes` at most and all were used since `since_s` (INT64_MIN: any time): the least recently
 * used first, and never one before those that were made on it. Pure. Sets drop[i] for each of `len` items. A layer that several have counts once. -ENOMEM. */
int step_cache_choose(const struct step_record *items, size_t len, uint64_t max_bytes, int64_t since_s,
		      bool *drop, struct err *e) MUST_CHECK;

#endif
