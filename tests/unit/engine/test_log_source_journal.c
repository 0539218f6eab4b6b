/* SPDX-License-Identifier: Apache-2.0 */
/* Against a journald of our own, in a mount namespace with an empty /run. */
#include "engine/log_reader.h"

#include <poll.h>

#include "tests/unit/engine/log_fixture.h"

#define JOURNALD    "/lib/systemd/systemd-journald"
#define PATIENCE_MS 10000

static struct log_writer writer;

static struct log_reader *open_reader(const struct log_config *c, int64_t tail, bool follow)
{
	const struct log_query q = { INT64_MIN, INT64_MAX, tail, follow };
	struct log_reader *r = NULL;
	struct err e;

	CHILD_OK(log_reader_open(AT_FDCWD, c, &q, &r, &e));
	return r;
}

/* What comes until "last\n", or for as long as we wait; "+" before what goes on with a line. */
static void read_to_last(struct log_reader *r, struct buf *ret)
{
	int64_t end = monotonic_ms() + PATIENCE_MS;
	struct log_entry entry;
	struct err e;

	buf_clear(ret);
	while (monotonic_ms() < end) {
		struct pollfd p = { .fd = log_reader_wake_fd(r), .events = POLLIN };
		int n;

		while ((n = log_reader_next(r, &entry, &e)) == LOG_READ_ENTRY) {
			CHILD_CHECK(entry.begins_line || buf_add_char(ret, '+') == 0);
			CHILD_CHECK(buf_add(ret, entry.text, entry.len) == 0);
			CHILD_CHECK(strcmp(entry.details, "MY_LABEL=a%2Cb") == 0);
			CHILD_CHECK((entry.stream == LOG_STDERR) == (entry.len == 4));
			if (entry.len == 5 && memcmp(entry.text, "last\n", 5) == 0)
				return;
		}
		CHILD_OK(n);
		(void)poll(&p, 1, 50);
		if (p.fd >= 0)
			log_reader_take_wake(r);
	}
	CHILD_CHECK(false);
}

static pid_t start_journald(void)
{
	pid_t pid;

	CHILD_CHECK(mount("run", "/run", "tmpfs", 0, NULL) == 0 &&
		    mount("log", "/var/log", "tmpfs", 0, NULL) == 0);
	CHILD_CHECK(mkdir("/run/systemd", 0755) == 0 && mkdir("/run/systemd/journal", 0755) == 0 &&
		    mkdir("/run/log", 0755) == 0 && mkdir("/run/log/journal", 0755) == 0);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* it does not outlive a failure */
		(void)execl(JOURNALD, JOURNALD, NULL);
		_exit(1);
	}
	return pid;
}

static void through_a_journal(void *arg)
{
	static const char *const ATTRIBUTES[] = { "my.label=a,b", NULL };
	struct log_config c = LOG_TEST_CONFIG;
	struct buf all = BUF_INIT(LOG_TEST_MAX);
	static char line[LOG_LINE_MAX + 1];
	pid_t journald = start_journald();
	struct log_reader *r;
	struct err e;
	int64_t end = monotonic_ms() + PATIENCE_MS;

	(void)arg;
	c.driver = LOG_JOURNALD;
	c.attributes = ATTRIBUTES;
	while (log_writer_open(AT_FDCWD, &c, &writer, &e) < 0) {
		CHILD_CHECK(monotonic_ms() < end);
		(void)poll(NULL, 0, 20);
	}
	memset(line, 'l', LOG_LINE_MAX);
	log_test_put(&writer, LOG_STDOUT, "first\n");
	log_test_put(&writer, LOG_STDERR, "bad\n");
	log_test_put(&writer, LOG_STDOUT, line);
	log_test_put(&writer, LOG_STDOUT, " end\nlast\n");
	r = open_reader(&c, LOG_TAIL_ALL, true);
	read_to_last(r, &all);
	CHILD_CHECK(all.len == 6 + 4 + LOG_LINE_MAX + 1 + 5 + 5);
	CHILD_CHECK(memcmp(all.data, "first\nbad\nlll", 13) == 0);
	CHILD_CHECK(strcmp(all.data + 10 + LOG_LINE_MAX, "+ end\nlast\n") == 0);
	/* It goes on where it was. */
	log_test_put(&writer, LOG_STDOUT, "more!\nlast\n");
	read_to_last(r, &all);
	CHILD_CHECK(strcmp(all.data, "more!\nlast\n") == 0);
	log_reader_free(r);
	r = open_reader(&c, 4, false); /* a line of two entries counts once */
	read_to_last(r, &all);
	CHILD_CHECK(all.len == LOG_LINE_MAX + 1 + 5 + 5);
	log_reader_free(r);
	log_writer_close(&writer);
	buf_done(&all);
	CHILD_CHECK(kill(journald, SIGTERM) == 0 && waitpid(journald, NULL, 0) == journald);
}

static void what_the_journal_was_given_is_read_and_followed(void **state)
{
	(void)state;
	need_root();
	if (access(JOURNALD, X_OK) < 0) {
		print_message("there is no " JOURNALD "\n");
		skip();
	}
	run_in_child(CLONE_NEWNS, through_a_journal, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_journal_was_given_is_read_and_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
