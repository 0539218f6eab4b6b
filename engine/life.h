/* SPDX-License-Identifier: Apache-2.0 */
/* How a container is to live: containers/<id>/life.json, written once when it is made (and by `update`). What it runs is in its
 * config.json, what it is in its container.json. */
#ifndef SAMPAN_ENGINE_LIFE_H
#define SAMPAN_ENGINE_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/strvec.h"
#include "engine/health.h"
#include "engine/notify.h"
#include "engine/restart_policy.h"

#define LIFE_STOP_TIMEOUT_S 10 /* docker's */
#define CONTAINER_LIFE_FILE "life.json"

struct life {
	struct restart_policy restart;
	int stop_signal;              /* number */
	int32_t stop_timeout;         /* seconds; -1: no end */
	bool tty, interactive;        /* -t, -i */
	bool init;                    /* --init */
	char *log_driver;             /* NULL: json-file */
	struct strvec log_options;    /* "max-size=10m" */
	char *log_tag;                /* what the option made of it; NULL: none */
	struct strvec log_attributes; /* "key=value": labels and variables that the options chose */
	struct health health;
	struct strvec secrets; /* texts of --secret (engine/secret_use.h) */
	char *pid_from, *ipc_from,
		*users_from;       /* IDs of the containers whose namespaces it joins; NULL: none */
	bool ipc_shareable;        /* others may join its IPC namespace, and have its /dev/shm */
	struct strvec annotations; /* "key=value" of --annotation: the spec has labels in the same list */
	int sdnotify;              /* enum notify_mode */
	bool ephemeral;            /* its upper directory is in memory */
	uint64_t ephemeral_bytes;  /* of that; 0: the kernel's default, half of all memory */
};
void life_done(struct life *l);
#define cleanup_life __attribute__((cleanup(life_done)))

/* What a container has that says nothing. */
#define LIFE_DEFAULT ((struct life){ .stop_signal = 15, .stop_timeout = LIFE_STOP_TIMEOUT_S })

/* dir_fd: the container's directory. Writing replaces the file, durably or not. Reading: an absent file is LIFE_DEFAULT; -EBADMSG damaged. */
int life_write(int dir_fd, const struct life *l, bool durable, struct err *e) MUST_CHECK;
int life_read(int dir_fd, struct life *ret, struct err *e) MUST_CHECK;

/* The user's word that it shall not run: containers/<id>/stopped. Survives a power cut. */
int life_set_stopped(int dir_fd, bool stopped, struct err *e) MUST_CHECK;
bool life_is_stopped(int dir_fd);

#endif
