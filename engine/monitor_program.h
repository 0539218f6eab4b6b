/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor's own side: what its parts share. engine/monitor.h is what the others know of it. */
#ifndef SAMPAN_ENGINE_MONITOR_PROGRAM_H
#define SAMPAN_ENGINE_MONITOR_PROGRAM_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/health.h"
#include "engine/log_writer.h"
#include "engine/monitor.h"
#include "engine/notify.h"
#include "engine/restart_policy.h"
#include "engine/status_page.h"

/* From the command line. All borrowed. */
struct monitor_config {
	const char *id;
	struct restart_policy restart;
	int stop_signal;
	int64_t stop_timeout_s; /* -1: no end */
	bool tty, interactive;
	bool stdin_once; /* stdin ends with the client that has it */
	bool auto_remove;
	struct log_config log;
	struct health_rules health;
	int sdnotify;         /* enum notify_mode */
	pid_t launcher;       /* the first start's helper, our child; 0: there is none */
	int32_t client_wants; /* of the client at MONITOR_FD_CLIENT; 0: there is none */
	char *const *sampan;  /* "sampan", "--root", ...: how helpers are called; ended by NULL */
	size_t sampan_len;
};

/* --- the container's streams ------------------------------------------------------------------- */

enum { STREAM_OUT, STREAM_ERR, STREAMS };

#define MONITOR_CHUNK_MAX 65536 /* bytes of output that are read at once: what a pipe holds */
#define MONITOR_PIPE_WIDE (2 * MONITOR_CHUNK_MAX) /* bytes: who writes much can go on while we read */
#define MONITOR_FEW_BYTES \
	4096 /* after a read that got less than this there is no other before poll(2): who writes much does so in larger pieces */

/* What is read of a stream stays in `chunk` until every client has it that wants it: a slow one makes the container wait, as a full pipe would. */
struct monitor_streams {
	int out[STREAMS]; /* read ends; with a terminal its master is the first; -1: closed */
	int in;           /* write end, or the master; -1: closed */
	bool tty;
	int chunk_stream;
	uint32_t chunk_len;       /* 0: free */
	uint32_t in_from, in_len; /* what is not written yet of `input` */
	bool ready[STREAMS];      /* there is something to be read, as far as we know */
	bool wide[STREAMS];       /* its pipe holds MONITOR_PIPE_WIDE bytes */
	char chunk[MONITOR_CHUNK_MAX];
	char input[MONITOR_DATA_MAX];
};
void monitor_streams_init(struct monitor_streams *s);
void monitor_streams_close(struct monitor_streams *s);

/* The ends that the container gets as its 0, 1 and 2, for a helper. */
struct monitor_stdio {
	int fd[3];
};
/* Makes pipes; with `tty` /dev/null, as the terminal comes from the helper; with `own` they are ours. *ret is owned. -errno */
int monitor_streams_open(struct monitor_streams *s, bool tty, bool interactive, bool own,
			 struct monitor_stdio *ret) MUST_CHECK;
void monitor_stdio_close(struct monitor_stdio *stdio);

/* Takes over what who started us has opened in this way: MONITOR_FD_OUT and so on. */
void monitor_streams_adopt(struct monitor_streams *s, bool tty, bool interactive, bool own);

/* Gives back the memory of buffers that hold nothing. */
void monitor_streams_trim(struct monitor_streams *s);

/* Takes the master of the container's terminal. */
void monitor_streams_take_terminal(struct monitor_streams *s, int master_fd, bool interactive);

/* Fills the chunk from stream `which`, with up to `max` bytes. False: there is nothing now, or it has ended and is closed. */
bool monitor_streams_read(struct monitor_streams *s, int which, size_t max);

/* Writes what is waiting for the container. */
void monitor_streams_write(struct monitor_streams *s);
void monitor_streams_close_in(struct monitor_streams *s);

/* --- its output ------------------------------------------------------------------------------------ */

struct monitor;

/* Opens the log, and closes it when the container has ended; once more does not hurt. Errors as log_writer_open. */
int monitor_output_open(struct monitor *m, struct err *e) MUST_CHECK;
void monitor_output_close(struct monitor *m);

/* Hands on what the container has written to streams that are ready, up to a limit, as there are others to be served. Once it has ended all are looked at,
 * and it is true when there is no more. */
bool monitor_output_pump(struct monitor *m);

/* Has files of the log that were rotated made gzip, one after the other, by a helper of low priority. Of a log that is closed what is under way is given up. */
void monitor_output_pack(struct monitor *m);

/* Gives memory back after a burst. `more`: there was output in this turn. */
void monitor_output_trim(struct monitor *m, bool more);

/* --- attached clients -------------------------------------------------------------------------- */

#define MONITOR_CLIENTS_MAX 32

struct monitor_client {
	int fd; /* -1: none */
	int32_t wants;
	bool owed;          /* it has not got the chunk yet */
	bool hushed;        /* it can say nothing any more (monitor_clients_hush) */
	int64_t owed_since; /* monotonic_ms */
};

struct monitor_clients {
	struct monitor_client items[MONITOR_CLIENTS_MAX];
	int listen_fd;
};
void monitor_clients_add(struct monitor *m, int fd, int32_t wants);
void monitor_clients_accept(struct monitor *m);

/* How much of the container's output may be read at once: what is for a client must fit into a message. */
size_t monitor_clients_chunk_max(const struct monitor *m);

/* A new chunk is there: all that want it are owed it. Then, as often as it may go on: true when nobody is owed it any more. */
void monitor_clients_owe(struct monitor *m);
bool monitor_clients_deliver(struct monitor *m);

/* Reads what a client says. */
void monitor_clients_serve(struct monitor *m, struct monitor_client *c);

/* What it has said is heard, and nothing that it says from now on. What we say it still hears, and its end is seen. */
void monitor_clients_hush(struct monitor *m, struct monitor_client *c);

/* The container has ended for good. */
void monitor_clients_end(struct monitor *m, int exit_code, bool oom, uint64_t memory_max);

/* --- helpers ----------------------------------------------------------------------------------- */

struct monitor_helper {
	pid_t pid; /* 0: none */
	int fd;    /* its messages; -1: closed */
	bool ended;
	int status; /* of waitpid(2) */
};

/* Keeps the kernel from killing the monitor for want of memory, where that is allowed. */
void monitor_protect(struct monitor *m);

/* Runs `sampan ... <verb> ARGS ID`; stdio NULL: /dev/null. *ret is taken over. -errno */
int monitor_helper_start(const struct monitor *m, const char *verb, char *const *args,
			 const struct monitor_stdio *stdio, struct monitor_helper *ret) MUST_CHECK;

/* --- a client in a helper's place ---------------------------------------------------------------- */

enum asked_state {
	ASKED_NOBODY,
	ASKED_WAITING, /* it has not said yet that it is at it */
	ASKED_CLAIMED,
	ASKED_DONE,
	ASKED_FAILED, /* it cannot, is gone, or was too late: a helper is needed */
};

struct monitor_asked {
	enum asked_state state;
	struct monitor_client *client;
	int64_t deadline_ms; /* monotonic */
	bool told;           /* ASKED_FAILED, and the container's end has been told as an event */
	int trash_fd;        /* the container's directory, for us to empty; -1: none */
	char trash[128];     /* its name in its parent directory */
};

/* Asks a client to clear away after the container. False: there is none that does. */
bool monitor_asked_begin(struct monitor *m);

/* Takes what a client says if it is about that. fd: borrowed; -1: none. */
bool monitor_asked_hear(struct monitor *m, const struct monitor_client *c,
			const struct monitor_message *message, const char *data, int fd);

/* This client is gone. */
void monitor_asked_drop(struct monitor *m, const struct monitor_client *c);

/* Waits no longer where it is time, which monitor_asked_deadline tells (monotonic_ms; INT64_MAX: never). */
void monitor_asked_hurry(struct monitor *m);
int64_t monitor_asked_deadline(const struct monitor *m);

/* Removes the files that it has left to us. */
void monitor_asked_empty(struct monitor *m);

/* --- health checks ----------------------------------------------------------------------------- */

struct monitor_probe {
	struct monitor_helper helper;
	int64_t due_ms;   /* monotonic; 0: none is due */
	int64_t kill_ms;  /* when the helper is given up */
	int64_t grace_ms; /* the end of the start period */
};

/* The container has started, or has ended. */
void monitor_probe_begin(struct monitor *m);
void monitor_probe_end(struct monitor *m);

/* Starts a check that is due, takes the result of one that has ended. */
void monitor_probe_step(struct monitor *m);

/* When monitor_probe_step is due next (monotonic_ms), INT64_MAX: not by the clock. */
int64_t monitor_probe_deadline(const struct monitor *m);

/* --- the service manager ----------------------------------------------------------------------- */

#define NOTIFY_PENDING_MAX (NOTIFY_MESSAGE_MAX + 32) /* a message and "MAINPID=..." before it */

/* One message waits until the manager takes it; meanwhile the container's wait in its socket, and then the container. */
struct monitor_notify {
	int in, out; /* -1: none */
	size_t pending_len;
	char pending[NOTIFY_PENDING_MAX];
};

/* Connects to the manager that our environment names, and makes the container's socket where it is the one to speak. -errno */
int monitor_notify_open(struct monitor *m) MUST_CHECK;

/* Removes the socket's file. */
void monitor_notify_remove(void);

/* Hands on what the container has said, as far as the manager takes it now. */
void monitor_notify_step(struct monitor *m);

/* The container is ready, as we see it. */
void monitor_notify_ready(struct monitor *m);

/* --- memory ------------------------------------------------------------------------------------- */

struct monitor_memory {
	int events_fd; /* memory.events, whose changes are POLLPRI; -1: it is asked for at the end */
	uint64_t limit;
	bool killed;
};

/* Takes events_fd, for a container that has just been created. */
void monitor_memory_watch(struct monitor *m, int events_fd, uint64_t limit);

/* Something has happened, or the container has just ended. */
void monitor_memory_look(struct monitor *m);
void monitor_memory_end(struct monitor *m);

/* --- all of it --------------------------------------------------------------------------------- */

enum monitor_phase {
	PHASE_LAUNCHING,
	PHASE_RUNNING,
	PHASE_CLEANING,
	PHASE_WAITING, /* for the next start */
	PHASE_DONE,
};

#define MONITOR_HELD_MAX \
	512 /* descriptors; of more published ports than that the last are not bound by anybody */

struct monitor {
	struct monitor_config config;
	enum monitor_phase phase;
	struct shared_page page;
	struct status status;
	struct monitor_streams streams;
	struct log_writer log;
	bool log_open;
	struct monitor_helper packer;
	struct monitor_clients clients;
	struct monitor_helper helper;
	struct monitor_asked asked;
	struct monitor_probe probe;
	struct monitor_notify notify;
	struct monitor_memory memory;
	int report_fd; /* -1: it has been told */
	int signal_fd;
	int netns_fd;        /* -1: it has no network of ours */
	int mntns_fd;        /* of the container that runs; -1: none */
	int64_t launched_ms; /* monotonic */
	int64_t deadline_ms; /* of PHASE_WAITING */
	int64_t kill_ms;     /* when a container that was told to stop gets SIGKILL; 0: never */
	int64_t delay_ms;    /* the last one between two starts */
	int64_t trim_ms;     /* monotonic: when the buffers' memory is given back; 0: never */
	uint64_t untrimmed;  /* bytes of output since that was done */
	uint64_t memory_max;
	bool started; /* MONITOR_STARTED has come, in this launch */
	bool init_ended, ever_started, restarting, stopping;
	bool again; /* a failed health check: it is started again whatever its policy is */
	size_t held_len;
	int held[MONITOR_HELD_MAX];
	char oom_score[16]; /* that we had before monitor_protect, for helpers; "": it was not changed */
	char error[256];    /* why it did not start */
};

#define MONITOR_EXIT_FAILED 125 /* docker's: it was not the program that failed */

/* Until the container has ended for good. Returns the exit code of the program. */
int monitor_main(const struct monitor_config *config);

/* Publishes m->status. */
void monitor_publish(struct monitor *m);

/* Tells who started the monitor that the container's start has failed, with m->error as the reason; only the first report is sent. */
void monitor_report_failure(struct monitor *m, int exit_code);

/* Begins a start of the container, and takes what the helper says that makes or cleans up. */
void monitor_launch(struct monitor *m);
void monitor_read_helper(struct monitor *m);

/* How it was with the container's memory, as MONITOR_CLEANED has it. */
void monitor_take_cleaned(struct monitor *m, const struct monitor_message *message);

/* Goes on to the next phase where this one is over. */
void monitor_step(struct monitor *m);

/* Sends a signal to the container's init, if there is one. */
void monitor_signal(const struct monitor *m, int number);

/* Ends the container: its signal, and SIGKILL after its time. With `again` it is started again afterwards, else not, whatever its policy. */
void monitor_stop(struct monitor *m, bool again);

/* Somebody has stopped the container, or says so: a start that is due is called off. */
void monitor_check_stopped(struct monitor *m);

#endif
