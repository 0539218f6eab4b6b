/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fd_pass.h"

#include "tests/unit/common/scratch.h"

#include <sys/socket.h>

static void make_pair(int type, int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
}

static void close_pair(const int fds[2])
{
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void a_message_travels_with_its_descriptor(void **state)
{
	struct scratch *s = *state;
	cleanup_fd int file = -1, got = -1;
	struct stat sent, received;
	char data[16] = "";
	int fds[2];

	scratch_write(s, "f", "x");
	file = openat(s->fd, "f", O_RDONLY); /* without close-on-exec, which the receiver must set */
	make_pair(SOCK_SEQPACKET, fds);
	assert_int_equal(fd_pass_send(fds[0], "hello", 5, file), 0);
	assert_int_equal(fd_pass_receive(fds[1], data, sizeof(data), &got), 5);
	assert_string_equal(data, "hello");
	assert_true(got >= 0 && got != file);
	assert_true(fcntl(got, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fstat(file, &sent), 0);
	assert_int_equal(fstat(got, &received), 0);
	assert_int_equal(sent.st_ino, received.st_ino);
	close_pair(fds);
}

static void a_message_without_a_descriptor_leaves_the_place_alone(void **state)
{
	char data[16] = "";
	int fds[2], got = -7;

	(void)state;
	make_pair(SOCK_SEQPACKET, fds);
	assert_int_equal(fd_pass_send(fds[0], "hi", 2, -1), 0);
	assert_int_equal(fd_pass_receive(fds[1], data, sizeof(data), &got), 2);
	assert_string_equal(data, "hi");
	assert_int_equal(got, -7);
	close_pair(fds);
}

static void an_unwanted_descriptor_is_closed(void **state)
{
	int fds[2], before;
	char data[16];

	(void)state;
	make_pair(SOCK_SEQPACKET, fds);
	before = count_open_descriptors();
	assert_int_equal(fd_pass_send(fds[0], "x", 1, fds[0]), 0);
	assert_int_equal(fd_pass_receive(fds[1], data, sizeof(data), NULL), 1);
	assert_int_equal(count_open_descriptors(), before);
	close_pair(fds);
}

/* A peer that means ill sends more than one. */
static void send_many(int socket_fd, const int *passed, size_t count)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(8 * sizeof(int))];
	} control = { 0 };
	struct iovec part = { .iov_base = (char[]){ 'x' }, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = CMSG_SPACE(count * sizeof(int)) };

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(&control.header), passed, count * sizeof(int));
	assert_int_equal(sendmsg(socket_fd, &message, 0), 1);
}

static void more_descriptors_than_one_do_not_pile_up(void **state)
{
	int fds[2], before, passed[8];
	char data[16];

	(void)state;
	if (emulated())
		skip(); /* its recvmsg loses those that do not fit */
	make_pair(SOCK_SEQPACKET, fds);
	before = count_open_descriptors();
	for (size_t i = 0; i < 8; i++)
		passed[i] = fds[0];
	for (size_t count = 2; count <= 8; count++) {
		int got = -1;

		send_many(fds[0], passed, count);
		assert_int_equal(fd_pass_receive(fds[1], data, sizeof(data), &got), 1);
		if (got >= 0)
			(void)close(got);
		assert_int_equal(count_open_descriptors(), before);
		send_many(fds[0], passed, count);
		assert_int_equal(fd_pass_receive(fds[1], data, sizeof(data), NULL), 1);
		assert_int_equal(count_open_descriptors(), before);
	}
	close_pair(fds);
}

static void a_closed_peer_reads_as_the_end(void **state)
{
	char data[16];
	int fds[2], got = -7;

	(void)state;
	make_pair(SOCK_SEQPACKET, fds);
	(void)close(fds[0]);
	assert_int_equal(fd_pass_receive(fds[1], data, sizeof(data), &got), 0);
	assert_int_equal(got, -7);
	(void)close(fds[1]);
	/* a stream whose peer went away with unread data: ECONNRESET */
	make_pair(SOCK_STREAM, fds);
	assert_int_equal(fd_pass_send(fds[1], "unread", 6, -1), 0);
	(void)close(fds[0]);
	assert_int_equal(fd_pass_receive(fds[1], data, sizeof(data), &got), 0);
	(void)close(fds[1]);
}

static void the_last_word_of_a_peer_that_did_not_listen_is_heard(void **state)
{
	static const int TYPES[] = { SOCK_SEQPACKET, SOCK_STREAM };
	char data[16];
	int fds[2];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		make_pair(TYPES[i], fds);
		assert_int_equal(fd_pass_send(fds[1], "unread", 6, -1), 0);
		assert_int_equal(fd_pass_send(fds[0], "last word", 9, -1), 0);
		(void)close(fds[0]);
		assert_int_equal(fd_pass_receive(fds[1], data, sizeof(data), NULL), 9);
		assert_memory_equal(data, "last word", 9);
		assert_int_equal(fd_pass_receive(fds[1], data, sizeof(data), NULL), 0);
		(void)close(fds[1]);
	}
}

static void sending_to_nobody_is_an_error_and_no_signal(void **state)
{
	int fds[2];

	(void)state;
	make_pair(SOCK_STREAM, fds);
	(void)close(fds[0]);
	assert_int_equal(fd_pass_send(fds[1], "x", 1, -1), -EPIPE);
	assert_int_equal(fd_pass_send(fds[1], "x", 1, fds[1]), -EPIPE);
	(void)close(fds[1]);
	assert_int_equal(fd_pass_send(-1, "x", 1, -1), -EBADF);
	assert_int_equal(fd_pass_receive(-1, (char[]){ 0 }, 1, NULL), -EBADF);
}

static void a_descriptor_that_is_none_cannot_be_sent(void **state)
{
	int fds[2];

	(void)state;
	make_pair(SOCK_SEQPACKET, fds);
	assert_int_equal(fd_pass_send(fds[0], "x", 1, 100000), -EBADF);
	close_pair(fds);
}

static void a_packet_longer_than_the_room_is_cut(void **state)
{
	char data[5] = "####";
	int fds[2];

	(void)state;
	make_pair(SOCK_SEQPACKET, fds);
	assert_int_equal(fd_pass_send(fds[0], "12345678", 8, -1), 0);
	assert_int_equal(fd_pass_send(fds[0], "next", 4, -1), 0);
	assert_int_equal(fd_pass_receive(fds[1], data, 3, NULL), 3);
	assert_string_equal(data, "123#");
	assert_int_equal(fd_pass_receive(fds[1], data, 4, NULL), 4);
	assert_string_equal(data, "next");
	close_pair(fds);
}

static void a_message_that_fits_only_in_part_is_an_error(void **state)
{
	cleanup_free char *data = calloc(1, 8u << 20);
	int fds[2];

	(void)state;
	assert_non_null(data);
	make_pair(SOCK_STREAM | SOCK_NONBLOCK, fds);
	assert_int_equal(fd_pass_send(fds[0], data, 8u << 20, -1), -EMSGSIZE);
	close_pair(fds);
	make_pair(SOCK_SEQPACKET, fds);
	assert_int_equal(fd_pass_send(fds[0], data, 8u << 20, -1), -EMSGSIZE);
	close_pair(fds);
}

static void on_alarm(int signal)
{
	(void)signal;
}

static void interruptions_do_not_stop_a_receiver(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm };
	char data[8] = "";
	int fds[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	make_pair(SOCK_SEQPACKET, fds);
	pid = fork_or_skip();
	if (pid == 0) {
		for (int i = 0; i < 5; i++) {
			(void)usleep(20000);
			(void)kill(getppid(), SIGUSR1);
		}
		CHILD_CHECK(fd_pass_send(fds[0], "late", 4, -1) == 0);
		_exit(0);
	}
	assert_int_equal(fd_pass_receive(fds[1], data, sizeof(data), NULL), 4);
	assert_string_equal(data, "late");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close_pair(fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(a_message_travels_with_its_descriptor),
		cmocka_unit_test(a_message_without_a_descriptor_leaves_the_place_alone),
		cmocka_unit_test(an_unwanted_descriptor_is_closed),
		cmocka_unit_test(more_descriptors_than_one_do_not_pile_up),
		cmocka_unit_test(a_closed_peer_reads_as_the_end),
		cmocka_unit_test(the_last_word_of_a_peer_that_did_not_listen_is_heard),
		cmocka_unit_test(sending_to_nobody_is_an_error_and_no_signal),
		cmocka_unit_test(a_descriptor_that_is_none_cannot_be_sent),
		cmocka_unit_test(a_packet_longer_than_the_room_is_cut),
		cmocka_unit_test(a_message_that_fits_only_in_part_is_an_error),
		cmocka_unit_test(interruptions_do_not_stop_a_receiver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
