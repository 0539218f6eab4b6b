/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/repair.h"

#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "pull/hash.h"
#include "pull/pull.h"
#include "pull/repair_image.h"
#include "store/blob.h"
#include "store/container.h"
#include "store/image.h"
#include "store/layer.h"
#include "store/step_cache.h"

#define BLOCK_BYTES 65536

int repair_hash_file(int fd, const char *algorithm, struct digest *ret, struct err *e)
{
	cleanup_free char *block = malloc(BLOCK_BYTES);
	cleanup_hash struct hash h = { 0 };
	int r = block ? hash_init(&h, algorithm, e) : err_code(e, -ENOMEM, "cannot read a file");

	while (r == 0) {
		ssize_t n = read(fd, block, BLOCK_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "cannot read a file");
		if (n == 0)
			return hash_final(&h, ret, e);
		r = hash_update(&h, block, (size_t)n, e);
	}
	return r;
}

/* --- image records ---------------------------------------------------------------------------------- */

static int note_failure(struct strvec *failures, enum fsck_subject subject, const char *what,
			const struct err *why)
{
	return strvec_addf(failures, "%s '%s': %s", fsck_subject_name(subject), what, why->text);
}

/* What its record said is lost: it becomes what its name says now. */
static int pull_again(const struct store *s, const char *name, const struct repair_options *o,
		      struct strvec *failures)
{
	const struct pull_options options = { .tls_verify = o->tls_verify,
					      .check_space = true,
					      .cancel_fd = -1 };
	cleanup_pull_result struct pull_result result = { 0 };
	struct err why = { 0 };

	if (pull_image(s, o->from ? o->from : name, &options, &result, &why) < 0)
		return note_failure(failures, FSCK_IMAGE, name, &why);
	return 0;
}

static int repair_records(const struct store *s, const struct fsck_report *damage,
			  const struct repair_options *o, struct strvec *failures)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < damage->len; i++)
		if (damage->items[i].subject == FSCK_IMAGE)
			r = pull_again(s, damage->items[i].what, o, failures);
	return r;
}

/* --- container names -------------------------------------------------------------------------------- */

static int restore_name(const struct store *s, const char *name, struct strvec *failures)
{
	cleanup_container_record struct container_record c = { 0 };
	struct err why = { 0 };

	/* By the name that its record has. */
	if (container_find(s, name, &c, &why) < 0 || container_restore_name(s, &c, &why) < 0)
		return note_failure(failures, FSCK_LINK, name, &why);
	return 0;
}

static int restore_names(const struct store *s, const struct fsck_report *damage, struct strvec *failures)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < damage->len; i++)
		if (damage->items[i].subject == FSCK_LINK)
			r = restore_name(s, damage->items[i].what, failures);
	return r;
}

/* --- layers and documents --------------------------------------------------------------------------- */

static int list_damaged(const struct fsck_report *damage, struct strvec *layers, struct strvec *blobs)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < damage->len; i++) {
		const struct fsck_finding *f = &damage->items[i];
		struct strvec *list = f->subject == FSCK_LAYER ? layers : blobs;

		if ((f->subject == FSCK_LAYER || f->subject == FSCK_BLOB) && !strvec_has(list, f->what))
			r = strvec_add(list, f->what);
	}
	return r;
}

static int repair_images(const struct store *s, const struct repair_options *o, struct strvec *layers,
			 struct strvec *blobs, struct strvec *failures, struct err *e)
{
	struct image_record *items = NULL;
	size_t len = 0, damaged = 0;
	int r = image_list(s, &items, &len, &damaged, e);

	for (size_t i = 0; r == 0 && i < len; i++) {
		struct err why = { 0 };

		if (repair_image(s, &items[i], o, layers, blobs, &why) < 0)
			r = note_failure(failures, FSCK_IMAGE, items[i].name, &why);
	}
	image_list_free(items, len);
	return r;
}

/* What no image needs can be dropped: the kept blob of a layer, which nobody has to have. */
static void drop_blobs(const struct store *s, const struct strvec *blobs)
{
	for (size_t i = 0; i < blobs->len; i++) {
		struct digest digest;
		struct err ignored; /* the next fsck tells */

		if (digest_parse(blobs->items[i], &digest, &ignored) == 0)
			IGNORE_RESULT(blob_drop(s, &digest, &ignored));
	}
}

int repair_store(const struct store *s, const struct fsck_report *damage,
		 const struct repair_options *options, struct strvec *ret_failures, struct err *e)
{
	cleanup_strvec struct strvec layers = { 0 }, blobs = { 0 };
	struct err why = { 0 };
	uint64_t freed;
	int r = repair_records(s, damage, options, ret_failures);

	if (r == 0)
		r = restore_names(s, damage, ret_failures);
	if (r == 0)
		r = list_damaged(damage, &layers, &blobs);
	if (r < 0)
		return err_code(e, r, "cannot repair the store");
	r = repair_images(s, options, &layers, &blobs, ret_failures, e);
	if (r < 0)
		return err_wrap(e, "cannot repair the store");
	drop_blobs(s, &blobs);
	/* Damaged layers that nothing refers to go, and for the cache of builds they are not worth having. */
	if (step_cache_forget_layers(s, &layers, &why) < 0 || store_gc(s, true, &freed, &why) < 0)
		r = strvec_add(ret_failures, why.text);
	if (r < 0)
		return err_code(e, -ENOMEM, "cannot repair the store");
	return 0;
}
