/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network_pasta.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "common/process.h"
#include "engine/network_address.h"
#include "engine/network_helper.h"

#define PID_BYTES    64
#define STOP_WAIT_MS 2000

bool pasta_is_needed(void)
{
	return geteuid() != 0 || process_in_user_namespace();
}

int pasta_check(const struct network_config *config, struct err *e)
{
	const struct network_endpoint *p = &config->endpoints[0];

	if (config->endpoints_len != 1 || strcmp(p->network, NETWORK_DEFAULT_NAME) != 0)
		return err_set(e, -EOPNOTSUPP,
			       "networks by name need root: rootless containers have bridge, host, none and "
			       "container:ID");
	if (p->ip || p->ip6 || p->mac)
		return err_set(e, -EOPNOTSUPP,
			       "--ip, --ip6 and --mac-address need root: a rootless container has the host's "
			       "addresses");
	return 0;
}

/* -t 8080:80, -t 127.0.0.1/8080:80 */
static int add_port(struct strvec *argv, const struct network_port *port, struct err *e)
{
	const char *ip = port->host_ip ? port->host_ip : "", *slash = ip[0] ? "/" : "";
	const char *flag;

	if (strcmp(port->protocol, "tcp") == 0)
		flag = "-t";
	else if (strcmp(port->protocol, "udp") == 0)
		flag = "-u";
	else
		return err_set(e, -EOPNOTSUPP, "rootless containers cannot publish %s ports", port->protocol);
	if (strvec_add(argv, flag) < 0 ||
	    strvec_addf(argv, "%s%s%u:%u", ip, slash, port->host_port, port->container_port) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	return 0;
}

static bool has_protocol(const struct network_record *r, const char *protocol)
{
	for (size_t i = 0; i < r->ports.len; i++)
		if (strcmp(r->ports.items[i].protocol, protocol) == 0)
			return true;
	return false;
}

static int add_all(struct strvec *argv, const char *const *texts, size_t len, struct err *e)
{
	for (size_t i = 0; i < len; i++)
		if (strvec_add(argv, texts[i]) < 0)
			return err_set(e, -ENOMEM, "out of memory");
	return 0;
}

static int add_ports(struct strvec *argv, const struct network_record *r, struct err *e)
{
	static const char *const NO_TCP[] = { "-t", "none" }, *const NO_UDP[] = { "-u", "none" };
	int code = 0;

	if (!has_protocol(r, "tcp"))
		code = add_all(argv, NO_TCP, ARRAY_LEN(NO_TCP), e);
	if (code == 0 && !has_protocol(r, "udp"))
		code = add_all(argv, NO_UDP, ARRAY_LEN(NO_UDP), e);
	for (size_t i = 0; code == 0 && i < r->ports.len; i++)
		code = add_port(argv, &r->ports.items[i], e);
	return code;
}

int pasta_argv(const char *program, const struct network_record *r, const char *userns, const char *netns,
	       const char *pid_file, struct strvec *argv, struct err *e)
{
	/* Nothing is forwarded that was not asked for, and the gateway's address is not the host's loopback. */
	const char *const fixed[] = { program, "--config-net", "--quiet", "--no-map-gw", "-I", "eth0",
				      "-T",    "none",         "-U",      "none",        "-P", pid_file };
	int code = add_all(argv, fixed, ARRAY_LEN(fixed), e);

	if (code == 0)
		code = add_ports(argv, r, e);
	if (code < 0)
		return code;
	code = userns ? strvec_addf(argv, "--userns=%s", userns) : strvec_add(argv, "--netns-only");
	if (code == 0)
		code = strvec_addf(argv, "--netns=%s", netns);
	return code < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
}

static bool has_own_userns(const char *path)
{
	struct stat its, ours;

	return stat(path, &its) == 0 && stat("/proc/self/ns/user", &ours) == 0 && its.st_ino != ours.st_ino;
}

static int read_pid(const char *path, struct network_record *r, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(PID_BYTES);
	int64_t pid;
	int code = file_read(AT_FDCWD, path, &text, e);

	(void)unlink(path);
	if (code < 0)
		return err_wrap(e, "pasta has not said who it is");
	text.data[strcspn(text.data, "\n")] = '\0';
	if (parse_i64(text.data, 1, INT32_MAX, &pid) < 0 ||
	    process_start_time((pid_t)pid, &r->pasta_start_ticks) < 0)
		return err_set(e, -EPROTO, "pasta has ended at once");
	r->pasta_pid = pid;
	return 0;
}

/* The address that the host's packets to elsewhere come from, which is the one that pasta copies. NULL: it has none. */
static char *own_address(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(9) };
	cleanup_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(a);
	char text[INET_ADDRSTRLEN];

	a.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1, RFC 5737: nothing is sent */
	if (fd < 0 || connect(fd, (void *)&a, sizeof(a)) < 0 || getsockname(fd, (void *)&a, &len) < 0 ||
	    !inet_ntop(AF_INET, &a.sin_addr, text, sizeof(text)))
		return NULL;
	return strdup(text);
}

/* In a user namespace of the container's it is as able as the container is. In ours it has given up the right to look at other processes before it opens the
 * network namespace: it inherits it open. */
static int run_pasta(const char *program, const char *pid_file, const struct network_record *r,
		     struct network_helper_result *ret, struct err *e)
{
	cleanup_strvec struct strvec argv = { 0 };
	char userns[64], netns[64];
	cleanup_fd int fd = -1;
	bool own;
	int code;

	(void)snprintf(userns, sizeof(userns), "/proc/%lld/ns/user", (long long)r->pid);
	(void)snprintf(netns, sizeof(netns), "/proc/%lld/ns/net", (long long)r->pid);
	own = has_own_userns(userns);
	if (!own) {
		fd = open(netns, O_RDONLY); /* not close-on-exec */
		if (fd < 0)
			return err_errno(e, "cannot open the container's network namespace");
		(void)snprintf(netns, sizeof(netns), "/proc/self/fd/%d", fd);
	}
	code = pasta_argv(program, r, own ? userns : NULL, netns, pid_file, &argv, e);
	return code == 0 ? network_helper_run(&argv, "", 0, ret, e) : code;
}

int pasta_start(struct network_record *r, const char *dir, struct err *e)
{
	cleanup_network_helper_result struct network_helper_result result = { 0 };
	cleanup_free char *program = NULL, *pid_file = NULL;
	int code = network_helper_find("pasta", &program, e);

	if (code < 0)
		return code;
	if (asprintf(&pid_file, "%s/%s.pasta", dir, r->id) < 0) {
		pid_file = NULL;
		return err_set(e, -ENOMEM, "out of memory");
	}
	code = run_pasta(program, pid_file, r, &result, e);
	if (code < 0)
		return code;
	if (result.exit_code != 0)
		return err_set(e, -EPROTO, "pasta ended with code %d: %.300s", result.exit_code,
			       result.error.data ? result.error.data : "");
	r->pasta_ip = own_address();
	return read_pid(pid_file, r, e);
}

void pasta_stop(const struct network_record *r)
{
	cleanup_fd int pidfd = process_pidfd_open((pid_t)r->pasta_pid);
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };
	uint64_t ticks;

	if (pidfd < 0 || process_start_time((pid_t)r->pasta_pid, &ticks) < 0 || ticks != r->pasta_start_ticks)
		return;
	if (process_signal(pidfd, SIGTERM) == 0 && poll(&fd, 1, STOP_WAIT_MS) == 0)
		IGNORE_RESULT(process_signal(pidfd, SIGKILL)); /* it has just ended, or is not ours to end */
}
