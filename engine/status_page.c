/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/status_page.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

#include "common/cleanup.h"

#define STATUS_FORMAT 0x73740001 /* "st", version */
#define LIFE_SIGN_MS  250        /* how long a wait may go on after the monitor was killed */

/* The order is the format. */
enum word {
	WORD_STATE,
	WORD_HEALTH,
	WORD_PID,
	WORD_PID_START_TICKS,
	WORD_EXIT_CODE,
	WORD_OOM_KILLED,
	WORD_RESTARTS,
	WORD_HEALTH_FAILURES,
	WORD_STARTED_NS,
	WORD_FINISHED_NS,
	WORD_LOG_OFFSET,
	WORDS
};
_Static_assert(WORDS <= SHARED_PAGE_WORDS_MAX, "a page");

const char *status_state_name(enum status_state s)
{
	static const char *const NAMES[STATUS_STATES] = { "created", "running", "paused", "restarting",
							  "exited" };

	return NAMES[s];
}

const char *status_health_name(enum status_health h)
{
	static const char *const NAMES[STATUS_HEALTHS] = { "", "starting", "healthy", "unhealthy" };

	return NAMES[h];
}

int status_page_create(int dir_fd, struct shared_page *ret, struct err *e)
{
	return shared_page_create(dir_fd, STATUS_PAGE_FILE, STATUS_FORMAT, WORDS, ret, e);
}

void status_page_publish(struct shared_page *p, const struct status *s)
{
	const uint64_t words[WORDS] = {
		[WORD_STATE] = s->state,
		[WORD_HEALTH] = s->health,
		[WORD_PID] = (uint64_t)s->pid,
		[WORD_PID_START_TICKS] = s->pid_start_ticks,
		[WORD_EXIT_CODE] = (uint64_t)s->exit_code,
		[WORD_OOM_KILLED] = s->oom_killed,
		[WORD_RESTARTS] = s->restarts,
		[WORD_HEALTH_FAILURES] = s->health_failures,
		[WORD_STARTED_NS] = (uint64_t)s->started_ns,
		[WORD_FINISHED_NS] = (uint64_t)s->finished_ns,
		[WORD_LOG_OFFSET] = s->log_offset,
	};

	shared_page_publish(p, words);
}

int status_page_open(int dir_fd, struct shared_page *ret, struct err *e)
{
	return shared_page_open(dir_fd, STATUS_PAGE_FILE, STATUS_FORMAT, WORDS, ret, e);
}

/* The checksum is right, so this is what somebody has published; that he may is for the directory's permissions to say. Whoever it was,
 * nothing of it becomes an index, a signal's target or a number out of range before it has been looked at. */
static bool decode(const uint64_t *words, struct status *ret)
{
	if (words[WORD_STATE] >= STATUS_STATES || words[WORD_HEALTH] >= STATUS_HEALTHS ||
	    words[WORD_PID] > INT32_MAX || words[WORD_EXIT_CODE] > 255 || words[WORD_OOM_KILLED] > 1 ||
	    words[WORD_RESTARTS] > UINT32_MAX || words[WORD_HEALTH_FAILURES] > UINT32_MAX ||
	    words[WORD_STARTED_NS] > INT64_MAX || words[WORD_FINISHED_NS] > INT64_MAX)
		return false;
	*ret = (struct status){
		.state = (enum status_state)words[WORD_STATE],
		.health = (enum status_health)words[WORD_HEALTH],
		.pid = (pid_t)words[WORD_PID],
		.pid_start_ticks = words[WORD_PID_START_TICKS],
		.exit_code = (int)words[WORD_EXIT_CODE],
		.oom_killed = words[WORD_OOM_KILLED] != 0,
		.restarts = (uint32_t)words[WORD_RESTARTS],
		.health_failures = (uint32_t)words[WORD_HEALTH_FAILURES],
		.started_ns = (int64_t)words[WORD_STARTED_NS],
		.finished_ns = (int64_t)words[WORD_FINISHED_NS],
		.log_offset = words[WORD_LOG_OFFSET],
	};
	return true;
}

int status_page_read(const struct shared_page *p, struct status *ret, uint32_t *ret_sequence,
		     struct shared_page_owner *ret_monitor, struct err *e)
{
	uint64_t words[WORDS];
	uint32_t sequence;
	int r = shared_page_read(p, words, ret_monitor, &sequence, e);

	if (r < 0)
		return err_wrap(e, "status page");
	if (!decode(words, ret))
		return err_set(e, -EBADMSG, "status page: no status is like this");
	if (ret_sequence)
		*ret_sequence = sequence;
	return 0;
}

int status_page_peek(int monitors_fd, const char *id, struct status *ret,
		     struct shared_page_owner *ret_monitor, bool *ret_held, struct err *e)
{
	char path[NAME_MAX + sizeof("/" STATUS_PAGE_FILE)];
	uint64_t words[WORDS];
	int r;

	*ret_held = false;
	if (monitors_fd < 0)
		return err_set(e, -ENOENT, "no container has a monitor");
	if (snprintf(path, sizeof(path), "%s/" STATUS_PAGE_FILE, id) >= (int)sizeof(path))
		return err_set(e, -ENAMETOOLONG, "the container's ID is too long");
	r = shared_page_peek(monitors_fd, path, STATUS_FORMAT, WORDS, words, ret_monitor, ret_held, e);
	if (r == 0 && !decode(words, ret))
		r = err_set(e, -EBADMSG, "status page: no status is like this");
	return r;
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int status_page_wait(const struct shared_page *p, bool (*until)(const struct status *s, void *arg), void *arg,
		     int timeout_ms, struct status *ret, struct err *e)
{
	int64_t end = timeout_ms < 0 ? INT64_MAX : now_ms() + timeout_ms;

	for (;;) {
		struct shared_page_owner monitor;
		uint32_t sequence;
		int64_t left;
		int r = status_page_read(p, ret, &sequence, &monitor, e);

		if (r < 0)
			return r;
		if (until(ret, arg))
			return 0;
		left = end - now_ms();
		if (left <= 0)
			return err_set(e, -ETIMEDOUT, "no such status in time");
		if (shared_page_wait(p, sequence, left < LIFE_SIGN_MS ? (int)left : LIFE_SIGN_MS) == 0)
			continue;
		/* The last thing that it said may have come after we stopped to wait and before it died. */
		if (!shared_page_owner_alive(&monitor) && shared_page_wait(p, sequence, 0) < 0)
			return err_set(e, -EOWNERDEAD, "the container's monitor was killed");
	}
}
