/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/hash_apart.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"
#include "pull/sandbox.h"

#define SLOTS      4
#define SLOT_BYTES ((size_t)256 << 10)
#define ROOM_BYTES ((size_t)64 << 10) /* few large reads are better than many small ones */

/* Bytes go through slots of shared memory, one after the other, round and round. Through the socket goes, to the process, how many bytes are in the next
 * one (0: that was all), and back a byte for each that is free again, and at the end a struct message. The slots are in order between the two because
 * send(2) and recv(2) are: what was stored before one is seen after the other. Whoever dies closes its end, so that nobody waits for ever. */
struct hash_apart_ring {
	char *slots;    /* SLOTS of SLOT_BYTES */
	int fd;         /* a stream */
	pid_t pid;      /* 0: reaped */
	size_t current; /* the slot that is being filled; it is free if fewer than SLOTS are with the process */
	size_t filled; /* bytes of it */
	size_t away;   /* slots that are with the process */
};

struct message {
	struct err err; /* code 0: there is a digest */
	struct digest digest;
};

static void ring_free(struct hash_apart_ring *ring)
{
	if (!ring)
		return;
	cleanup_fd_fn(&ring->fd);
	if (ring->pid > 0) {
		(void)kill(ring->pid, SIGKILL); /* not reaped yet, so the number is its own */
		while (waitpid(ring->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (ring->slots)
		(void)munmap(ring->slots, SLOTS * SLOT_BYTES); /* only memory */
	free(ring);
}

/* --- in the process ------------------------------------------------------------------------------------------ */

static void hash_slots(struct hash_apart *h, int fd, struct message *m)
{
	const struct hash_apart_ring *ring = h->ring;
	uint32_t len;
	int r = 0;

	for (size_t i = 0;; i = (i + 1) % SLOTS) {
		if (read_exactly(fd, &len, sizeof(len)) < 0 || len > SLOT_BYTES)
			_exit(1);
		if (len == 0)
			break;
		if (r == 0)
			r = hash_update(&h->hash, ring->slots + i * SLOT_BYTES, len, &m->err);
		if (send(fd, "", 1, MSG_NOSIGNAL) != 1)
			_exit(1);
	}
	if (r == 0)
		r = hash_final(&h->hash, &m->digest, &m->err);
	if (r == 0)
		m->err.code = 0;
}

static _Noreturn void run(struct hash_apart *h, int fd, pid_t parent)
{
	struct message m;
	sigset_t all;

	memset(&m, 0, sizeof(m));
	/* Who is told to stop ends us. Whoever waits for the end of a stream of the caller's must not wait for us. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL); /* neither can fail */
	if (process_close_others(0, &fd, 1) < 0 || sandbox_die_with(parent, &m.err) < 0)
		_exit(1);
	hash_slots(h, fd, &m);
	_exit(write_all(fd, &m, sizeof(m)) < 0);
}

/* --- beside it ----------------------------------------------------------------------------------------------- */

/* The child goes on with the hash as it is by now, which it has a copy of. -errno. */
static int start(struct hash_apart *h)
{
	struct hash_apart_ring *ring = calloc(1, sizeof(*ring));
	pid_t parent = getpid();
	void *slots;
	int fds[2];

	if (!ring)
		return -ENOMEM;
	ring->fd = -1;
	slots = mmap(NULL, SLOTS * SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ring->slots = slots == MAP_FAILED ? NULL : slots;
	if (!ring->slots || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
		ring_free(ring);
		return -ENOMEM;
	}
	ring->fd = fds[0];
	h->ring = ring;
	ring->pid = fork();
	if (ring->pid == 0)
		run(h, fds[1], parent);
	(void)close(fds[1]); /* the child's */
	if (ring->pid > 0)
		return 0;
	h->ring = NULL;
	ring_free(ring);
	return -EAGAIN;
}

static int died(struct err *e)
{
	return err_set(e, -EPROTO, "the process that computes a digest has died");
}

/* Bytes for slots that are free again: those that have come, at least one. */
static int wait_for_slots(struct hash_apart_ring *ring)
{
	char bytes[SLOTS];
	ssize_t n;

	do
		n = read(ring->fd, bytes, ring->away);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return -EPROTO;
	ring->away -= (size_t)n;
	return 0;
}

static int tell(const struct hash_apart_ring *ring, uint32_t len)
{
	ssize_t n;

	do
		n = send(ring->fd, &len, sizeof(len), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(len)
		       ? 0
		       : -EPROTO; /* a stream that is all but empty takes four bytes at once */
}

static int hand_over(struct hash_apart_ring *ring)
{
	int r = tell(ring, (uint32_t)ring->filled);

	ring->current = (ring->current + 1) % SLOTS;
	ring->filled = 0;
	ring->away++;
	return r;
}

int hash_apart_init(struct hash_apart *h, const char *algorithm, struct err *e)
{
	*h = (struct hash_apart){ 0 };
	return hash_init(&h->hash, algorithm, e);
}

/* Of the slot that is being filled; NULL: the process has died. */
static char *rest_of_slot(struct hash_apart_ring *ring, size_t *ret_len)
{
	if (ring->away == SLOTS && wait_for_slots(ring) < 0)
		return NULL;
	*ret_len = SLOT_BYTES - ring->filled;
	return ring->slots + ring->current * SLOT_BYTES + ring->filled;
}

void *hash_apart_room(struct hash_apart *h, size_t *ret_len)
{
	struct hash_apart_ring *ring = h->ring;

	if (!ring || (SLOT_BYTES - ring->filled < ROOM_BYTES && hand_over(ring) < 0))
		return NULL;
	return rest_of_slot(ring, ret_len);
}

static int update_here(struct hash_apart *h, const void *data, size_t len, struct err *e)
{
	int r = hash_update(&h->hash, data, len, e);

	h->here_bytes += len;
	if (r == 0 && h->here_bytes >= HASH_APART_WORTH_BYTES && !h->is_alone)
		h->is_alone = start(h) < 0;
	return r;
}

int hash_apart_update(struct hash_apart *h, const void *data, size_t len, struct err *e)
{
	const char *from = data;

	if (!h->ring)
		return update_here(h, data, len, e);
	while (len > 0) {
		size_t n;
		char *to = rest_of_slot(h->ring, &n);

		if (!to)
			return died(e);
		if (n > len)
			n = len;
		if (to != from)
			memcpy(to, from, n);
		h->ring->filled += n;
		from += n;
		len -= n;
		if (h->ring->filled == SLOT_BYTES && hand_over(h->ring) < 0)
			return died(e);
	}
	return 0;
}

static int take_result(struct hash_apart_ring *ring, struct message *m)
{
	int r = ring->filled > 0 ? hand_over(ring) : 0;

	if (r == 0)
		r = tell(ring, 0);
	while (r == 0 && ring->away > 0)
		r = wait_for_slots(ring);
	return r < 0 ? r : read_exactly(ring->fd, m, sizeof(*m));
}

int hash_apart_final(struct hash_apart *h, struct digest *ret, struct err *e)
{
	struct message m;

	if (!h->ring)
		return hash_final(&h->hash, ret, e);
	if (take_result(h->ring, &m) < 0)
		return died(e);
	m.err.text[sizeof(m.err.text) - 1] = '\0';
	m.digest.text[sizeof(m.digest.text) - 1] = '\0';
	if (m.err.code < 0)
		*e = m.err;
	else
		*ret = m.digest;
	return m.err.code;
}

void hash_apart_done(struct hash_apart *h)
{
	ring_free(h->ring);
	h->ring = NULL;
	hash_done(&h->hash);
}

pid_t hash_apart_pid(const struct hash_apart *h)
{
	return h->ring ? h->ring->pid : 0;
}
