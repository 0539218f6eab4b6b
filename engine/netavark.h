/* SPDX-License-Identifier: Apache-2.0 */
/* netavark(1): the options that it reads, as podman 4.3 writes them, and what it answers. */
#ifndef SAMPAN_ENGINE_NETAVARK_H
#define SAMPAN_ENGINE_NETAVARK_H

#include "common/json_write.h"
#include "engine/network_record.h"

#define NETAVARK_INPUT_BYTES (4u << 20)

/* The options for one network of the record, or with NULL for all. Pure. */
void netavark_write_options(struct json_out *o, const struct network_record *r, const char *network);

/* Takes MAC addresses, resolvers and search domains from the answer of `setup` into the record. Pure. -EPROTO. */
int netavark_read_answer(const char *text, size_t len, struct network_record *r, struct err *e) MUST_CHECK;

enum netavark_command { NETAVARK_SETUP, NETAVARK_TEARDOWN };

/* Runs it for the namespace at `netns` (a path). `dir` is where it and aardvark-dns keep their files. After a setup the record says what
 * came of it. -ENOENT a program is missing; -EPROTO it failed, in its own words. */
int netavark_run(enum netavark_command command, const char *dir, const char *netns, struct network_record *r,
		 const char *network, struct err *e) MUST_CHECK;

#endif
