/* SPDX-License-Identifier: Apache-2.0 */
/* stress_shared_page processes|threads SECONDS: one writer and readers on all processors; a torn read fails it.
 *
 * Every publication holds one number in each word, so that words of two of them show at once; the checksum is not relied upon. `threads` is
 * for ThreadSanitizer, `processes` is how it is used. */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/parse.h"
#include "common/seqlock.h"
#include "common/shared_page.h"

#define WORDS       16
#define READERS_MAX 64
#define FORMAT      1

/* Shared by all, in memory of its own. */
struct board {
	_Atomic bool stop;
	_Atomic uint64_t published, torn, back;
	_Atomic uint64_t read[READERS_MAX], retried[READERS_MAX], last[READERS_MAX];
};

struct place {
	struct board *board;
	int dir_fd;
	struct shared_page writer; /* of the process that publishes */
	long readers;
};

static void publish_until_stopped(struct place *p)
{
	uint64_t words[WORDS];

	for (uint64_t n = 1; !atomic_load_explicit(&p->board->stop, memory_order_relaxed); n++) {
		for (size_t i = 0; i < WORDS; i++)
			words[i] = n;
		shared_page_publish(&p->writer, words);
		atomic_store_explicit(&p->board->published, n, memory_order_relaxed);
	}
}

static void read_until_stopped(struct place *p, long index)
{
	cleanup_shared_page struct shared_page page = { 0 };
	struct board *board = p->board;
	uint64_t words[WORDS], last = 0, count = 0, retried = 0;
	struct err e;

	if (shared_page_open(p->dir_fd, "page", FORMAT, WORDS, &page, &e) < 0) {
		(void)fprintf(stderr, "stress: %s\n", e.text);
		atomic_fetch_add_explicit(&board->torn, 1, memory_order_relaxed);
		return;
	}
	while (!atomic_load_explicit(&board->stop, memory_order_relaxed)) {
		struct shared_page_owner owner;
		uint32_t sequence;
		bool held;
		int r = count % 4 ? shared_page_read(&page, words, &owner, &sequence, &e)
				  : shared_page_peek(p->dir_fd, "page", FORMAT, WORDS, words, &owner, &held,
						     &e);

		if (r == -EAGAIN || r == -ENODATA) {
			retried++;
			continue;
		}
		for (size_t i = 1; r == 0 && i < WORDS; i++)
			r = words[i] == words[0] ? 0 : -EBADMSG;
		if (r < 0)
			atomic_fetch_add_explicit(&board->torn, 1, memory_order_relaxed);
		else if (words[0] < last)
			atomic_fetch_add_explicit(&board->back, 1, memory_order_relaxed);
		else
			last = words[0];
		count++;
	}
	atomic_store_explicit(&board->read[index], count, memory_order_relaxed);
	atomic_store_explicit(&board->retried[index], retried, memory_order_relaxed);
	atomic_store_explicit(&board->last[index], last, memory_order_relaxed);
}

static void wait_seconds(uint64_t seconds)
{
	struct timespec left = { .tv_sec = (time_t)seconds };

	while (nanosleep(&left, &left) < 0)
		;
}

/* --- processes ------------------------------------------------------------------------------------------ */

static int run_processes(struct place *p, uint64_t seconds)
{
	pid_t children[READERS_MAX];
	int failed = 0, status;

	for (long i = 0; i < p->readers; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			read_until_stopped(p, i);
			_exit(0);
		}
		if (children[i] < 0)
			return -1;
	}
	children[p->readers] = fork();
	if (children[p->readers] == 0) {
		wait_seconds(seconds);
		atomic_store_explicit(&p->board->stop, true, memory_order_relaxed);
		_exit(0);
	}
	publish_until_stopped(p);
	for (long i = 0; i <= p->readers; i++)
		if (waitpid(children[i], &status, 0) < 0 || status != 0)
			failed++;
	return failed;
}

/* --- threads -------------------------------------------------------------------------------------------- */

struct reader {
	pthread_t thread;
	struct place *place;
	long index;
};

static void *reader_thread(void *arg)
{
	struct reader *r = arg;

	read_until_stopped(r->place, r->index);
	return NULL;
}

static void *writer_thread(void *arg)
{
	publish_until_stopped(arg);
	return NULL;
}

static int run_threads(struct place *p, uint64_t seconds)
{
	struct reader readers[READERS_MAX];
	pthread_t writer;
	int failed = 0;

	if (pthread_create(&writer, NULL, writer_thread, p) != 0)
		return -1;
	for (long i = 0; i < p->readers; i++) {
		readers[i] = (struct reader){ .place = p, .index = i };
		if (pthread_create(&readers[i].thread, NULL, reader_thread, &readers[i]) != 0)
			return -1;
	}
	wait_seconds(seconds);
	atomic_store_explicit(&p->board->stop, true, memory_order_relaxed);
	for (long i = 0; i < p->readers; i++)
		failed += pthread_join(readers[i].thread, NULL) != 0;
	return failed + (pthread_join(writer, NULL) != 0);
}

/* ---------------------------------------------------------------------------------------------------------- */

/* A reader that never saw anything has shown nothing. */
static int report(const struct place *p, const char *mode, int failed)
{
	uint64_t count = 0, retried = 0, idle = 0, torn = p->board->torn, back = p->board->back;

	for (long i = 0; i < p->readers; i++) {
		count += p->board->read[i];
		retried += p->board->retried[i];
		idle += p->board->read[i] == 0 || p->board->last[i] == 0;
	}
	printf("stress, %s: %ju published, %ld readers: %ju read, %ju tried again, %ju torn, %ju back in "
	       "time, %ju saw nothing\n",
	       mode, (uintmax_t)p->board->published, p->readers, (uintmax_t)count, (uintmax_t)retried,
	       (uintmax_t)torn, (uintmax_t)back, (uintmax_t)idle);
	return failed || torn || back || idle ? 1 : 0;
}

int main(int argc, char **argv)
{
	char dir[] = "/dev/shm/sampan-stress-XXXXXX";
	struct place p = { .readers = sysconf(_SC_NPROCESSORS_ONLN) };
	uint64_t seconds;
	struct err e;
	int r;

	if (argc != 3 || parse_u64(argv[2], 1, 86400, &seconds) < 0) {
		(void)fprintf(stderr, "usage: stress_shared_page processes|threads SECONDS\n");
		return 2;
	}
	/* One more than processors: some are always taken theirs away in the middle of a copy. */
	p.readers = p.readers + 1 < READERS_MAX ? p.readers + 1 : READERS_MAX - 1;
	p.board = mmap(NULL, sizeof(*p.board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p.board == MAP_FAILED || !mkdtemp(dir))
		return 1;
	p.dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p.dir_fd < 0 || shared_page_create(p.dir_fd, "page", FORMAT, WORDS, &p.writer, &e) < 0) {
		(void)fprintf(stderr, "stress: cannot make the page\n");
		return 1;
	}
	r = strcmp(argv[1], "threads") == 0 ? run_threads(&p, seconds) : run_processes(&p, seconds);
	r = report(&p, argv[1], r);
	(void)unlinkat(p.dir_fd, "page", 0);
	(void)rmdir(dir);
	return r;
}
