/* SPDX-License-Identifier: Apache-2.0 */
/* A container as `ps` shows it. */
#ifndef SAMPAN_CLI_CONTAINER_ROW_H
#define SAMPAN_CLI_CONTAINER_ROW_H

#include <time.h>

#include "cli/format.h"
#include "cli/template.h"
#include "engine/container_view.h"

#define CONTAINER_ROW_FIELDS 20
#define CONTAINER_STATUS_MAX (3 * FORMAT_MAX)

struct container_rows {
	const struct store *store;
	int owners_fd; /* network_state_open_owners */
	time_t now;
	bool no_trunc;
	/* What takes more than the container's record: a look at each of its files, one file more. */
	bool with_size, with_networks;
	bool with_details; /* what the usual table does not show: labels, mounts, volumes, numbers, the local time */
};

/* All of it; texts that nobody has asked for are "". */
struct container_row {
	char id[CONTAINER_ID_LEN + 1];
	char status[CONTAINER_STATUS_MAX], running_for[FORMAT_MAX], created_at[FORMAT_MAX];
	char size[3 * FORMAT_MAX], local_volumes[24], pid[24], exit_code[24];
	char *command, *ports, *labels, *mounts, *networks;
	struct template_field
		fields[CONTAINER_ROW_FIELDS]; /* docker's; they point into the row and the record */
};
void container_row_done(struct container_row *r);
#define cleanup_container_row __attribute__((cleanup(container_row_done)))

/* Where *ret is, it stays. -ENOMEM. */
int container_row_make(const struct container_rows *rows, const struct container_record *c,
		       struct container_row *ret, struct err *e) MUST_CHECK;

/* Its networks by name, comma-separated. Owned; NULL: out of memory. */
char *container_row_networks(const struct store *s, const struct container_record *c) MUST_CHECK;

#endif
