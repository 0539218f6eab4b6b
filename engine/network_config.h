/* SPDX-License-Identifier: Apache-2.0 */
/* The network that a container was asked for: the flags of `run` in docker's syntax, and JSON in and out. Pure but for network_config_load and
 * network_config_save. What became of it while the container runs is in engine/network_record.h. */
#ifndef SAMPAN_ENGINE_NETWORK_CONFIG_H
#define SAMPAN_ENGINE_NETWORK_CONFIG_H

#include <stdbool.h>

#include "common/json_read.h"
#include "common/json_write.h"
#include "common/strvec.h"
#include "engine/network_port.h"

#define NETWORK_DEFAULT_NAME  "bridge"
#define NETWORK_CONFIG_FILE   "network.json" /* in the container's directory */
#define NETWORK_CONFIG_BYTES  (1u << 20)
#define NETWORK_ENDPOINTS_MAX 64
#define NETWORK_HOST_GATEWAY  "host-gateway"

enum network_mode {
	NETWORK_NONE,      /* loopback only */
	NETWORK_HOST,      /* the host's namespace */
	NETWORK_CONTAINER, /* another container's namespace */
	NETWORK_BRIDGE,    /* one or more networks */
};

/* One network of a container. */
struct network_endpoint {
	char *network;
	struct strvec aliases;
	char *ip, *ip6, *mac; /* asked for; canonical; NULL: any */
};

struct network_config {
	int mode;        /* enum network_mode */
	bool chosen;     /* by the user, while flags are read */
	char *container; /* NETWORK_CONTAINER: whose */
	struct network_endpoint *endpoints;
	size_t endpoints_len;
	struct network_ports ports;
	struct strvec exposed; /* "80/tcp" */
	bool publish_all;
	struct strvec dns, dns_search, dns_options;
	struct strvec hosts;         /* --add-host: "NAME ADDRESS", or "NAME host-gateway" */
	char *hostname, *domainname; /* NULL where not asked for */
};
void network_config_done(struct network_config *c);
#define cleanup_network_config __attribute__((cleanup(network_config_done)))

/* The network of a `run` without --network: docs/adr/0011. */
const char *network_default(void);

/* Into an empty one. -ENOMEM. */
int network_config_copy(const struct network_config *from, struct network_config *ret,
			struct err *e) MUST_CHECK;

/* --network: none, host, bridge or default, container:NAME|ID, NAME, or name=NAME[,alias=A][,ip=I][,ip6=I][,mac-address=M]. Several names are several
 * networks. -EINVAL in docker's words, -ENOMEM. */
int network_config_add_network(struct network_config *c, const char *text, struct err *e) MUST_CHECK;

/* One more network. The strings are copied, and may be NULL. -EINVAL bad addresses; -EEXIST it is in the list already. */
int network_config_add_endpoint(struct network_config *c, const char *network, const struct strvec *aliases,
				const char *ip, const char *ip6, struct err *e) MUST_CHECK;
struct network_endpoint *network_config_find(const struct network_config *c, const char *network);
void network_config_remove_endpoint(struct network_config *c, const char *network);

/* --network-alias, --ip, --ip6 and --mac-address, which are about the first network. Each may be empty or NULL. After the networks are in.
 * -EINVAL in docker's words. */
int network_config_set_first(struct network_config *c, const struct strvec *aliases, const char *ip,
			     const char *ip6, const char *mac, struct err *e) MUST_CHECK;

/* --dns, --dns-search, --add-host NAME:ADDRESS. -EINVAL in docker's words, without the flag's name. */
int network_config_add_dns(struct network_config *c, const char *text, struct err *e) MUST_CHECK;
int network_config_add_search(struct network_config *c, const char *text, struct err *e) MUST_CHECK;
int network_config_add_host(struct network_config *c, const char *text, struct err *e) MUST_CHECK;

/* -P: exposed ports that are not published get any free one. -EFBIG, -ENOMEM. */
int network_config_publish_exposed(struct network_config *c, struct err *e) MUST_CHECK;

/* What contradicts itself once all is in: ports in another container's network, networks beside `host`. -EINVAL in docker's words. */
int network_config_check(const struct network_config *c, struct err *e) MUST_CHECK;

/* "none", "host", "container:ID", or the name of the first network. Borrowed, or in `out`. */
const char *network_config_mode_name(const struct network_config *c, char out[160]);

/* A json_field reader for a struct network_config (no arg), and its writer: an object. */
int network_config_read(const struct json_in *in, const void *arg, void *member, struct err *e);
void network_config_write(struct json_out *o, const char *key, const struct network_config *c);

/* containers/<id>/network.json. A container without the file has no network: mode NETWORK_NONE. */
int network_config_load(int dir_fd, struct network_config *ret, struct err *e) MUST_CHECK;
/* `durable`: it is on the disk afterwards, as what is to run again after a power cut must be. */
int network_config_save(int dir_fd, const struct network_config *c, bool durable, struct err *e) MUST_CHECK;

#endif
