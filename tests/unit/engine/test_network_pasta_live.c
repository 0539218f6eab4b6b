/* SPDX-License-Identifier: Apache-2.0 */
/* A container of somebody who is not root, with the real pasta: all of it in a user namespace, with an uplink that leads nowhere. */
#include "engine/network_helper.h"
#include "engine/network_pasta.h"
#include "engine/network_state.h"
#include "engine/network_up.h"

#include "tests/unit/common/scratch.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#define PORT 8080

static void write_map(const char *path, const char *text)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

	CHILD_CHECK(fd >= 0 && write_all(fd, text, strlen(text)) == 0);
}

static void run(const char *command)
{
	struct network_helper_result result = { 0 };
	struct strvec argv = { 0 };
	struct err e;

	CHILD_OK(strvec_add(&argv, "/bin/sh"));
	CHILD_OK(strvec_add(&argv, "-c"));
	CHILD_OK(strvec_add(&argv, command));
	CHILD_OK(network_helper_run(&argv, "", 0, &result, &e));
	if (result.exit_code != 0)
		_exit(CHILD_LACKS);
	network_helper_result_done(&result);
	strvec_done(&argv);
}

/* What is "the container": says hello to everybody who connects to port 80. */
static void serve(int ready)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(80) };
	int fd;

	CHILD_CHECK(unshare(CLONE_NEWNET) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHILD_CHECK(fd >= 0 && bind(fd, (void *)&a, sizeof(a)) == 0 && listen(fd, 4) == 0);
	CHILD_CHECK(write(ready, "x", 1) == 1);
	for (;;) {
		cleanup_fd int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (peer >= 0)
			CHILD_CHECK(write_all(peer, "hello", 5) == 0);
	}
}

static pid_t start_container(void)
{
	int pair[2];
	pid_t pid;
	char byte;

	CHILD_CHECK(pipe2(pair, O_CLOEXEC) == 0);
	pid = fork();
	CHILD_CHECK(pid >= 0);
	if (pid == 0)
		serve(pair[1]);
	CHILD_CHECK(read(pair[0], &byte, 1) == 1);
	return pid;
}

static void fetch(char out[6])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	cleanup_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t n;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHILD_CHECK(fd >= 0 && connect(fd, (void *)&a, sizeof(a)) == 0);
	n = recv(fd, out, 5, MSG_WAITALL);
	out[n > 0 ? n : 0] = '\0';
}

static void rootless_in_child(void *arg)
{
	struct scratch *s = arg;
	struct network_args args = { .root = s->path, .state_dir = s->path, .id = "c1", .name = "web" };
	cleanup_network_config struct network_config config = { 0 };
	cleanup_network_result struct network_result result = { 0 };
	struct buf ports = BUF_INIT(4096);
	cleanup_fd int owners_fd = -1;
	struct err e;
	char text[6];
	pid_t pasta;

	write_map("/proc/self/setgroups", "deny");
	write_map("/proc/self/uid_map", "0 0 1");
	write_map("/proc/self/gid_map", "0 0 1");
	run("ip link set lo up && ip link add up0 type veth peer name world0 && ip addr add 192.0.2.2/24 dev "
	    "up0 && "
	    "ip link set up0 up && ip link set world0 up && ip route add default via 192.0.2.1");
	CHILD_CHECK(pasta_is_needed());
	CHILD_OK(network_config_add_network(&config, "bridge", &e));
	CHILD_OK(network_ports_add(&config.ports, "8080:80", &e));
	args.pid = start_container();
	CHILD_OK(network_up(&args, &config, &result, &e));
	CHILD_CHECK(strcmp(result.record.pasta_ip, "192.0.2.2") == 0 && result.record.attachments_len == 0);
	fetch(text);
	CHILD_CHECK(strcmp(text, "hello") == 0);
	owners_fd = network_state_open_owners(s->path);
	CHILD_OK(network_state_ports_text(owners_fd, "c1", &ports));
	CHILD_CHECK(strcmp(ports.data, "0.0.0.0:8080->80/tcp") == 0);
	pasta = (pid_t)result.record.pasta_pid;
	CHILD_CHECK(network_process_alive(pasta, result.record.pasta_start_ticks));
	CHILD_CHECK(kill(args.pid, SIGKILL) == 0 && waitpid(args.pid, NULL, 0) == args.pid);
	CHILD_OK(network_down(s->path, "c1", -1, &e));
	CHILD_CHECK(!network_process_alive(pasta, result.record.pasta_start_ticks));
	CHILD_OK(network_down(s->path, "c1", -1, &e)); /* once more is no error */
	buf_clear(&ports);
	CHILD_OK(network_state_ports_text(owners_fd, "c1", &ports));
	CHILD_CHECK(ports.len == 0);
	buf_done(&ports);
}

static void a_rootless_container_gets_its_network_and_loses_it(void **state)
{
	char *path = NULL;
	struct err e;

	need_root(); /* to open /dev/net/tun wherever it is the owner's alone */
	if (network_helper_find("pasta", &path, &e) < 0 || access("/dev/net/tun", F_OK) < 0) {
		print_message("pasta is missing here\n");
		skip();
	}
	free(path);
	run_in_child(CLONE_NEWUSER | CLONE_NEWNET, rootless_in_child, *state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(a_rootless_container_gets_its_network_and_loses_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
