/* SPDX-License-Identifier: Apache-2.0 */
/* What a container takes up at a moment, and what docker's columns say of two of them. */
#ifndef SAMPAN_CLI_STATS_SAMPLE_H
#define SAMPAN_CLI_STATS_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/format.h"
#include "common/err.h"
#include "store/container.h"

#define STATS_UNKNOWN  UINT64_MAX
#define STATS_PAIR_MAX (2 * FORMAT_MAX + 4) /* bytes of "1B / 2B" */

struct stats_sample {
	bool runs;        /* without it the rest is 0 */
	uint64_t time_us; /* CLOCK_MONOTONIC */
	uint64_t cpu_us;  /* since its start; it and what follows may be STATS_UNKNOWN */
	uint64_t memory_bytes,
		limit_bytes; /* without pages that may be dropped; no limit: the machine's memory */
	uint64_t received_bytes, sent_bytes, read_bytes, written_bytes; /* network, block devices */
	uint64_t tasks;
};

/* Where its controllers are off (it has no limits), memory and tasks are counted by its processes. A container that has ended meanwhile is one
 * that does not run. */
int stats_sample_take(const char *state_dir, const struct container_record *c, struct stats_sample *ret,
		      struct err *e) MUST_CHECK;

struct stats_text {
	char cpu[FORMAT_MAX], memory[STATS_PAIR_MAX], memory_share[FORMAT_MAX], network[STATS_PAIR_MAX],
		block[STATS_PAIR_MAX], tasks[FORMAT_MAX];
};

/* `before` may be that of one that did not run. What is not known is "--". Pure. */
void stats_text_make(const struct stats_sample *before, const struct stats_sample *now,
		     struct stats_text *ret);

/* Sums up the text of /proc/PID/net/dev, but lo. Pure. */
void stats_sum_network(const char *text, uint64_t *ret_received, uint64_t *ret_sent);

/* Sums up the text of io.stat. Pure. */
void stats_sum_block(const char *text, uint64_t *ret_read, uint64_t *ret_written);

#endif
