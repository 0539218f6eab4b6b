/* SPDX-License-Identifier: Apache-2.0 */
/* Containers on disk: containers/<id>/{container.json,config.json,upper,work,rootfs}. */
#ifndef SAMPAN_STORE_CONTAINER_H
#define SAMPAN_STORE_CONTAINER_H

#include "oci/overlay.h"
#include "store/image.h"
#include "store/store.h"

#define CONTAINER_ID_LEN 64 /* hex digits */

/* On record are created, running and exited; the others are what a monitor says of a running one. */
enum container_status {
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_RESTARTING,
	CONTAINER_EXITED
};

struct id_range {
	uint32_t first, count;
};

struct container_record {
	char id[CONTAINER_ID_LEN + 1];
	char *name;
	char *image_name;       /* as typed, familiar */
	struct digest image_id; /* config digest */
	struct strvec layers;   /* keys, base first: keeps them from gc even if the image goes */
	struct strvec args;     /* what runs */
	struct strvec labels;   /* "key=value": also those of the image */
	struct strvec binds;    /* directories and files of the host that it has, as `ps` shows them */
	struct strvec volumes;  /* names of those that it has */
	struct strvec anonymous_volumes; /* of those the ones that it named none for: they may go with it */
	struct strvec mounted_layers;    /* keys, of images that it has mounted: kept from gc as well */
	char *mapped; /* key of the copy that it has in place of its layers (store/mapped.h); NULL: none */
	char *created, *started, *finished; /* RFC 3339 or NULL */
	enum container_status status; /* as last written: the caller checks a running one against its pid */
	int64_t pid;                  /* of init on the host while running; else 0 */
	uint64_t pid_start_ticks;     /* process_start_time of it */
	int64_t exit_code;
	bool oom_killed;
	bool auto_remove;
	struct id_range auto_uids, auto_gids; /* of the host, which --userns auto gave it; count 0: none */
	uint32_t restarts; /* by its restart policy, the last time that somebody has started it */
	char *error;       /* why it did not start; NULL */
	/* Not on record: */
	bool lost; /* the record says that it runs, which it does not: by a power cut, or whoever looked after it was killed */
	int health; /* of engine/: enum status_health */
	uint32_t health_failures;
	bool abandoned; /* of engine/: its monitor was killed */
	bool starting; /* of engine/: somebody is about to start it for the first time; it is given as created */
};
void container_record_done(struct container_record *c);
#define cleanup_container_record __attribute__((cleanup(container_record_done)))

/* In a container's directory: mount points, of file systems in memory that are there while it runs. */
#define CONTAINER_VOLATILE \
	"volatile" /* upper and work directory of --ephemeral: it is there for such a container only */
#define CONTAINER_SECRETS  "secrets"
#define CONTAINER_SHM      "shm"
#define CONTAINER_SUBPATHS "subpaths" /* of volumes */

/* "running" ... as docker says it. */
const char *container_status_name(enum container_status s);

/* Makes a new container: picks a random ID, and a name if c->name is NULL; makes its directories and writes container.json, all or
 * nothing. After a power cut it is whole if it is there; whoever has written what else belongs to it syncs the directory (file_sync_all). -ENOENT a layer of c->layers is gone (gc was faster: pull again); -EINVAL bad name ([a-zA-Z0-9][a-zA-Z0-9_.-]+, up to 128 bytes);
 * -EEXIST: 'the container name "web" is already in use by container 0123...'. Fills c->id, c->name, c->created. */
int container_create(const struct store *s, struct container_record *c, struct err *e) MUST_CHECK;

/* Rewrites container.json (atomically; durably when `durable`), but for the name: that is whatever is on record, as somebody may have renamed the
 * container since *c was read. */
int container_save(const struct store *s, const struct container_record *c, bool durable,
		   struct err *e) MUST_CHECK;

/* Makes the name of a container find it again, where that was lost. -EEXIST another has the name. */
int container_restore_name(const struct store *s, const struct container_record *c, struct err *e) MUST_CHECK;

/* Gives a container another name, durably; it may run. -EINVAL bad name; -EEXIST another container has it; -ENOENT. */
int container_rename(const struct store *s, const char *id, const char *name, struct err *e) MUST_CHECK;

/* By ID, name, or unique prefix of an ID, in this order. -ENOENT "no such container: X"; -EINVAL ambiguous prefix. A record that says
 * running but that nobody looks after (container_lock), or whose process is gone, where it names one, is returned as exited (exit code 137, not
 * rewritten). Of one that is damaged
 * only id and name (the short ID) can be told; it is returned as exited, with the reason in `error`, so that it can be removed. */
int container_find(const struct store *s, const char *what, struct container_record *ret,
		   struct err *e) MUST_CHECK;

/* All, newest first, checked as above. */
int container_list(const struct store *s, struct container_record **ret_items, size_t *ret_len,
		   struct err *e) MUST_CHECK;

/* The same for who knows of most of them whether somebody looks after them: here nobody is asked, and what the record says is given. */
int container_list_unchecked(const struct store *s, struct container_record **ret_items, size_t *ret_len,
			     struct err *e) MUST_CHECK;
void container_list_free(struct container_record *items, size_t len);

/* Removes directory, record and name. The caller has made sure that it does not run. -ENOENT. */
int container_remove(const struct store *s, const char *id, struct err *e) MUST_CHECK;

/* The same in two steps, the second of which takes the longer: out of sight, with its name and its hold on layers, and then off the disk. Whoever dies in between
 * leaves the rest to the next collection of garbage (store_gc), which leaves alone what is on its way. */
struct container_removal {
	int dir_fd; /* locked by flock(2); -1: none */
};
void container_removal_done(struct container_removal *r);
#define cleanup_container_removal __attribute__((cleanup(container_removal_done)))
int container_remove_begin(const struct store *s, const char *id, struct container_removal *ret,
			   struct err *e) MUST_CHECK;
int container_remove_end(const struct store *s, const char *id, struct container_removal *removal,
			 struct err *e) MUST_CHECK;

/* What a removal has left whose process was killed between the two steps, or in the second: the name, and files that nobody else is removing.
 * Nothing left is a success. */
int container_remove_rest(const struct store *s, const char *id, struct err *e) MUST_CHECK;

/* Under which name in its parent directory the second step finds it. */
#define CONTAINER_TRASH_MAX (CONTAINER_ID_LEN + 16)
void container_trash_name(const char *id, char ret[CONTAINER_TRASH_MAX]);

/* Unmounts what is mounted in its directory; as much as it can. */
void container_unmount(const struct store *s, const char *id);

/* The trees of layers (keys, base first): absolute paths, topmost first, each once, appended. -ENOMEM. */
int container_lower(const struct store *s, const struct strvec *layers, struct strvec *ret) MUST_CHECK;

/* What a container sees below what it has written itself: the trees of its layers, or the copy of them that it has. Appended as above. */
int container_trees(const struct store *s, const struct container_record *c, struct strvec *ret) MUST_CHECK;

/* The overlay of a container: absolute paths, of the upper directory too. */
int container_overlay(const struct store *s, const struct container_record *c, struct overlay_plan *ret,
		      struct err *e) MUST_CHECK;

/* Opens the upper directory. -ENODATA: it was in memory (CONTAINER_VOLATILE), and the container does not run; with text for people. */
int container_open_upper(const struct store *s, const struct container_record *c, int *ret_fd,
			 struct err *e) MUST_CHECK;

/* The lock of a container is held as long as somebody looks after it (engine/monitor.h): *ret_fd holds it until it and all that were inherited
 * from it are closed. Whoever starts or removes a container takes it first. -EBUSY (no text): somebody has it, unless `wait`. -ENOENT. */
int container_lock(const struct store *s, const char *id, bool wait, int *ret_fd, struct err *e) MUST_CHECK;

/* Opens containers/<id>. -ENOENT. */
int container_open_dir(const struct store *s, const char *id, int *ret_fd, struct err *e) MUST_CHECK;

#endif
