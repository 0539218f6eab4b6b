/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/log_journal.h"

#include <endian.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/engine/log_fixture.h"

static struct log_writer writer;

/* A journal of ours: a socket that datagrams come to. */
static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

struct entry {
	char data[LOG_LINE_MAX + LOG_SUFFIX_MAX];
	size_t len;
};

static void receive(int fd, struct entry *ret)
{
	ssize_t n = recv(fd, ret->data, sizeof(ret->data), 0);

	assert_true(n > 0);
	ret->len = (size_t)n;
}

/* True if the entry has the field with this value, in one of both forms. */
static bool has(const struct entry *entry, const char *name, const char *value, size_t value_len)
{
	const char *p = entry->data, *end = entry->data + entry->len;

	while (p < end) {
		size_t name_len = strcspn(p, "=\n"), len;
		const char *at = p + name_len + 1;
		bool is_it = name_len == strlen(name) && memcmp(p, name, name_len) == 0;

		if (p[name_len] == '=') {
			len = (size_t)((const char *)memchr(at, '\n', (size_t)(end - at)) - at);
		} else {
			uint64_t le;

			memcpy(&le, at, sizeof(le));
			at += sizeof(le);
			len = le64toh(le);
		}
		assert_true(len < (size_t)(end - at) && at[len] == '\n');
		if (is_it)
			return len == value_len && memcmp(at, value, len) == 0;
		p = at + len + 1;
	}
	return false;
}

static bool has_text(const struct entry *entry, const char *name, const char *value)
{
	return has(entry, name, value, strlen(value));
}

static void entries_have_dockers_fields(void **state)
{
	static const char *const ATTRIBUTES[] = { "com.example-x=1", "_LEAD=a\nb", "___=dropped", NULL };
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;
	const char *path = scratch_path(scratch, "journal");
	cleanup_fd int journal = listen_at(path);
	struct entry entry;

	c.driver = LOG_JOURNALD;
	c.journal_socket = path;
	c.attributes = ATTRIBUTES;
	log_test_open(scratch->fd, &c, &writer);
	log_writer_put(&writer, LOG_STDOUT, "one \0\xff\ntwo\n", 11);
	log_test_put(&writer, LOG_STDERR, "bad\n");
	receive(journal, &entry);
	assert_true(has(&entry, "MESSAGE", "one \0\xff", 6));
	assert_true(has_text(&entry, "PRIORITY", "6"));
	assert_true(has_text(&entry, "CONTAINER_ID", "0123456789ab"));
	assert_true(has_text(&entry, "CONTAINER_ID_FULL", LOG_TEST_ID));
	assert_true(has_text(&entry, "CONTAINER_NAME", "web"));
	assert_true(has_text(&entry, "CONTAINER_TAG", "0123456789ab"));
	assert_true(has_text(&entry, "SYSLOG_IDENTIFIER", "0123456789ab"));
	assert_true(has_text(&entry, "IMAGE_NAME", "alpine"));
	assert_true(has_text(&entry, "COM_EXAMPLE_X", "1"));
	assert_true(has_text(&entry, "LEAD", "a\nb"));
	assert_false(has_text(&entry, "", "dropped"));
	assert_false(has_text(&entry, "CONTAINER_PARTIAL_MESSAGE", "true"));
	receive(journal, &entry);
	assert_true(has_text(&entry, "MESSAGE", "two"));
	receive(journal, &entry);
	assert_true(has_text(&entry, "MESSAGE", "bad"));
	assert_true(has_text(&entry, "PRIORITY", "3"));
	assert_int_equal(log_writer_offset(&writer), 6 + 3 + 3);
	log_writer_close(&writer);
	assert_int_equal(faccessat(scratch->fd, LOG_DIR, F_OK, 0), -1);
}

static void the_tag_names_the_entries(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;
	const char *path = scratch_path(scratch, "journal");
	cleanup_fd int journal = listen_at(path);
	struct entry entry;

	c.driver = LOG_JOURNALD;
	c.journal_socket = path;
	c.tag = "web/1";
	log_test_open(scratch->fd, &c, &writer);
	log_test_put(&writer, LOG_STDOUT, "\n");
	receive(journal, &entry);
	assert_true(has_text(&entry, "MESSAGE", ""));
	assert_true(has_text(&entry, "CONTAINER_TAG", "web/1"));
	assert_true(has_text(&entry, "SYSLOG_IDENTIFIER", "web/1"));
	log_writer_close(&writer);
}

static void parts_of_a_line_are_marked(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;
	const char *path = scratch_path(scratch, "journal");
	cleanup_fd int journal = listen_at(path);
	static char line[LOG_LINE_MAX + 2];
	struct entry entry;

	c.driver = LOG_JOURNALD;
	c.journal_socket = path;
	memset(line, 'l', LOG_LINE_MAX);
	log_test_open(scratch->fd, &c, &writer);
	log_test_put(&writer, LOG_STDOUT, line);
	log_test_put(&writer, LOG_STDOUT, "end\nrest");
	log_writer_close(&writer);
	receive(journal, &entry);
	assert_true(has_text(&entry, "CONTAINER_PARTIAL_MESSAGE", "true"));
	assert_true(has_text(&entry, "MESSAGE", line));
	receive(journal, &entry);
	assert_true(has_text(&entry, "MESSAGE", "end"));
	assert_false(has_text(&entry, "CONTAINER_PARTIAL_MESSAGE", "true"));
	receive(journal, &entry);
	assert_true(has_text(&entry, "MESSAGE", "rest"));
	assert_true(has_text(&entry, "CONTAINER_PARTIAL_MESSAGE", "true"));
}

static void without_a_journal_the_container_does_not_start(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;
	char expected[256], long_path[200];
	struct err e;

	c.driver = LOG_JOURNALD;
	c.journal_socket = scratch_path(scratch, "nobody");
	assert_int_equal(log_writer_open(scratch->fd, &c, &writer, &e), -EOPNOTSUPP);
	(void)snprintf(expected, sizeof(expected),
		       "journald is not enabled on this host ('%s'): no such file or directory",
		       c.journal_socket);
	assert_string_equal(e.text, expected);
	memset(long_path, 'p', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	c.journal_socket = long_path;
	assert_int_equal(log_writer_open(scratch->fd, &c, &writer, &e), -ENAMETOOLONG);
}

static void a_journal_that_restarts_is_found_again(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;
	const char *path = scratch_path(scratch, "journal");
	int journal = listen_at(path);
	struct entry entry;

	c.driver = LOG_JOURNALD;
	c.journal_socket = path;
	log_test_open(scratch->fd, &c, &writer);
	(void)close(journal);
	assert_int_equal(unlink(path), 0);
	log_test_put(&writer, LOG_STDOUT, "lost\nlost too\n");
	assert_int_equal(log_writer_lost(&writer), 2);
	journal = listen_at(path);
	log_test_put(&writer, LOG_STDOUT, "there\n");
	assert_int_equal(log_writer_lost(&writer), 0);
	receive(journal, &entry);
	assert_true(has_text(&entry, "MESSAGE",
			     "sampan: 2 records of this log were lost: no such file or directory"));
	assert_true(has_text(&entry, "PRIORITY", "4"));
	receive(journal, &entry);
	assert_true(has_text(&entry, "MESSAGE", "there"));
	log_writer_close(&writer);
	(void)close(journal);
}

static void a_journal_that_is_stuck_stops_no_container(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;
	const char *path = scratch_path(scratch, "journal");
	cleanup_fd int journal = listen_at(path);

	c.driver = LOG_JOURNALD;
	c.journal_socket = path;
	c.non_blocking = true;
	log_test_open(scratch->fd, &c, &writer);
	for (int i = 0; i < 5000; i++)
		log_test_put(&writer, LOG_STDOUT, "line\n");
	assert_in_range(log_writer_lost(&writer), 1000, 5000);
	log_writer_close(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(entries_have_dockers_fields),
		SCRATCH_TEST(the_tag_names_the_entries),
		SCRATCH_TEST(parts_of_a_line_are_marked),
		SCRATCH_TEST(without_a_journal_the_container_does_not_start),
		SCRATCH_TEST(a_journal_that_restarts_is_found_again),
		SCRATCH_TEST(a_journal_that_is_stuck_stops_no_container),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
