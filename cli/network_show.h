/* SPDX-License-Identifier: Apache-2.0 */
/* Networks as docker shows them. */
#ifndef SAMPAN_CLI_NETWORK_SHOW_H
#define SAMPAN_CLI_NETWORK_SHOW_H

#include "cli/cli.h"
#include "engine/network.h"
#include "engine/network_record.h"

/* The networks that have a file, "bridge" made if it can be, and "host" and "none", which have none: their driver is "host" or "null". */
int network_show_list(const char *root, struct network **ret_items, size_t *ret_len,
		      struct err *e) MUST_CHECK;

/* As `network_find`, of all of those. */
int network_show_find(const char *root, const char *what, struct network *ret, struct err *e) MUST_CHECK;

/* sampan network ls, sampan network inspect. */
int network_ls(int argc, char **argv, const struct cli_globals *g);
int network_inspect(int argc, char **argv, const struct cli_globals *g);

/* For `inspect` of a container: NetworkSettings. `record` is empty where nothing is set up. */
void network_show_settings(struct json_out *o, const struct network_record *record);

#endif
