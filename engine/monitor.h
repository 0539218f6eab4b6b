/* SPDX-License-Identifier: Apache-2.0 */
/* sampan-monitor: one per container that somebody looks after. This is what its three kinds of partners know of it: who starts it
 * (monitor_start), who attaches to it (engine/attach.h), and the two helpers that it runs, `sampan monitor-launch` and `sampan
 * monitor-cleanup`, which do what needs the store, JSON and the runtime. The monitor itself is small, static, and parses nothing.
 *
 *   <state dir>/monitor/<id>/status       the status page (engine/status_page.h)
 *   <state dir>/monitor/<id>/notify/      what the container gets as /run/notify: a socket for its sd_notify(3)
 *   <state dir>/monitor/<id>/attach.sock  SOCK_SEQPACKET: attach, and news of what others did to the container
 *
 * As long as a monitor lives it holds the container's lock (container_lock of store/container.h). That is what "somebody looks after it"
 * means, whatever files are left over; whoever starts or removes a container takes the lock first.
 */
#ifndef SAMPAN_ENGINE_MONITOR_H
#define SAMPAN_ENGINE_MONITOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"
#include "common/strvec.h"
#include "engine/life.h"

#define MONITOR_DIR           "monitor" /* below the state directory */
#define MONITOR_SOCKET        "attach.sock"
#define MONITOR_NOTIFY_DIR    "notify"
#define MONITOR_NOTIFY_SOCKET "notify.sock"
#define MONITOR_DATA_MAX      16384 /* bytes of a container's output in one message */

/* The descriptors that the program starts with. */
enum {
	MONITOR_FD_REPORT =
		3, /* SOCK_SEQPACKET: one monitor_message says how the first start went; then it is closed */
	MONITOR_FD_LOCK,      /* the container's lock */
	MONITOR_FD_CONTAINER, /* its directory in the store */
	MONITOR_FD_RUN,       /* <state dir>/monitor/<id> */
	MONITOR_FD_CLIENT,    /* an attached client from the start on; only with --client */
	MONITOR_FD_LAUNCHER,  /* of the first start's helper, which is running; only with --launcher */
	MONITOR_FD_OUT,       /* our ends of the pipes that it has; those that there are */
	MONITOR_FD_ERR,
	MONITOR_FD_IN,
	MONITOR_FD_END,
	MONITOR_FD_HELPER = 3, /* in a helper: where it sends its monitor_messages */
};

enum monitor_message_type {
	/* Helpers to the monitor, and on to who started it. */
	MONITOR_CREATED =
		1,       /* with the pty's master where there is one. a: pid; u: its start time in ticks */
	MONITOR_HOLD,    /* with a descriptor, which is kept open until the container's end */
	MONITOR_NETWORK, /* with its network namespace, which lives until it has been taken down */
	MONITOR_MEMORY, /* with memory.events of its cgroup, which will be gone with it. u: limit of memory, UINT64_MAX: none */
	MONITOR_STARTED, /* a, u as above */
	MONITOR_FAILED, /* a: exit code in docker's sense (125, 126, 127); b: negative errno; data: the text */
	MONITOR_HERE, /* a monitor's first word where a service manager is to know of it first. a: its pid; it waits for an answer */
	MONITOR_CLEANED, /* a: 1 if the kernel has killed it for its memory; u: limit of memory, UINT64_MAX: none */

	/* Clients to the monitor. */
	MONITOR_ATTACH, /* the first message of one that attaches. a: MONITOR_WANT_*; anything else may follow */
	MONITOR_STDIN, /* data */
	MONITOR_STDIN_END,
	MONITOR_RESIZE,     /* a: rows, b: columns */
	MONITOR_STDOUT_END, /* nobody reads the client's stdout any more */
	MONITOR_PAUSED,     /* somebody has paused the container, and so on */
	MONITOR_RESUMED,
	MONITOR_CHECK,   /* look again whether the user has stopped it */
	MONITOR_RESTART, /* another restart policy. a: its kind; u: its max */

	MONITOR_GO, /* who started the monitor to it: the container may run. The monitor to the first start's helper: the same, and it is ready for it */

	/* The monitor to clients. */
	MONITOR_STDOUT, /* data */
	MONITOR_STDERR, /* data */
	MONITOR_EXIT,   /* the last. a: exit code; b: 1 if killed for its memory; u: limit of memory */

	/* A helper to the monitor, after MONITOR_CLEANED; at the end, so that monitors of older builds understand the others. */
	MONITOR_REMOVED, /* the container is gone for all to see; its files may take a moment more */

	/* The monitor to a client with MONITOR_WANT_CLEANUP, with the container's lock: clear away. a: exit code; data: two int64_t, when it started and
	 * ended, ns since the epoch. It answers as a helper does (container_clean_up): MONITOR_CLEANED is its word that it is at it, and nobody else
	 * then is; MONITOR_REMOVED comes with the directory, locked by flock(2), and its name as data, for the monitor to empty. The same back: it cannot. */
	MONITOR_CLEAN_UP,
	MONITOR_LEAVE, /* the same to the same, once it has begun: it need not wait for MONITOR_EXIT when it is done. a, b, u as there */
};

#define MONITOR_WANT_STDIN  1
#define MONITOR_WANT_STDOUT 2
#define MONITOR_WANT_STDERR 4
#define MONITOR_WANT_PRIMARY \
	8 /* the container's streams are this client's: it is waited for as one waits for a pipe's reader */
#define MONITOR_WANT_CLEANUP 16 /* it clears away after a container that goes with its end, if it is asked */

/* One packet; data_len bytes follow the header in it. Between programs of one build on one machine. */
struct monitor_message {
	uint32_t type; /* enum monitor_message_type */
	int32_t a, b;
	uint32_t data_len;
	uint64_t u;
};

/* Sends header and data as one packet, passed_fd >= 0 with it. `flags`: MSG_DONTWAIT. 0 or -errno. */
int monitor_send(int fd, const struct monitor_message *m, const void *data, int passed_fd,
		 int flags) MUST_CHECK;

/* Receives one packet. *ret_len bytes of data are in `data`, which has room for `max`. 1; 0 when the peer has closed; -EPROTO; -EAGAIN with
 * MSG_DONTWAIT; -errno. ret_fd as fd_pass_receive. */
int monitor_receive(int fd, struct monitor_message *ret, void *data, size_t max, int flags,
		    int *ret_fd) MUST_CHECK;

/* --- who starts one --- */

struct monitor_start {
	const char *root, *state_dir; /* of the globals */
	const char *id, *name, *image_name;
	const struct life *life;
	bool auto_remove;
	int lock_fd;          /* of container_lock */
	int dir_fd;           /* the container's directory */
	int client_fd;        /* the monitor's end of an attached client's socket; -1: none */
	int32_t client_wants; /* MONITOR_WANT_* */
	int (*make_durable)(
		void *arg,
		struct err *
			e); /* done while monitor and container begin, and before anything of it runs; NULL */
	void *durable_arg;
};

/* Starts a monitor for a container that the caller has locked, and waits until the container's program runs. The lock is the monitor's from here
 * on: the caller closes its descriptor. *ret_pid: the container's init on the host. On failure of the start the error is in
 * docker's words and *ret_exit_code 125, 126 or 127; the monitor has cleaned up, or does so. */
int monitor_run(const struct monitor_start *s, pid_t *ret_pid, int *ret_exit_code, struct err *e) MUST_CHECK;

/* Opens <state dir>/monitor/<id>; -ENOENT (no text). With `make` it is made. */
int monitor_open_dir(const char *state_dir, const char *id, bool make, int *ret_fd, struct err *e) MUST_CHECK;

/* Opens <state dir>/monitor. -errno: there is none, or it cannot be opened. */
int monitor_open_all(const char *state_dir) MUST_CHECK;

/* Removes what a monitor left there. An absent one is a success. */
void monitor_remove_dir(const char *state_dir, const char *id);

/* Connects to a monitor. -ENOENT, -ECONNREFUSED: there is none. */
int monitor_connect(int dir_fd, int *ret_fd, struct err *e) MUST_CHECK;

/* Tells it something (MONITOR_PAUSED and the like), and waits until it has heard; two seconds at most, as it hears nothing while a container does not
 * read its input. No monitor is no error. */
void monitor_tell(const char *state_dir, const char *id, enum monitor_message_type type);
void monitor_tell_message(const char *state_dir, const char *id, const struct monitor_message *message);

#endif
