/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network_state.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "common/process.h"

#define OWNERS        "owners"
#define RECORDS       "containers"
#define LEASES        "leases"
#define PORTS         "ports"
#define LINK_MAX      4000 /* bytes of a link's text: what every file system takes */
#define OWNERS_MAX    65536
#define PATH_TEXT_MAX 512

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

void network_state_done(struct network_state *s)
{
	free(s->path);
	if (s->dir_fd >= 0)
		(void)close(s->dir_fd);
	if (s->lock_fd >= 0)
		(void)close(s->lock_fd);
	*s = NETWORK_STATE_EMPTY;
}

static int make_dirs(int dir_fd, struct err *e)
{
	static const char *const DIRS[] = { OWNERS, RECORDS, LEASES, PORTS };

	for (size_t i = 0; i < ARRAY_LEN(DIRS); i++)
		if (mkdirat(dir_fd, DIRS[i], 0755) < 0 && errno != EEXIST)
			return err_errno(e, "cannot make the directory '%s'", DIRS[i]);
	return 0;
}

/* Into an empty one, which is the caller's to empty whatever comes of it. */
static int open_dirs(const char *state_dir, bool make, struct network_state *s, struct err *e)
{
	int r = 0;

	if (asprintf(&s->path, "%s/" NETWORKS_DIR, state_dir) < 0) {
		s->path = NULL;
		return no_memory(e);
	}
	s->dir_fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0 && errno == ENOENT && !make)
		return err_set(e, -ENOENT, "no network is in use");
	if (s->dir_fd < 0 && errno == ENOENT)
		r = dir_make_open(AT_FDCWD, s->path, 0711, &s->dir_fd, e);
	if (r < 0)
		return r;
	if (s->dir_fd < 0)
		return err_errno(e, "cannot open '%s'", s->path);
	s->lock_fd = openat(s->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	while (s->lock_fd >= 0 && (r = flock(s->lock_fd, LOCK_EX)) < 0 && errno == EINTR)
		;
	if (s->lock_fd < 0 || r < 0)
		return err_errno(e, "cannot lock '%s'", s->path);
	return make_dirs(s->dir_fd, e);
}

int network_state_open(const char *state_dir, bool make, struct network_state *ret, struct err *e)
{
	struct network_state s = NETWORK_STATE_EMPTY;
	int r = open_dirs(state_dir, make, &s, e);

	if (r < 0) {
		network_state_done(&s);
		return r;
	}
	*ret = s;
	return 0;
}

/* --- links --- */

/* -ENOENT and the like. */
static int read_link(int dir_fd, const char *path, char out[LINK_MAX + 1])
{
	ssize_t n = readlinkat(dir_fd, path, out, LINK_MAX);

	if (n < 0)
		return -errno;
	out[n] = '\0';
	return 0;
}

static int replace_link(int dir_fd, const char *path, const char *text)
{
	char fresh[PATH_TEXT_MAX];

	(void)snprintf(fresh, sizeof(fresh), "%s.new", path);
	if (unlinkat(dir_fd, fresh, 0) < 0 && errno != ENOENT)
		return -errno;
	if (symlinkat(text, dir_fd, fresh) < 0 || renameat(dir_fd, fresh, dir_fd, path) < 0)
		return -errno;
	return 0;
}

static bool is_owner(const struct network_state *s, const char *id)
{
	char path[PATH_TEXT_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), OWNERS "/%.128s", id);
	return fstatat(s->dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether somebody but `id` has what `path` stands for. */
static bool is_held(const struct network_state *s, const char *path, const char *id)
{
	char holder[LINK_MAX + 1];

	if (read_link(s->dir_fd, path, holder) < 0)
		return false;
	return strcmp(holder, id) != 0 && is_owner(s, holder);
}

static void drop(const struct network_state *s, const char *path, const char *id)
{
	char holder[LINK_MAX + 1];

	if (read_link(s->dir_fd, path, holder) == 0 && strcmp(holder, id) == 0)
		(void)unlinkat(s->dir_fd, path, 0); /* it does not count once its owner is gone */
}

/* --- owners and records --- */

int network_state_own(const struct network_state *s, const char *id, int64_t pid, uint64_t ticks,
		      const char *ports, struct err *e)
{
	char path[PATH_TEXT_MAX], text[LINK_MAX];
	int r;

	(void)snprintf(path, sizeof(path), OWNERS "/%.128s", id);
	(void)snprintf(text, sizeof(text), "%lld %llu %s", (long long)pid, (unsigned long long)ticks, ports);
	r = replace_link(s->dir_fd, path, text);
	return r < 0 ? err_code(e, r, "cannot write '%s/%s'", s->path, path) : 0;
}

int network_state_disown(const struct network_state *s, const char *id, struct err *e)
{
	char path[PATH_TEXT_MAX];

	(void)snprintf(path, sizeof(path), RECORDS "/%s.json", id);
	if (unlinkat(s->dir_fd, path, 0) < 0 && errno != ENOENT)
		return err_errno(e, "cannot remove '%s/%s'", s->path, path);
	(void)snprintf(path, sizeof(path), OWNERS "/%.128s", id);
	if (unlinkat(s->dir_fd, path, 0) < 0 && errno != ENOENT)
		return err_errno(e, "cannot remove '%s/%s'", s->path, path);
	return 0;
}

bool network_process_alive(int64_t pid, uint64_t start_ticks)
{
	uint64_t ticks;
	char state;

	return process_stat((pid_t)pid, &state, &ticks) == 0 && ticks == start_ticks && state != 'Z' &&
	       state != 'X';
}

/* "PID TICKS ..." */
static bool owner_alive(char *text)
{
	char *rest = text, *pid_text = strsep(&rest, " "), *ticks_text = strsep(&rest, " ");
	uint64_t ticks;
	int64_t pid;

	if (!ticks_text || parse_i64(pid_text, 1, INT32_MAX, &pid) < 0 ||
	    parse_u64(ticks_text, 0, UINT64_MAX, &ticks) < 0)
		return false;
	return network_process_alive(pid, ticks);
}

int network_state_dead(const struct network_state *s, const char *except, struct strvec *ret, struct err *e)
{
	int fd = openat(s->dir_fd, OWNERS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int r = 0;

	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return err_errno(e, "cannot read '%s/" OWNERS "'", s->path);
	}
	ret->max = OWNERS_MAX;
	while (r == 0 && (entry = readdir(dir))) {
		char text[LINK_MAX + 1];

		if (entry->d_name[0] == '.' || strchr(entry->d_name, '.') ||
		    (except && strcmp(entry->d_name, except) == 0) ||
		    read_link(dirfd(dir), entry->d_name, text) < 0)
			continue;
		if (!owner_alive(text))
			r = strvec_add(ret, entry->d_name);
	}
	return r < 0 ? err_code(e, r, "cannot list '%s/" OWNERS "'", s->path) : 0;
}

int network_state_save(const struct network_state *s, const struct network_record *record, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, NETWORK_RECORD_BYTES);
	cleanup_fd int fd = openat(s->dir_fd, RECORDS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[PATH_TEXT_MAX];
	const char *text;
	size_t len;
	int r;

	if (fd < 0)
		return err_errno(e, "cannot open '%s/" RECORDS "'", s->path);
	network_record_write(o, record);
	r = json_out_finish(o, &text, &len, e);
	(void)snprintf(name, sizeof(name), "%s.json", record->id);
	return r == 0 ? file_write_atomic(fd, name, text, len, 0600, e) : r;
}

int network_state_load(const struct network_state *s, const char *id, struct network_record *ret,
		       struct err *e)
{
	cleanup_free char *state_dir = strndup(s->path, strlen(s->path) - strlen("/" NETWORKS_DIR));

	return state_dir ? network_record_load(state_dir, id, ret, e) : no_memory(e);
}

/* --- addresses --- */

struct lease {
	const struct network_state *s;
	const char *network, *id;
	struct net_prefix prefix;
	struct net_address first, last, gateway; /* gateway.family 0: none */
};

static void lease_path(const struct lease *l, const char *name, char out[PATH_TEXT_MAX])
{
	(void)snprintf(out, PATH_TEXT_MAX, LEASES "/%s/%s", l->network, name);
}

static int lease_begin(struct lease *l, const struct network_subnet *subnet, struct err *e)
{
	struct net_address broadcast;
	char path[PATH_TEXT_MAX];

	if (net_prefix_parse(subnet->subnet, &l->prefix) < 0)
		return err_set(e, -EINVAL, "bad subnet '%s'", subnet->subnet);
	broadcast = net_prefix_last(&l->prefix);
	l->first = net_prefix_first(&l->prefix);
	l->last = broadcast;
	if (subnet->range && subnet->range->first && net_address_parse(subnet->range->first, &l->first) < 0)
		return err_set(e, -EINVAL, "bad address '%s'", subnet->range->first);
	if (subnet->range && subnet->range->last && net_address_parse(subnet->range->last, &l->last) < 0)
		return err_set(e, -EINVAL, "bad address '%s'", subnet->range->last);
	if (subnet->gateway && net_address_parse(subnet->gateway, &l->gateway) < 0)
		return err_set(e, -EINVAL, "bad gateway '%s'", subnet->gateway);
	(void)snprintf(path, sizeof(path), LEASES "/%s", l->network);
	if (mkdirat(l->s->dir_fd, path, 0755) < 0 && errno != EEXIST)
		return err_errno(e, "cannot make '%s/%s'", l->s->path, path);
	return 0;
}

/* Neither the network's own addresses nor the gateway's. */
static bool usable(const struct lease *l, const struct net_address *a)
{
	struct net_address first = net_prefix_first(&l->prefix), last = net_prefix_last(&l->prefix);

	if (net_address_compare(a, &first) == 0 ||
	    (l->gateway.family && net_address_compare(a, &l->gateway) == 0))
		return false;
	return a->family == AF_INET6 || net_address_compare(a, &last) != 0;
}

/* `holder`: who may have it already. -EADDRINUSE, without a text. */
static int lease_take(const struct lease *l, const struct net_address *a, const char *holder,
		      char ret[NET_ADDRESS_MAX])
{
	char path[PATH_TEXT_MAX];

	net_address_format(a, ret);
	lease_path(l, ret, path);
	if (symlinkat(l->id, l->s->dir_fd, path) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	return is_held(l->s, path, holder) ? -EADDRINUSE : replace_link(l->s->dir_fd, path, l->id);
}

static int lease_wanted(const struct lease *l, const char *wanted, char ret[NET_ADDRESS_MAX], struct err *e)
{
	struct net_address a;
	int r;

	if (net_address_parse(wanted, &a) < 0 || !net_prefix_contains(&l->prefix, &a) || !usable(l, &a))
		return err_set(e, -EINVAL,
			       "invalid endpoint settings: no configured subnet contains IP address %s",
			       wanted);
	r = lease_take(l, &a, l->id, ret);
	if (r == -EADDRINUSE)
		return err_set(e, r, "Address already in use");
	return r < 0 ? err_code(e, r, "cannot take the address %s", wanted) : 0;
}

/* From where the last one left off, so that an address is not given to another container at once. */
static int lease_next(const struct lease *l, char ret[NET_ADDRESS_MAX], struct err *e)
{
	char path[PATH_TEXT_MAX], text[LINK_MAX + 1];
	struct net_address a = l->first, begin;
	bool first_turn = true;
	int r = -EADDRINUSE;

	lease_path(l, l->prefix.address.family == AF_INET ? "next.4" : "next.6", path);
	if (read_link(l->s->dir_fd, path, text) < 0 || net_address_parse(text, &a) < 0 ||
	    net_address_compare(&a, &l->first) < 0 || net_address_compare(&a, &l->last) > 0)
		a = l->first;
	begin = a;
	while (r == -EADDRINUSE && (first_turn || net_address_compare(&a, &begin) != 0)) {
		first_turn = false;
		if (usable(l, &a))
			r = lease_take(l, &a, "", ret);
		if (net_address_compare(&a, &l->last) == 0)
			a = l->first;
		else
			net_address_next(&a);
	}
	if (r == -EADDRINUSE)
		return err_set(e, -ENOSPC, "no available IPv%d addresses on this network's address pools: %s",
			       a.family == AF_INET ? 4 : 6, l->network);
	net_address_format(&a, text);
	if (r == 0)
		r = replace_link(l->s->dir_fd, path, text);
	return r < 0 ? err_code(e, r, "cannot take an address of network %s", l->network) : 0;
}

int network_state_lease(const struct network_state *s, const char *network,
			const struct network_subnet *subnet, const char *id, const char *wanted,
			char ret[NET_ADDRESS_MAX], struct err *e)
{
	struct lease l = { .s = s, .network = network, .id = id };
	int r = lease_begin(&l, subnet, e);

	if (r < 0)
		return r;
	return wanted ? lease_wanted(&l, wanted, ret, e) : lease_next(&l, ret, e);
}

void network_state_release(const struct network_state *s, const char *network, const char *id, const char *ip)
{
	char path[PATH_TEXT_MAX];

	(void)snprintf(path, sizeof(path), LEASES "/%s/%s", network, ip);
	drop(s, path, id);
}

/* Calls for each name in a directory below until one is held by somebody but `id`. */
static bool any_held(const struct network_state *s, const char *path, const char *id)
{
	int fd = openat(s->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool held = false;

	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return false;
	}
	while (!held && (entry = readdir(dir))) {
		char name[PATH_TEXT_MAX];

		(void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		held = entry->d_name[0] != '.' && is_held(s, name, id);
	}
	return held;
}

bool network_state_used(const struct network_state *s, const char *network)
{
	char path[PATH_TEXT_MAX];

	(void)snprintf(path, sizeof(path), LEASES "/%s", network);
	return any_held(s, path, "");
}

/* --- ports --- */

int network_state_take_port(const struct network_state *s, const char *protocol, uint32_t port,
			    const char *ip, const char *id)
{
	char dir[PATH_TEXT_MAX - NET_ADDRESS_MAX - 8], path[PATH_TEXT_MAX];
	const char *name = ip ? ip : NETWORK_ALL_ADDRESSES;

	(void)snprintf(dir, sizeof(dir), PORTS "/%s-%u", protocol, port);
	if (mkdirat(s->dir_fd, dir, 0755) < 0 && errno != EEXIST)
		return -errno;
	if (!ip && any_held(s, dir, id))
		return -EADDRINUSE;
	(void)snprintf(path, sizeof(path), "%s/" NETWORK_ALL_ADDRESSES, dir);
	if (is_held(s, path, id))
		return -EADDRINUSE;
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return is_held(s, path, id) ? -EADDRINUSE : replace_link(s->dir_fd, path, id);
}

void network_state_free_port(const struct network_state *s, const char *protocol, uint32_t port,
			     const char *ip, const char *id)
{
	char path[PATH_TEXT_MAX];

	(void)snprintf(path, sizeof(path), PORTS "/%s-%u/%s", protocol, port,
		       ip ? ip : NETWORK_ALL_ADDRESSES);
	drop(s, path, id);
	*strrchr(path, '/') = '\0';
	(void)unlinkat(s->dir_fd, path, AT_REMOVEDIR); /* others may have the port of other addresses */
}

int network_state_list(const char *state_dir, struct strvec *ret, struct err *e)
{
	cleanup_free char *path = NULL;
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	int r = 0;

	if (asprintf(&path, "%s/" NETWORK_STATE_OWNERS, state_dir) < 0) {
		path = NULL;
		return no_memory(e);
	}
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : err_errno(e, "cannot read '%s'", path);
	ret->max = OWNERS_MAX;
	while (r == 0 && (entry = readdir(dir)))
		if (!strchr(entry->d_name, '.'))
			r = strvec_add(ret, entry->d_name);
	return r < 0 ? err_code(e, r, "cannot list '%s'", path) : 0;
}

int network_state_open_owners(const char *state_dir)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s/" NETWORK_STATE_OWNERS, state_dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int network_state_ports_text(int owners_fd, const char *id, struct buf *out)
{
	char text[LINK_MAX + 1];
	char *ports = text;

	if (owners_fd < 0 || read_link(owners_fd, id, text) < 0)
		return buf_add_str(out, "");
	(void)strsep(&ports, " ");
	if (ports)
		(void)strsep(&ports, " ");
	return buf_add_str(out, ports ? ports : "");
}
