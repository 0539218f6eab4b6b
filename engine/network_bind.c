/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network_bind.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "engine/network_address.h"

#define ANY_TRIES 64

void network_sockets_done(struct network_sockets *s)
{
	for (size_t i = 0; i < s->len; i++)
		(void)close(s->fds[i]);
	free(s->fds);
	*s = (struct network_sockets){ 0 };
}

static int keep(struct network_sockets *s, int *fd)
{
	int *fds = realloc(s->fds, (s->len + 1) * sizeof(*fds));

	if (!fds)
		return -ENOMEM;
	s->fds = fds;
	fds[s->len++] = fd_take(fd);
	return 0;
}

static int open_socket(int family, const char *protocol)
{
	int type = strcmp(protocol, "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM;
	const int yes = 1;
	int fd = socket(family, type | SOCK_CLOEXEC, strcmp(protocol, "sctp") == 0 ? IPPROTO_SCTP : 0);

	if (fd >= 0 && family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) < 0) {
		(void)close(fd);
		return -EAFNOSUPPORT;
	}
	return fd < 0 ? -errno : fd;
}

static socklen_t fill_address(int family, const char *ip, uint32_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *in6 = (void *)ret;
	struct sockaddr_in *in = (void *)ret;
	struct net_address a = { 0 };

	*ret = (struct sockaddr_storage){ .ss_family = (sa_family_t)family };
	if (ip && net_address_parse(ip, &a) < 0)
		a = (struct net_address){ 0 };
	if (family == AF_INET6) {
		in6->sin6_port = htons((uint16_t)port);
		memcpy(&in6->sin6_addr, a.bytes, 16);
		return sizeof(*in6);
	}
	in->sin_port = htons((uint16_t)port);
	memcpy(&in->sin_addr, a.bytes, 4);
	return sizeof(*in);
}

/* Without SO_REUSEADDR first, so that nobody else gets the port; but connections of a server that has ended (TIME_WAIT) are no reason to
 * refuse it. */
static int bind_to(int fd, const struct sockaddr_storage *address, socklen_t len)
{
	const int yes = 1;

	if (bind(fd, (const void *)address, len) == 0)
		return 0;
	if (errno != EADDRINUSE || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0)
		return -errno;
	return bind(fd, (const void *)address, len) < 0 ? -errno : 0;
}

/* *port 0: any, and it becomes the one that it is. */
static int bind_one(int family, const char *protocol, const char *ip, uint32_t *port,
		    struct network_sockets *ret)
{
	struct sockaddr_storage address;
	cleanup_fd int fd = open_socket(family, protocol);
	socklen_t len = fill_address(family, ip, *port, &address);
	int r = fd < 0 ? fd : bind_to(fd, &address, len);

	if (r < 0)
		return r;
	if (*port == 0) {
		len = sizeof(address);
		if (getsockname(fd, (void *)&address, &len) < 0)
			return -errno;
		*port = ntohs(family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&address)->sin6_port
						 : ((struct sockaddr_in *)(void *)&address)->sin_port);
	}
	return keep(ret, &fd);
}

/* One that was asked for, on whatever it is asked for. A kernel without SCTP cannot forward it either, and says so later. */
static int bind_all(const struct network_port *port, uint32_t *number, bool ipv6, struct network_sockets *ret)
{
	bool is_ipv6 = port->host_ip && strchr(port->host_ip, ':');
	int r = bind_one(is_ipv6 ? AF_INET6 : AF_INET, port->protocol, port->host_ip, number, ret);

	if (r == 0 && !port->host_ip && ipv6)
		r = bind_one(AF_INET6, port->protocol, NULL, number, ret);
	return r == -EPROTONOSUPPORT || r == -EAFNOSUPPORT ? 0 : r;
}

/* The port is claimed, bound and recorded, or nothing has happened. -EADDRINUSE; *ret_claimed says whether containers had no part in it. */
static int take(const struct network_state *s, const struct network_port *port, uint32_t number, bool ipv6,
		struct network_record *record, struct network_sockets *ret, bool *ret_claimed, struct err *e)
{
	struct network_port got = { .host_ip = port->host_ip,
				    .container_port = port->container_port,
				    .protocol = port->protocol };
	size_t before = ret->len;
	int r = bind_all(port, &number, ipv6, ret);

	*ret_claimed = r == 0;
	if (r == 0)
		r = network_state_take_port(s, port->protocol, number, port->host_ip, record->id);
	*ret_claimed = *ret_claimed && r == 0;
	if (r == 0) {
		got.host_port = number;
		r = network_ports_append(&record->ports, &got, e);
	}
	while (r < 0 && ret->len > before)
		(void)close(ret->fds[--ret->len]);
	return r;
}

static int refuse(const struct network_state *s, const struct network_port *port, uint32_t number, int code,
		  const struct network_record *record, struct err *e)
{
	const char *ip = port->host_ip ? port->host_ip : "0.0.0.0";
	const char *open = strchr(ip, ':') ? "[" : "", *close = open[0] ? "]" : "";

	/* Two containers with the same port are told so, whether or not the first one's socket is bound. */
	if (code == -EADDRINUSE &&
	    network_state_take_port(s, port->protocol, number, port->host_ip, record->id) == -EADDRINUSE)
		return err_set(e, code, "Bind for %s%s%s:%u failed: port is already allocated", open, ip,
			       close, number);
	if (code == -EADDRINUSE)
		network_state_free_port(s, port->protocol, number, port->host_ip, record->id);
	if (code == -EACCES)
		return err_set(e, code,
			       "failed to bind host port %s%s%s:%u/%s: permission denied (see sysctl "
			       "net.ipv4.ip_unprivileged_port_start)",
			       open, ip, close, number, port->protocol);
	return err_code(e, code, "failed to bind host port %s%s%s:%u/%s", open, ip, close, number,
			port->protocol);
}

/* One of a range, or any at all. */
static int take_some(const struct network_state *s, const struct network_port *port, bool ipv6,
		     struct network_record *record, struct network_sockets *ret, struct err *e)
{
	bool range = port->host_port_last > port->host_port, claimed;
	uint32_t tries = range ? port->host_port_last - port->host_port + 1 : ANY_TRIES;
	int r = -EADDRINUSE;

	for (uint32_t i = 0; r == -EADDRINUSE && i < tries; i++)
		r = take(s, port, range ? port->host_port + i : 0, ipv6, record, ret, &claimed, e);
	if (r == -EADDRINUSE)
		return err_set(e, r, "all ports are allocated");
	return r < 0 ? err_code(e, r, "cannot bind a port of the host") : 0;
}

static bool is_duplicate(const struct network_record *record, const struct network_port *port)
{
	for (size_t i = 0; i < record->ports.len; i++) {
		const struct network_port *other = &record->ports.items[i];

		if (other->host_port == port->host_port && strcmp(other->protocol, port->protocol) == 0 &&
		    (!other->host_ip || !port->host_ip || strcmp(other->host_ip, port->host_ip) == 0))
			return true;
	}
	return false;
}

static int take_exact(const struct network_state *s, const struct network_port *port, bool ipv6,
		      struct network_record *record, struct network_sockets *ret, struct err *e)
{
	bool claimed;
	int r;

	if (is_duplicate(record, port)) /* claims of our own would not stop us */
		return err_set(e, -EADDRINUSE, "Bind for %s:%u failed: port is already allocated",
			       port->host_ip ? port->host_ip : "0.0.0.0", port->host_port);
	r = take(s, port, port->host_port, ipv6, record, ret, &claimed, e);
	return r < 0 && !claimed ? refuse(s, port, port->host_port, r, record, e) : r;
}

int network_bind(const struct network_state *s, const struct network_ports *wanted, bool ipv6,
		 struct network_record *record, struct network_sockets *ret, struct err *e)
{
	int r = 0;

	/* Those that are asked for by number come first, lest another one be given theirs. */
	for (size_t i = 0; r == 0 && i < wanted->len; i++)
		if (wanted->items[i].host_port && !wanted->items[i].host_port_last)
			r = take_exact(s, &wanted->items[i], ipv6, record, ret, e);
	for (size_t i = 0; r == 0 && i < wanted->len; i++)
		if (!wanted->items[i].host_port || wanted->items[i].host_port_last)
			r = take_some(s, &wanted->items[i], ipv6, record, ret, e);
	return r < 0 ? err_wrap(e, "driver failed programming external connectivity on endpoint %s",
				record->name)
		     : 0;
}

void network_unbind(const struct network_state *s, const struct network_record *record)
{
	for (size_t i = 0; i < record->ports.len; i++) {
		const struct network_port *p = &record->ports.items[i];

		network_state_free_port(s, p->protocol, p->host_port, p->host_ip, record->id);
	}
}
