/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"

#include "tests/unit/common/scratch.h"

#include <sys/resource.h>
#include <sys/time.h>

#define MIB (1u << 20)

/* Writes or reads a lot through a pipe while a timer interrupts the system calls without restarting them. */
static void on_alarm(int signal)
{
	(void)signal;
}

static void start_interruptions(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval every = { .it_interval = { 0, 5000 }, .it_value = { 0, 5000 } };

	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
}

static void stop_interruptions(void)
{
	struct itimerval never = { 0 };

	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
}

static char pattern(size_t i)
{
	return (char)(i * 7 + i / 251);
}

/* Lets the other side wait now and then, so that pipes run full, and empty. */
static void rest(size_t done)
{
	if (done % (256u << 10) == 0)
		(void)usleep(12000);
}

static void write_all_writes_all_through_interruptions_and_full_pipes(void **state)
{
	cleanup_free char *data = malloc(MIB);
	int fds[2], status;
	pid_t pid;

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < MIB; i++)
		data[i] = pattern(i);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork_or_skip();
	if (pid == 0) {
		char c[1024];

		(void)close(fds[1]);
		for (size_t done = 0; done < MIB;) {
			ssize_t n = read(fds[0], c, sizeof(c));

			CHILD_CHECK(n > 0);
			for (ssize_t i = 0; i < n; i++)
				CHILD_CHECK(c[i] == pattern(done++));
			rest(done);
		}
		CHILD_CHECK(read(fds[0], c, 1) == 0);
		_exit(0);
	}
	(void)close(fds[0]);
	start_interruptions();
	assert_int_equal(write_all(fds[1], data, MIB), 0);
	stop_interruptions();
	(void)close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static pid_t start_slow_writer(int fds[2], size_t bytes)
{
	pid_t pid = fork_or_skip();

	assert_true(pid >= 0);
	if (pid != 0) {
		(void)close(fds[1]);
		return pid;
	}
	for (size_t done = 0; done < bytes;) {
		char c[512];

		for (size_t i = 0; i < sizeof(c); i++)
			c[i] = pattern(done++);
		CHILD_CHECK(write(fds[1], c, sizeof(c)) == sizeof(c));
		rest(done);
	}
	_exit(0);
}

static void read_exactly_reads_all_through_interruptions(void **state)
{
	cleanup_free char *data = malloc(MIB);
	int fds[2], status;
	pid_t pid;

	(void)state;
	assert_non_null(data);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = start_slow_writer(fds, MIB);
	start_interruptions();
	assert_int_equal(read_exactly(fds[0], data, MIB), 0);
	stop_interruptions();
	for (size_t i = 0; i < MIB; i++)
		assert_int_equal(data[i], pattern(i));
	assert_int_equal(read_exactly(fds[0], data, 0), 0);
	assert_int_equal(read_exactly(fds[0], data, 1), -ENODATA);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(fds[0]);
}

static void read_fd_reads_all_through_interruptions(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(MIB);
	struct err e = { 0 };
	int fds[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = start_slow_writer(fds, MIB);
	start_interruptions();
	assert_int_equal(read_fd(fds[0], &out, &e), 0);
	stop_interruptions();
	assert_int_equal(out.len, MIB);
	for (size_t i = 0; i < MIB; i++)
		assert_int_equal(out.data[i], pattern(i));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(fds[0]);
}

static void an_early_end_of_file_is_no_data(void **state)
{
	struct scratch *s = *state;
	char data[8] = "";

	scratch_write(s, "f", "1234");
	{
		cleanup_fd int fd = openat(s->fd, "f", O_RDONLY | O_CLOEXEC);

		assert_int_equal(read_exactly(fd, data, 5), -ENODATA);
	}
	assert_int_equal(read_exactly(-1, data, 1), -EBADF);
	assert_int_equal(write_all(-1, data, 1), -EBADF);
	assert_int_equal(write_all(-1, data, 0), 0);
}

static void a_full_device_stops_write_all(void **state)
{
	cleanup_fd int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, "x", 1), -ENOSPC);
}

static void a_write_to_a_full_pipe_can_be_stopped(void **state)
{
	static const char data[1 << 20];
	int full[2] = { -1, -1 }, cancel[2] = { -1, -1 };

	(void)state;
	assert_true(pipe2(full, O_CLOEXEC) == 0 && pipe2(cancel, O_CLOEXEC) == 0);
	assert_int_equal(write_all_until(full[1], "12345", 5, cancel[0]), 0);
	assert_int_equal(write(cancel[1], "x", 1), 1);
	assert_int_equal(write_all_until(full[1], data, sizeof(data), cancel[0]), -EINTR);
	(void)alarm(30); /* instead of waiting for ever: */
	assert_int_equal(read(cancel[0], &(char){ 0 }, 1), 1);
	if (fork() == 0) {
		(void)usleep(100000);
		_exit(write(cancel[1], "x", 1) == 1 ? 0 : 1);
	}
	assert_int_equal(write_all_until(full[1], data, sizeof(data), cancel[0]), -EINTR);
	(void)alarm(0);
	(void)wait(NULL);
	for (int i = 0; i < 2; i++) {
		(void)close(full[i]);
		(void)close(cancel[i]);
	}
}

static void files_of_just_the_maximum_are_read(void **state)
{
	static const size_t SIZES[] = { 0, 1, 255, 256, 4095, 4096, 4097, 10000 };
	struct scratch *s = *state;
	char text[10001];

	for (size_t i = 0; i < ARRAY_LEN(SIZES); i++) {
		cleanup_buf struct buf fits = BUF_INIT(SIZES[i]);
		struct err e = { 0 };

		memset(text, 'x', SIZES[i]);
		text[SIZES[i]] = '\0';
		scratch_write(s, "f", text);
		assert_int_equal(file_read(s->fd, "f", &fits, &e), 0);
		assert_int_equal(fits.len, SIZES[i]);
		if (SIZES[i] > 0)
			assert_string_equal(fits.data, text);
	}
}

static void files_over_the_maximum_are_refused_by_name(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(5);
	struct scratch *s = *state;
	struct err e = { 0 };

	scratch_write(s, "f", "123456");
	assert_int_equal(file_read(s->fd, "f", &out, &e), -EFBIG);
	assert_string_equal(e.text, "'f': longer than 5 bytes");
	scratch_write(s, "f", "123");
	assert_int_equal(file_read(s->fd, "f", &out, &e), 0);
	assert_int_equal(file_read(s->fd, "f", &out, &e), -EFBIG); /* what is there already counts */
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/maps", &out, &e),
			 -EFBIG); /* sizes that are not known */
	assert_string_equal(e.text, "'/proc/self/maps': longer than 5 bytes");
}

static void read_fd_is_limited_to_the_byte(void **state)
{
	cleanup_buf struct buf fits = BUF_INIT(5), small = BUF_INIT(4);
	struct err e = { 0 };
	int fds[2];

	(void)state;
	for (int round = 0; round < 2; round++) {
		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		assert_int_equal(write_all(fds[1], "12345", 5), 0);
		(void)close(fds[1]);
		assert_int_equal(read_fd(fds[0], round ? &small : &fits, &e), round ? -EFBIG : 0);
		(void)close(fds[0]);
	}
	assert_string_equal(fits.data, "12345");
	assert_string_equal(e.text, "longer than 4 bytes");
	assert_int_equal(read_fd(-1, &small, &e), -EBADF);
}

static void file_read_appends(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(100);
	struct scratch *s = *state;
	struct err e = { 0 };

	scratch_write(s, "f", "two");
	assert_int_equal(buf_add_str(&out, "one "), 0);
	assert_int_equal(file_read(s->fd, "f", &out, &e), 0);
	assert_string_equal(out.data, "one two");
}

static void only_regular_files_are_read(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(100);
	struct scratch *s = *state;
	struct err e = { 0 };

	assert_int_equal(mkdirat(s->fd, "dir", 0755), 0);
	assert_int_equal(mkfifoat(s->fd, "fifo", 0600), 0); /* without a writer it must not block */
	assert_int_equal(file_read(s->fd, "dir", &out, &e), -EINVAL);
	assert_string_equal(e.text, "'dir' is not a regular file");
	assert_int_equal(file_read(s->fd, "fifo", &out, &e), -EINVAL);
	assert_string_equal(e.text, "'fifo' is not a regular file");
	assert_int_equal(file_read(AT_FDCWD, "/dev/zero", &out, &e), -EINVAL);
	assert_int_equal(file_read(s->fd, "absent", &out, &e), -ENOENT);
	assert_string_equal(e.text, "cannot open 'absent': no such file or directory");
	assert_int_equal(file_read(s->fd, "dir/x/y", &out, &e), -ENOENT);
}

static void kernel_files_are_read_to_their_end(void **state)
{
	cleanup_buf struct buf status = BUF_INIT(65536), page = BUF_INIT(65536);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", &status, &e), 0);
	assert_non_null(strstr(status.data, "Pid:"));
	if (file_read(AT_FDCWD, "/sys/kernel/profiling", &page, &e) == 0) /* stat says 4096 */
		assert_true(page.len < 100);
}

static void check_mode(const struct scratch *s, const char *name, mode_t mode)
{
	struct stat st;

	assert_int_equal(fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_mode & 07777, mode);
}

static int count_entries(const struct scratch *s)
{
	cleanup_dir DIR *dir = opendir(s->path);
	int count = -2;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	return count;
}

static void files_are_replaced_whole_with_the_mode_asked_for(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };
	mode_t old = umask(077);

	assert_int_equal(file_write_durable(s->fd, "f", "first and long", 14, 0644, &e), 0);
	assert_true(scratch_holds(s, "f", "first and long"));
	check_mode(s, "f", 0644);
	assert_int_equal(file_write_durable(s->fd, "f", "second", 6, 0400, &e), 0);
	assert_true(scratch_holds(s, "f", "second"));
	check_mode(s, "f", 0400);
	assert_int_equal(file_write_atomic(s->fd, "f", "", 0, 0666, &e), 0);
	assert_true(scratch_holds(s, "f", ""));
	check_mode(s, "f", 0666);
	assert_int_equal(count_entries(s), 1); /* no temporary file is left */
	(void)umask(old);
}

static void a_symlink_is_replaced_and_not_written_through(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };

	scratch_write(s, "victim", "old");
	assert_int_equal(symlinkat("victim", s->fd, "link"), 0);
	assert_int_equal(file_write_atomic(s->fd, "link", "new", 3, 0600, &e), 0);
	assert_true(scratch_holds(s, "victim", "old"));
	check_mode(s, "link", 0600);
}

static void a_reader_of_the_old_file_keeps_it(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };
	char text[4] = "";

	scratch_write(s, "f", "old");
	{
		cleanup_fd int fd = openat(s->fd, "f", O_RDONLY | O_CLOEXEC);

		assert_int_equal(file_write_durable(s->fd, "f", "new", 3, 0600, &e), 0);
		assert_int_equal(read_exactly(fd, text, 3), 0);
	}
	assert_string_equal(text, "old");
}

static void writing_onto_a_directory_fails_and_leaves_nothing(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };

	assert_int_equal(mkdirat(s->fd, "d", 0755), 0);
	assert_int_equal(file_write_durable(s->fd, "d", "x", 1, 0600, &e), -EISDIR);
	assert_string_equal(e.text, "cannot write 'd': is a directory");
	assert_int_equal(count_entries(s), 1);
	assert_int_equal(file_write_atomic(s->fd, "absent/f", "x", 1, 0600, &e), -ENOENT);
}

static void names_may_be_as_long_as_the_file_system_takes(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };
	char name[257];

	memset(name, 'n', 256);
	name[255] = '\0';
	assert_int_equal(file_write_durable(s->fd, name, "x", 1, 0600, &e), 0);
	assert_true(scratch_holds(s, name, "x"));
	name[255] = 'n';
	name[256] = '\0';
	assert_int_equal(file_write_durable(s->fd, name, "x", 1, 0600, &e), -ENAMETOOLONG);
	assert_int_equal(count_entries(s), 1);
}

static void fill_up_and_write(void *arg)
{
	static char block[65536];
	struct scratch *s = arg;
	struct err e = { 0 };

	CHILD_CHECK(mount("tmpfs", s->path, "tmpfs", 0, "size=256k") == 0);
	scratch_reopen(s);
	CHILD_OK(file_write_durable(s->fd, "f", "the old text", 12, 0640, &e));
	for (int i = 0; i < 3; i++)
		CHILD_CHECK(file_write_durable(s->fd,
					       i == 0   ? "f1"
					       : i == 1 ? "f2"
							: "f3",
					       block, sizeof(block), 0600, &e) == 0);
	CHILD_CHECK(file_write_durable(s->fd, "f", block, sizeof(block), 0600, &e) == -ENOSPC);
	CHILD_CHECK(strcmp(e.text, "cannot write 'f': no space left on device") == 0);
	CHILD_CHECK(scratch_holds(s, "f", "the old text"));
	CHILD_CHECK(count_entries(s) == 4);
	CHILD_CHECK(file_write_atomic(s->fd, "f", block, sizeof(block), 0600, &e) == -ENOSPC);
	CHILD_CHECK(scratch_holds(s, "f", "the old text"));
	CHILD_CHECK(count_entries(s) == 4);
}

static void a_full_file_system_leaves_the_old_file(void **state)
{
	need_root();
	run_in_child(CLONE_NEWNS, fill_up_and_write, *state);
}

/* SIGXFSZ and EFBIG in the middle: write(2) first writes a part, then fails. */
static void write_over_the_limit(void *arg)
{
	struct rlimit limit = { 1000, 1000 };
	struct scratch *s = arg;
	struct err e = { 0 };
	char text[2000];

	memset(text, 'x', sizeof(text));
	CHILD_CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	CHILD_CHECK(file_write_durable(s->fd, "f", text, sizeof(text), 0600, &e) == -EFBIG);
	CHILD_CHECK(scratch_holds(s, "f", "old"));
	CHILD_CHECK(count_entries(s) == 1);
}

static void a_write_that_fails_half_way_leaves_the_old_file(void **state)
{
	scratch_write(*state, "f", "old");
	run_in_child(0, write_over_the_limit, *state);
}

static void poking_writes_to_files_that_exist_only(void **state)
{
	struct scratch *s = *state;

	scratch_write(s, "f", "123456");
	assert_int_equal(file_poke(s->fd, "f", "abc"),
			 0); /* no truncation: kernel files have no use for it */
	assert_true(scratch_holds(s, "f", "abc456"));
	assert_int_equal(file_poke(s->fd, "absent", "abc"), -ENOENT);
	assert_int_equal(faccessat(s->fd, "absent", F_OK, 0), -1);
	assert_int_equal(file_poke(s->fd, ".", "abc"), -EISDIR);
	assert_int_equal(file_poke(AT_FDCWD, "/dev/full", "abc"), -ENOSPC);
}

static void directories_are_synced_however_they_were_opened(void **state)
{
	struct scratch *s = *state;
	cleanup_fd int path_fd = open(s->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct err e = { 0 };

	assert_int_equal(dir_sync(s->fd, &e), 0);
	assert_int_equal(dir_sync(path_fd, &e), 0);
	assert_int_equal(dir_sync(AT_FDCWD, &e), 0);
	assert_int_equal(dir_sync(-1, &e), -EBADF);
	assert_string_equal(e.text, "cannot open directory to sync it: bad file descriptor");
}

static void expect_made(const struct scratch *s, const char *path)
{
	cleanup_fd int fd = -1;
	struct err e = { 0 };
	struct stat made, found;

	if (dir_make_open(s->fd, path, 0750, &fd, &e) < 0)
		fail_msg("%s: %s", path, e.text);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fstat(fd, &made), 0);
	assert_int_equal(fstatat(s->fd, path, &found, 0), 0);
	assert_true(made.st_ino == found.st_ino && S_ISDIR(made.st_mode));
	assert_int_equal(made.st_mode & 07777, 0750);
}

static void directories_are_made_with_their_parents(void **state)
{
	static const char *const PATHS[] = { "a",    "a/b",   "c/d/e", "f//g///h",
					     "i/j/", "k/./l", "c/d/e", "link/m" };
	struct scratch *s = *state;
	cleanup_fd int fd = -1;
	struct err e = { 0 };

	assert_int_equal(symlinkat("a", s->fd, "link"), 0);
	for (size_t i = 0; i < ARRAY_LEN(PATHS); i++)
		expect_made(s, PATHS[i]);
	assert_int_equal(dir_make_open(AT_FDCWD, scratch_path(s, "x/y"), 0700, &fd, &e), 0);
	assert_int_equal(faccessat(s->fd, "x/y", F_OK, 0), 0);
	assert_int_equal(faccessat(s->fd, "a/m", F_OK, 0), 0);
}

static void directories_are_not_made_through_files(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };
	int fd = -7;

	scratch_write(s, "file", "");
	assert_int_equal(dir_make_open(s->fd, "file", 0755, &fd, &e), -ENOTDIR);
	assert_string_equal(e.text, "cannot open directory 'file': not a directory");
	assert_int_equal(dir_make_open(s->fd, "file/x/y", 0755, &fd, &e), -ENOTDIR);
	assert_int_equal(dir_make_open(s->fd, "", 0755, &fd, &e), -ENOENT);
	assert_int_equal(fd, -7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write_all_writes_all_through_interruptions_and_full_pipes),
		cmocka_unit_test(read_exactly_reads_all_through_interruptions),
		cmocka_unit_test(read_fd_reads_all_through_interruptions),
		SCRATCH_TEST(an_early_end_of_file_is_no_data),
		cmocka_unit_test(a_full_device_stops_write_all),
		cmocka_unit_test(a_write_to_a_full_pipe_can_be_stopped),
		SCRATCH_TEST(files_of_just_the_maximum_are_read),
		SCRATCH_TEST(files_over_the_maximum_are_refused_by_name),
		cmocka_unit_test(read_fd_is_limited_to_the_byte),
		SCRATCH_TEST(file_read_appends),
		SCRATCH_TEST(only_regular_files_are_read),
		cmocka_unit_test(kernel_files_are_read_to_their_end),
		SCRATCH_TEST(files_are_replaced_whole_with_the_mode_asked_for),
		SCRATCH_TEST(a_symlink_is_replaced_and_not_written_through),
		SCRATCH_TEST(a_reader_of_the_old_file_keeps_it),
		SCRATCH_TEST(writing_onto_a_directory_fails_and_leaves_nothing),
		SCRATCH_TEST(names_may_be_as_long_as_the_file_system_takes),
		SCRATCH_TEST(a_full_file_system_leaves_the_old_file),
		SCRATCH_TEST(a_write_that_fails_half_way_leaves_the_old_file),
		SCRATCH_TEST(poking_writes_to_files_that_exist_only),
		SCRATCH_TEST(directories_are_synced_however_they_were_opened),
		SCRATCH_TEST(directories_are_made_with_their_parents),
		SCRATCH_TEST(directories_are_not_made_through_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
