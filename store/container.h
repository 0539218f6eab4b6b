/* SPDX-License-Identifier: Apache-2.0 */
/* Containers on disk: containers/<id>/{container.json,config.json,upper,work,rootfs}. */
#ifndef SAMPAN_STORE_CONTAINER_H
#define SAMPAN_STORE_CONTAINER_H

#include "oci/overlay.h"
#include "store/image.h"
#include "store/store.h"

#define CONTAINER_ID_LEN 64 /* hex digits */

enum container_status { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED };

struct container_record {
	char id[CONTAINER_ID_LEN + 1];
	char *name;
	char *image_name;                   /* as typed, familiar */
	struct digest image_id;             /* config digest */
	struct strvec layers;               /* keys, base first: keeps them from gc even if the image goes */
	struct strvec args;                 /* what runs */
	char *created, *started, *finished; /* RFC 3339 or NULL */
	enum container_status status; /* as last written: the caller checks a running one against its pid */
	int64_t pid;                  /* of init on the host while running; else 0 */
	uint64_t pid_start_ticks;     /* process_start_time of it */
	int64_t exit_code;
	bool oom_killed;
	bool auto_remove;
	char *error; /* why it did not start; NULL */
};
void container_record_done(struct container_record *c);
#define cleanup_container_record __attribute__((cleanup(container_record_done)))

/* "running" ... as docker says it. */
const char *container_status_name(enum container_status s);

/* Makes a new container: picks a random ID, and a name if c->name is NULL; makes its directories and writes container.json, all or
 * nothing. -ENOENT a layer of c->layers is gone (gc was faster: pull again); -EINVAL bad name ([a-zA-Z0-9][a-zA-Z0-9_.-]+, up to 128 bytes);
 * -EEXIST: 'the container name "web" is already in use by container 0123...'. Fills c->id, c->name, c->created. */
int container_create(const struct store *s, struct container_record *c, struct err *e) MUST_CHECK;

/* Rewrites container.json (atomically; durably when `durable`). */
int container_save(const struct store *s, const struct container_record *c, bool durable,
		   struct err *e) MUST_CHECK;

/* Makes the name of a container find it again, where that was lost. -EEXIST another has the name. */
int container_restore_name(const struct store *s, const struct container_record *c, struct err *e) MUST_CHECK;

/* By ID, name, or unique prefix of an ID, in this order. -ENOENT "no such container: X"; -EINVAL ambiguous prefix. A record that says
 * running but whose process is gone (or was of another boot) is returned as exited (exit code 137, not rewritten). Of one that is damaged
 * only id and name (the short ID) can be told; it is returned as exited, with the reason in `error`, so that it can be removed. */
int container_find(const struct store *s, const char *what, struct container_record *ret,
		   struct err *e) MUST_CHECK;

/* All, newest first, checked as above. */
int container_list(const struct store *s, struct container_record **ret_items, size_t *ret_len,
		   struct err *e) MUST_CHECK;
void container_list_free(struct container_record *items, size_t len);

/* Removes directory, record and name. The caller has made sure that it does not run. -ENOENT. */
int container_remove(const struct store *s, const char *id, struct err *e) MUST_CHECK;

/* The overlay of a container: absolute paths, of the upper directory too. */
int container_overlay(const struct store *s, const struct container_record *c, struct overlay_plan *ret,
		      struct err *e) MUST_CHECK;

/* Opens containers/<id>. -ENOENT. */
int container_open_dir(const struct store *s, const char *id, int *ret_fd, struct err *e) MUST_CHECK;

#endif
