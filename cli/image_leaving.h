/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves the store for a name: an image, an index with all that it names, or a list of `sampan manifest`. */
#ifndef SAMPAN_CLI_IMAGE_LEAVING_H
#define SAMPAN_CLI_IMAGE_LEAVING_H

#include <stdbool.h>

#include "common/err.h"
#include "pull/stored_index.h"
#include "store/image.h"
#include "store/store.h"

/* What is behind "containers-storage:", or, as podman has it, "containers-storage:@" and an ID; borrowed. NULL: it is something else. */
const char *leaving_stored_name(const char *text);

struct leaving {
	struct image_record record; /* of a list all of it is unset but the name */
	bool is_named;              /* it was asked for by its name, not by an ID or a digest */
	bool is_list;
	bool is_whole;             /* `whole` goes */
	struct stored_index whole; /* also where one image of several goes */
	char *image;               /* the one that goes; NULL: is_whole */
};
void leaving_done(struct leaving *l);
#define cleanup_leaving __attribute__((cleanup(leaving_done)))

/* By what a person typed, and with `platform` (NULL: not asked for) one image of it. A name means the index that it was bound with, where the store has all of that; an ID means one
 * image. -ENOENT, -ENODATA (pull/stored_index.h). */
int leaving_find(const struct store *s, const char *what, const struct platform *platform,
		 struct leaving *ret, struct err *e) MUST_CHECK;

/* The same where one image is all that can go, or all that is wanted: of an index, whatever the store has of it, the one that the name is bound to. A list is found as a whole. */
int leaving_find_one(const struct store *s, const char *what, const struct platform *platform,
		     struct leaving *ret, struct err *e) MUST_CHECK;

/* Pushes it to `target`, a canonical reference. */
int leaving_push(const struct store *s, struct leaving *l, const char *target,
		 const struct push_options *options, struct push_result *ret, struct err *e) MUST_CHECK;

/* Adds it to a layout under `names`. */
int leaving_put(const struct store *s, struct leaving *l, const struct strvec *names,
		const struct push_options *options, struct layout *layout, struct push_result *ret,
		struct err *e) MUST_CHECK;

/* Writes the event of `action`, "push" or "save", under the name that it left by. A list is no image, and has none. */
void leaving_event(const struct store *s, const char *state_dir, const struct leaving *l, const char *action,
		   const char *name);

/* Whether images of its index stay behind, and why: text for a person. NULL: none do. Static. */
const char *leaving_note(const struct leaving *l);

#endif
