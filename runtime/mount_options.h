/* SPDX-License-Identifier: Apache-2.0 */
/* Mount options as text -> what the kernel takes. Pure. runtime-spec config.md#mounts and config-linux.md, mount(8). */
#ifndef SAMPAN_RUNTIME_MOUNT_OPTIONS_H
#define SAMPAN_RUNTIME_MOUNT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/strvec.h"

struct mount_options {
	unsigned long flags;       /* MS_RDONLY, MS_NOSUID, ...: those that were set */
	unsigned long cleared;     /* those that were cleared by name ("rw", "suid") */
	bool bind, recursive_bind; /* "bind", "rbind" */
	uint64_t attr_set;         /* MOUNT_ATTR_* of "rro" and its kin: for the whole tree */
	uint64_t attr_clear;
	unsigned long propagation;   /* MS_PRIVATE | MS_REC and so on; 0: as it comes */
	bool idmap, recursive_idmap; /* "idmap"; "ridmap", which sets both */
	bool copy_up;                /* "tmpcopyup": the tmpfs begins with what it hides */
	char *data;                  /* what is left, for the file system, comma-separated; NULL: nothing */
};

/* -EFBIG, -ENOMEM. The list is borrowed for the call only. */
int mount_options_parse(const struct strvec *options, struct mount_options *ret, struct err *e) MUST_CHECK;
void mount_options_done(struct mount_options *o);

/* mount(2) flags -> MOUNT_ATTR_* of mount_setattr(2): what to set and what to clear. */
void mount_options_attributes(const struct mount_options *o, uint64_t *ret_set, uint64_t *ret_clear);

/* The names that we understand, for `features`; ended by NULL. */
const char *const *mount_options_names(void);

/* "rprivate" and the like -> MS_*; 0: not a propagation. */
unsigned long mount_propagation_parse(const char *name);

#endif
