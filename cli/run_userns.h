/* SPDX-License-Identifier: Apache-2.0 */
/* --userns, --uidmap, --gidmap, --subuidname, --subgidname: which of the host's IDs a container's are. */
#ifndef SAMPAN_CLI_RUN_USERNS_H
#define SAMPAN_CLI_RUN_USERNS_H

#include "cli/run_flags.h"
#include "engine/user_namespace.h"
#include "oci/runtime_spec.h"
#include "store/container.h"

/* Who is who in a container. */
struct run_users {
	struct id_maps maps;          /* all zero: it is in our own user namespace */
	char *user;                   /* who runs in it if nothing else is said, "uid:gid"; NULL: as usual */
	bool add_entry;               /* its passwd shall know that user: it is the one who has called us */
	bool added_user, added_group; /* cli/create_users.c: it did not, and does now */
};
void run_users_done(struct run_users *u);

/* Flags that contradict each other, and modes that there are not. -EINVAL in podman's words. */
int run_userns_check(const struct run_flags *f, struct err *e) MUST_CHECK;

struct userns_args {
	const struct store *store;
	const struct run_flags *flags;
	const char *passwd, *group; /* of the image: what --userns auto has to cover */
};

/* Chooses the maps. What `auto` takes of the host's IDs is put into `record`, and *ret_lock_fd keeps others from taking the same until that is
 * saved; it is untouched in other modes. -ENOENT: no IDs in /etc/subuid, with the cure, or no such container. */
int run_userns_choose(const struct userns_args *a, struct container_record *record, struct run_users *ret,
		      int *ret_lock_fd, struct err *e) MUST_CHECK;

/* cli/run_userns_modes.c, for run_userns_choose: the IDs of keep-id and nomap, which only an ordinary user has, and those of a namespace that is there
 * already, of container:NAME and ns:PATH. True in the first of each pair: `mode` is one of these. */
bool run_userns_is_own(const char *mode);
int run_userns_own(const char *mode, struct run_users *ret, struct err *e) MUST_CHECK;
bool run_userns_is_joined(const char *mode);
int run_userns_joined(const struct store *s, const char *mode, struct id_maps *ret, struct err *e) MUST_CHECK;

/* Whether `mode` is `what`, or that with a value: "auto" and "auto:size=1000". */
bool run_userns_is_mode(const char *mode, const char *what);

/* Puts them into the spec, after everything else is in it: what is mounted of the store (`root`) is idmapped, and what a user namespace's root may
 * not mount comes from the host. `mode` is that of --userns: a path in it is the namespace's. */
int run_userns_apply(const struct id_maps *m, const char *mode, const char *root, struct runtime_spec *s,
		     struct err *e) MUST_CHECK;

#endif
