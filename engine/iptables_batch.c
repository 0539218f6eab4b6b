/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/iptables_batch.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "common/program_path.h"
#include "engine/nft_watch.h"

#define SOCKET_NAME "iptables.sock"
#define USED_NAME   "iptables.used" /* an empty file */
#define BACKLOG     8
#define OUT_BYTES   (4u << 20)

void iptables_batch_done(struct iptables_batch *b)
{
	if (b->dir_fd >= 0)
		(void)unlinkat(b->dir_fd, SOCKET_NAME, 0); /* the next one does it too */
	for (size_t i = 0; i < IPTABLES_FAMILIES; i++) {
		iptables_changes_done(&b->families[i].changes);
		iptables_tables_done(&b->families[i].tables);
	}
	network_helper_done(&b->reading);
	cleanup_fd_fn(&b->watch_fd);
	cleanup_fd_fn(&b->dir_fd);
	cleanup_fd_fn(&b->listen_fd);
	free(b->first_dir);
	free(b->variable);
	*b = IPTABLES_BATCH_EMPTY;
}

/* --- the beginning --- */

static int listen_in(int dir_fd, int *ret, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)unlinkat(dir_fd, SOCKET_NAME, 0); /* a killed one's */
	/* The paths of sockets are short, those of state directories are not. The mode of a socket before bind(2) is that of its file. */
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" SOCKET_NAME, dir_fd);
	if (fd < 0 || fchmod(fd, 0600) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0)
		return err_errno(e, "cannot listen for calls of iptables");
	*ret = fd_take(&fd);
	return 0;
}

/* What it takes: ours in iptables' place, and iptables' programs for all rules at once. */
static int find_programs(char **ret_dir, struct err *e)
{
	static const char *const NEEDED[] = { "iptables", "iptables-save", "iptables-restore" };
	const char *wanted = getenv("NETAVARK_FW"), *slash;
	cleanup_free char *program = NULL;
	int r = 0;

	if (wanted && strcmp(wanted, "iptables") != 0)
		return err_set(e, -ENOENT, "netavark is to use '%s'", wanted);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(NEEDED); i++) {
		cleanup_free char *path = NULL;

		r = network_helper_find(NEEDED[i], &path, e);
	}
	if (r == 0)
		r = program_path("netavark/iptables", &program, e);
	if (r < 0)
		return r;
	slash = program ? strrchr(program, '/') : NULL;
	*ret_dir = slash ? strndup(program, (size_t)(slash - program)) : NULL;
	return *ret_dir ? 0 : err_set(e, -ENOMEM, "out of memory");
}

/* Before the rules are read: what is changed after that is told. */
static void watch(struct iptables_batch *b)
{
	if (b->watch_fd < 0 && nft_watch_open(&b->watch_fd) < 0)
		b->watch_fd = -1;
}

/* While netavark starts, if the last one has asked for rules: there are others, which do not use iptables. */
static void begin_reading(struct iptables_batch *b)
{
	struct err ignored;

	if (faccessat(b->dir_fd, USED_NAME, F_OK, 0) < 0)
		return;
	watch(b);
	IGNORE_RESULT(iptables_start_reading(0, &b->reading, &ignored)); /* ensure_read() tries it again */
}

static void note_use(const struct iptables_batch *b)
{
	cleanup_fd int fd = openat(b->dir_fd, USED_NAME, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)fd; /* without it the next one is a little later */
}

int iptables_batch_open(const char *dir, bool forgiving, struct iptables_batch *ret, struct err *e)
{
	cleanup_iptables_batch struct iptables_batch b = IPTABLES_BATCH_EMPTY;
	int r = find_programs(&b.first_dir, e);

	if (r < 0)
		return r == -ENOMEM ? r : -ENOENT;
	b.forgiving = forgiving;
	b.dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b.dir_fd < 0)
		return err_errno(e, "cannot open '%s'", dir);
	r = listen_in(b.dir_fd, &b.listen_fd, e);
	if (r < 0)
		return r;
	if (asprintf(&b.variable, IPTABLES_SOCKET_ENV "=/proc/%d/fd/%d/" SOCKET_NAME, (int)getpid(),
		     b.dir_fd) < 0) {
		b.variable = NULL;
		return err_set(e, -ENOMEM, "out of memory");
	}
	begin_reading(&b);
	*ret = b;
	b = IPTABLES_BATCH_EMPTY;
	return 0;
}

/* --- the end --- */

/* Whether another program may have changed the rules since they were read. */
static bool is_stale(const struct iptables_batch *b, const struct iptables_family *f)
{
	bool others = false;
	size_t own = 0;

	if (b->watch_fd < 0 || !strstr(f->tables.version, "nf_tables"))
		return true;
	nft_watch_read(b->watch_fd, 0, &own, &others);
	return others;
}

int iptables_batch_commit(struct iptables_batch *b, struct err *e)
{
	bool stale = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < IPTABLES_FAMILIES; i++) {
		struct iptables_family *f = &b->families[i];

		if (f->changes.len == 0)
			continue;
		stale = stale || is_stale(b, f); /* told of both families, and but once */
		r = iptables_commit(i, &f->changes, b->watch_fd, stale, e);
		iptables_changes_done(&f->changes);
	}
	return r;
}

/* --- answering --- */

static void send_part(int fd, char kind, const char *data, size_t len)
{
	struct iovec parts[] = { { &kind, 1 }, { (void *)(uintptr_t)data, len } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts) };

	/* One that has gone is not interested. */
	(void)sendmsg(fd, &message, MSG_NOSIGNAL);
}

static void send_text(int fd, char kind, const char *text, size_t len)
{
	for (size_t at = 0; at < len; at += IPTABLES_PART_BYTES)
		send_part(fd, kind, text + at,
			  len - at < IPTABLES_PART_BYTES ? len - at : IPTABLES_PART_BYTES);
}

static void send_exit(int fd, int code)
{
	char byte = (char)code;

	send_part(fd, IPTABLES_EXIT, &byte, 1);
}

static void send_error(int fd, const char *text)
{
	send_text(fd, IPTABLES_STDERR, text, strlen(text));
	send_exit(fd, IPTABLES_EXIT_LOST);
}

static void let_it_run(int fd, size_t family)
{
	cleanup_free char *path = NULL;
	struct err e;

	if (network_helper_find(iptables_program(family), &path, &e) < 0)
		send_error(fd, e.text);
	else
		send_part(fd, IPTABLES_RUN, path, strlen(path));
}

/* Nothing that iptables reads now may be in our copy only. */
static void give_up(struct iptables_batch *b, int fd, size_t family)
{
	struct err e;

	b->given_up = true;
	if (iptables_batch_commit(b, &e) < 0)
		send_error(fd, e.text);
	else
		let_it_run(fd, family);
}

/* IPv4's may be being read already. Without them iptables is asked, and will say why in its own way. */
static int ensure_read(struct iptables_batch *b, size_t family)
{
	struct iptables_family *f = &b->families[family];
	cleanup_network_helper struct network_helper h = NETWORK_HELPER_EMPTY;
	struct err ignored;
	int r = 0;

	if (f->is_read)
		return 0;
	if (family == 0 && b->reading.pidfd >= 0) {
		h = b->reading;
		b->reading = NETWORK_HELPER_EMPTY;
	} else {
		note_use(b);
		watch(b);
		r = iptables_start_reading(family, &h, &ignored);
	}
	if (r == 0)
		r = iptables_finish_reading(family, &h, &f->tables, &ignored);
	f->is_read = r == 0;
	return r;
}

/* IPv4's programs and IPv6's are of one package. An empty listing does not tell. */
static int print_version(struct iptables_batch *b, size_t family, struct buf *out)
{
	const char *version = b->families[0].tables.version;
	int r = ensure_read(b, 0);

	if (r == 0 && !version[0])
		return -EOPNOTSUPP;
	return r == 0 ? buf_printf(out, "%s %s\n", iptables_program(family), version) : r;
}

static int answer(struct iptables_batch *b, size_t family, struct iptables_call *c, struct buf *out,
		  struct iptables_answer *ret)
{
	struct iptables_family *f = &b->families[family];
	int r = ensure_read(b, family);

	if (r == 0)
		r = iptables_answer(&f->tables, c, out, ret);
	if (r < 0)
		return r;
	if (b->forgiving && c->verb == 'X' && !ret->changed)
		*ret = (struct iptables_answer){ 0 };
	return ret->changed ? iptables_changes_add(&f->changes, c) : 0;
}

static void handle(struct iptables_batch *b, int fd, size_t family, char *const *args, size_t len)
{
	cleanup_iptables_call struct iptables_call c = { 0 };
	cleanup_buf struct buf out = BUF_INIT(OUT_BYTES);
	struct iptables_answer a = { 0 };
	int r;

	if (b->given_up) {
		let_it_run(fd, family);
		return;
	}
	r = iptables_call_read(args, len, family == 1, &c);
	if (r == 0)
		r = c.verb == 'V' ? print_version(b, family, &out) : answer(b, family, &c, &out, &a);
	if (r < 0 && c.verb == 'V') {
		let_it_run(fd, family); /* it is no rule that is asked for */
	} else if (r < 0) {
		give_up(b, fd, family);
	} else {
		send_text(fd, IPTABLES_STDOUT, out.data, out.len);
		send_text(fd, IPTABLES_STDERR, a.error, a.error ? strlen(a.error) : 0);
		send_exit(fd, a.exit_code);
	}
}

/* NAME, NUL, ARGUMENT, NUL, ... */
static int split_call(const char *text, size_t len, struct strvec *args, size_t *ret_family)
{
	int r = 0;

	if (len == 0 || text[len - 1] != '\0')
		return -EINVAL;
	for (size_t at = 0; r == 0 && at < len; at += strlen(text + at) + 1)
		r = strvec_add(args, text + at);
	for (size_t i = 0; r == 0 && i < IPTABLES_FAMILIES; i++)
		if (strcmp(args->items[0], iptables_program(i)) == 0) {
			*ret_family = i;
			return 0;
		}
	return r < 0 ? r : -EINVAL;
}

static void serve_one(struct iptables_batch *b)
{
	cleanup_fd int fd = accept4(b->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	cleanup_strvec struct strvec args = { 0 };
	char call[IPTABLES_CALL_BYTES];
	ssize_t len;
	size_t family;

	if (fd < 0 && errno != EINTR && errno != ECONNABORTED) {
		cleanup_fd_fn(&b->listen_fd); /* who calls is refused, and netavark says so */
		b->listen_fd = -1;
	}
	if (fd < 0)
		return;
	len = recv(fd, call, sizeof(call), 0);
	if (len <= 0)
		return;
	if (split_call(call, (size_t)len, &args, &family) < 0)
		send_error(fd, "sampan: a call of iptables that is not one\n");
	else
		handle(b, fd, family, args.items + 1, args.len - 1);
}

void iptables_batch_attend(struct iptables_batch *b, int pidfd)
{
	for (;;) {
		struct pollfd fds[] = { { .fd = pidfd, .events = POLLIN },
					{ .fd = b->listen_fd, .events = POLLIN } };

		if (poll(fds, ARRAY_LEN(fds), -1) < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		if (fds[1].revents)
			serve_one(b);
		else if (fds[0].revents)
			return;
	}
}
