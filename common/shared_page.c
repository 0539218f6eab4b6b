/* SPDX-License-Identifier: Apache-2.0 */
#include "common/shared_page.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/process.h"
#include "common/seqlock.h"

#define MAGIC \
	UINT64_C(0x31307067616d6173) /* "samagp01" and so another one on a machine of the other byte order */
#define SPINS_MAX      64            /* a publication takes less time than a sleep does */
#define PAUSES_MAX     100
#define PAUSE_NS       100000
#define OWNER_WORDS    3 /* before the caller's: generation and format, pid, start time */
#define CHECKSUM_WORDS 1 /* after them */
#define ALL_WORDS(n)   (OWNER_WORDS + (n) + CHECKSUM_WORDS)

struct shared_page_file {
	uint64_t magic;  /* these two are written before the file has a name, and never again */
	uint64_t format; /* of the words, and their number */
	struct seqlock lock;
	uint32_t unused;
	_Atomic uint64_t words[ALL_WORDS(SHARED_PAGE_WORDS_MAX)];
};
_Static_assert(sizeof(struct shared_page_file) <= SHARED_PAGE_BYTES, "a page");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "a lock would not be shared");

static uint64_t format_word(uint32_t format, size_t words)
{
	return (uint64_t)format << 32 | words;
}

/* Of the words and of the number that they are published with: old words under a new number do not pass either. */
static uint64_t checksum(const uint64_t *words, size_t len, uint32_t sequence)
{
	uint64_t sum = UINT64_C(0x9e3779b97f4a7c15) ^ sequence;

	for (size_t i = 0; i < len; i++) {
		sum = (sum ^ words[i]) * UINT64_C(0xd6e8feb86659fd93);
		sum ^= sum >> 32;
	}
	return sum;
}

void shared_page_done(struct shared_page *p)
{
	if (p->file)
		(void)munmap(p->file, SHARED_PAGE_BYTES); /* our own mapping: cannot fail */
	*p = (struct shared_page){ 0 };
}

/* NULL with errno set. */
static struct shared_page_file *map(int fd, bool writable)
{
	int protection = PROT_READ | (writable ? PROT_WRITE : 0);
	void *p = mmap(NULL, SHARED_PAGE_BYTES, protection, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* The lock is the open file's, and the mapping is what keeps that open: it ends with the mapping, or with the process, however that ends. Where it cannot be
 * had the owner is known by its pid alone. */
static void hold(int fd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	(void)fcntl(fd, F_OFD_SETLK, &whole);
}

static bool is_held(int fd)
{
	struct flock whole = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

/* -ENOENT; -EBADMSG. */
static int open_page(int dir_fd, const char *name, uint64_t format, bool writable, struct shared_page *ret)
{
	cleanup_fd int fd =
		openat(dir_fd, name, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	cleanup_shared_page struct shared_page p = { .words = (uint32_t)format };
	struct stat st;

	if (fd < 0)
		return errno == ELOOP ? -EBADMSG : -errno;
	/* Behind the end of a file there is a signal: pages have their size before they have their name. */
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != SHARED_PAGE_BYTES)
		return -EBADMSG;
	p.file = map(fd, writable);
	if (!p.file)
		return -errno;
	if (p.file->magic != MAGIC || p.file->format != format)
		return -EBADMSG;
	if (writable)
		hold(fd);
	*ret = p;
	p.file = NULL;
	return 0;
}

int shared_page_open(int dir_fd, const char *name, uint32_t format, size_t words, struct shared_page *ret,
		     struct err *e)
{
	int r = open_page(dir_fd, name, format_word(format, words), false, ret);

	return r < 0 ? err_code(e, r, "status page '%s'", name) : 0;
}

/* --- becoming its owner --------------------------------------------------------------------------------- */

/* Made without a name, so that nobody finds it half done. open(2), O_TMPFILE */
static int make_page(int dir_fd, const char *name, uint64_t format, struct shared_page *ret, struct err *e)
{
	cleanup_fd int fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
	cleanup_shared_page struct shared_page p = { .words = (uint32_t)format };
	char path[32];
	int r;

	if (fd < 0)
		return err_errno(e, "cannot make status page '%s'", name);
	r = -posix_fallocate(fd, 0, SHARED_PAGE_BYTES);
	if (r < 0)
		return err_code(e, r, "cannot make status page '%s'", name);
	p.file = map(fd, true);
	if (!p.file)
		return err_errno(e, "cannot make status page '%s'", name);
	p.file->magic = MAGIC;
	p.file->format = format;
	hold(fd);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, path, dir_fd, name, AT_SYMLINK_FOLLOW) < 0)
		return err_errno(e, "cannot make status page '%s'", name);
	*ret = p;
	p.file = NULL;
	return 0;
}

/* The generation that a dead owner had; 0 of a page in which nothing can be read. -EBUSY. */
static int last_generation(const struct shared_page *p, uint32_t *ret)
{
	uint64_t words[SHARED_PAGE_WORDS_MAX];
	struct shared_page_owner owner = { 0 };
	uint32_t sequence;
	struct err ignored;

	*ret = 0;
	if (shared_page_read(p, words, &owner, &sequence, &ignored) < 0)
		return 0; /* in the middle of publishing: who lives does not stay there */
	if (shared_page_owner_alive(&owner))
		return -EBUSY;
	*ret = owner.generation;
	return 0;
}

static int become_owner(struct shared_page *p, uint32_t generation, struct err *e)
{
	int r = process_start_time(getpid(), &p->self.start_ticks);

	if (r < 0) {
		shared_page_done(p);
		return err_code(e, r, "cannot look at this process");
	}
	p->self.pid = getpid();
	p->self.generation = generation;
	return 0;
}

int shared_page_create(int dir_fd, const char *name, uint32_t format, size_t words, struct shared_page *ret,
		       struct err *e)
{
	uint32_t generation = 0;
	int r;

	if (words > SHARED_PAGE_WORDS_MAX)
		return err_set(e, -EINVAL, "status page '%s': more than %d words", name,
			       SHARED_PAGE_WORDS_MAX);
	r = open_page(dir_fd, name, format_word(format, words), true, ret);
	if (r == 0) {
		r = last_generation(ret, &generation);
		if (r < 0) {
			shared_page_done(ret);
			return err_set(e, r, "status page '%s' belongs to a process that runs", name);
		}
	} else {
		if (r == -EBADMSG && unlinkat(dir_fd, name, 0) < 0)
			return err_errno(e, "cannot replace '%s'", name);
		r = make_page(dir_fd, name, format_word(format, words), ret, e);
	}
	return r == 0 ? become_owner(ret, generation + 1, e) : r;
}

/* --- publishing and reading ----------------------------------------------------------------------------- */

static void wake(struct shared_page_file *f)
{
	(void)syscall(SYS_futex, &f->lock.sequence, FUTEX_WAKE, INT_MAX, NULL, NULL, 0); /* 0: nobody waits */
}

void shared_page_publish(struct shared_page *p, const uint64_t *words)
{
	size_t len = ALL_WORDS(p->words);
	uint64_t all[ALL_WORDS(SHARED_PAGE_WORDS_MAX)] = { p->self.generation, (uint64_t)p->self.pid,
							   p->self.start_ticks };

	memcpy(all + OWNER_WORDS, words, p->words * sizeof(*words));
	all[len - 1] = checksum(all, len - 1, seqlock_next(&p->file->lock));
	seqlock_write(&p->file->lock, p->file->words, all, len);
	wake(p->file);
}

/* First spinning, as a publication is short, then sleeping, as the publisher may have to get our processor. */
static int copy(const struct shared_page *p, uint64_t *all, uint32_t *ret_sequence)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };

	for (int i = 0; i < SPINS_MAX + PAUSES_MAX; i++) {
		if (seqlock_try_read(&p->file->lock, p->file->words, all, ALL_WORDS(p->words),
				     ret_sequence) == 0)
			return 0;
		if (i >= SPINS_MAX)
			(void)nanosleep(&pause, NULL); /* a signal makes it shorter */
	}
	return -EAGAIN;
}

/* Of words that belong together, or seem to. */
static int take_words(const uint64_t *all, size_t words, uint32_t sequence, uint64_t *ret_words,
		      struct shared_page_owner *ret_owner, struct err *e)
{
	size_t len = ALL_WORDS(words);

	if (all[len - 1] != checksum(all, len - 1, sequence))
		return err_set(e, -EBADMSG, "wrong checksum");
	memcpy(ret_words, all + OWNER_WORDS, words * sizeof(*all));
	*ret_owner = (struct shared_page_owner){ .pid = (pid_t)all[1],
						 .start_ticks = all[2],
						 .generation = (uint32_t)all[0] };
	return 0;
}

int shared_page_read(const struct shared_page *p, uint64_t *ret_words, struct shared_page_owner *ret_owner,
		     uint32_t *ret_sequence, struct err *e)
{
	uint64_t all[ALL_WORDS(SHARED_PAGE_WORDS_MAX)] = { 0 };
	uint32_t sequence;
	int r;

	if (copy(p, all, &sequence) < 0)
		return err_set(e, -EAGAIN, "its owner has stopped in the middle of a change");
	if (sequence == 0)
		return err_set(e, -ENODATA, "nothing is published yet");
	r = take_words(all, p->words, sequence, ret_words, ret_owner, e);
	if (r == 0)
		*ret_sequence = sequence;
	return r;
}

/* 0; -ENOENT; another error: it must be looked at properly. */
static int peek(int dir_fd, const char *name, uint64_t format, uint64_t *ret_words,
		struct shared_page_owner *ret_owner, bool *ret_held)
{
	cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	uint64_t all[ALL_WORDS(SHARED_PAGE_WORDS_MAX)] = { 0 };
	struct shared_page_file f; /* nobody else's */
	uint32_t sequence, words = (uint32_t)format;
	struct err ignored;

	if (fd < 0)
		return -errno;
	*ret_held = is_held(fd);
	if (read(fd, &f, sizeof(f)) != (ssize_t)sizeof(f) || f.magic != MAGIC || f.format != format)
		return -EBADMSG;
	sequence = atomic_load_explicit(&f.lock.sequence, memory_order_relaxed);
	for (size_t i = 0; i < ALL_WORDS(words); i++)
		all[i] = atomic_load_explicit(&f.words[i], memory_order_relaxed);
	if (sequence == 0 || sequence % 2)
		return -EAGAIN;
	return take_words(all, words, sequence, ret_words, ret_owner, &ignored);
}

int shared_page_peek(int dir_fd, const char *name, uint32_t format, size_t words, uint64_t *ret_words,
		     struct shared_page_owner *ret_owner, bool *ret_held, struct err *e)
{
	cleanup_shared_page struct shared_page page = { 0 };
	uint32_t sequence;
	int r;

	*ret_held = false;
	if (words > SHARED_PAGE_WORDS_MAX)
		return err_set(e, -EINVAL, "status page '%s': more than %d words", name,
			       SHARED_PAGE_WORDS_MAX);
	r = peek(dir_fd, name, format_word(format, words), ret_words, ret_owner, ret_held);
	if (r == 0)
		return 0;
	if (r == -ENOENT)
		return err_code(e, r, "status page '%s'", name);
	r = shared_page_open(dir_fd, name, format, words, &page, e);
	return r == 0 ? shared_page_read(&page, ret_words, ret_owner, &sequence, e) : r;
}

int shared_page_wait(const struct shared_page *p, uint32_t sequence, int timeout_ms)
{
	struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };

	/* The kernel compares and goes to sleep as one step for who wakes: a publication in between is not slept through. */
	if (syscall(SYS_futex, &p->file->lock.sequence, FUTEX_WAIT, sequence, &timeout, NULL, 0) < 0 &&
	    errno == ETIMEDOUT)
		return -ETIMEDOUT;
	return 0; /* woken, changed before we slept, or a signal: the caller looks */
}

bool shared_page_owner_alive(const struct shared_page_owner *owner)
{
	cleanup_fd int pidfd = owner->pid > 0 ? process_pidfd_open(owner->pid) : -1;
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	uint64_t ticks = 0;

	if (pidfd < 0 || process_start_time(owner->pid, &ticks) < 0 || ticks != owner->start_ticks)
		return false;
	return poll(&ended, 1, 0) == 0; /* of a zombie it is readable */
}
