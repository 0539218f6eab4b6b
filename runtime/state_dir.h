/* SPDX-License-Identifier: Apache-2.0 */
/* <state root>/<id>/ as a directory: what lies in it and how one comes to it.
 *
 *   state.json   what a later process needs to know, written once the process exists
 *   lock         init holds it (flock) from clone3 to execve, where close-on-exec drops it: "has not started" is true
 *                exactly as long, however the processes end
 *   created      made when init is ready to start
 *   start.fifo   init waits for the end of who opens it: the `start` of a program whose execve can hardly fail. That takes the file away
 *                before, and with it what "has not started" says of the lock
 *   start.sock   or it listens there for a `start` that waits for execve
 */
#ifndef SAMPAN_RUNTIME_STATE_DIR_H
#define SAMPAN_RUNTIME_STATE_DIR_H

#include <stdbool.h>

#include "common/err.h"

#define STATE_FILE         "state.json"
#define STATE_LOCK_FILE    "lock"
#define STATE_CREATED_FILE "created"
#define STATE_FIFO_FILE    "start.fifo"
#define STATE_SOCKET_FILE  "start.sock"

#define STATE_ID_MAX       1024

/* [A-Za-z0-9_+.-], 1 to STATE_ID_MAX of them, neither "." nor "..": runc's rule. */
bool state_id_valid(const char *id);

/* Makes <state root> (0711, so that user namespaces can pass) and <state root>/<id>. -EEXIST: 'container with given ID already exists'. */
int state_dir_make(const char *state_root, const char *id, int *ret_fd, struct err *e) MUST_CHECK;

/* -ENOENT: 'container "x" does not exist'. */
int state_dir_open(const char *state_root, const char *id, int *ret_fd, struct err *e) MUST_CHECK;

/* Removes <state root>/<id>. An absent one is a success. */
int state_dir_remove(const char *state_root, const char *id, struct err *e) MUST_CHECK;

/* Makes the lock file and takes the lock, for init to inherit. */
int state_dir_lock(int dir_fd, int *ret_fd, struct err *e) MUST_CHECK;

/* Waits until nobody holds the lock: the program runs, or init is dead. execve closes init's descriptors one after the other, so that who
 * heard the end of its socket may still find the lock held. */
void state_dir_wait_for_lock(int dir_fd);

/* The FIFO of `start`: its end to be read, of which poll says POLLHUP once a writer has come and gone, and the writer's. A writer
 * that leaves the closing to its own end (runtime/operate.c) has nothing left to do when init is woken.
 * -ENOENT: there is none (nothing is said); -ENXIO: nobody waits. fifo(7), poll(2). */
int state_dir_make_fifo(int dir_fd, int *ret_fd, struct err *e) MUST_CHECK;
int state_dir_open_fifo(int dir_fd, int *ret_fd, struct err *e) MUST_CHECK;

/* The socket of `start`: a listening one, and a connection to it. */
int state_dir_listen(int dir_fd, int *ret_fd, struct err *e) MUST_CHECK;
int state_dir_connect(int dir_fd, int *ret_fd, struct err *e) MUST_CHECK;

/* True if the cgroup of that path (NULL: none) is frozen. */
bool state_is_frozen(const char *cgroup_path);

#endif
