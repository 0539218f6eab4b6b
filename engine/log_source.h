/* SPDX-License-Identifier: Apache-2.0 */
/* Where log_reader.c gets records from. Inside engine/log_* only. */
#ifndef SAMPAN_ENGINE_LOG_SOURCE_H
#define SAMPAN_ENGINE_LOG_SOURCE_H

#include "engine/log_reader.h"
#include "engine/log_record.h"

/* Each is an object that its functions know. Both begin where the query's tail does, and look at no times. */
struct log_source {
	/* 1: *ret; 0: nothing (now); negative. */
	int (*next)(void *self, struct log_record *ret, struct err *e);
	int (*wake_fd)(const void *self);
	void (*take_wake)(void *self);
	void (*free)(void *self);
};

extern const struct log_source LOG_SOURCE_FILES, LOG_SOURCE_JOURNAL;

int log_source_files_open(int dir_fd, const struct log_config *c, const struct log_query *q, void **ret,
			  struct err *e) MUST_CHECK;
int log_source_journal_open(const struct log_config *c, const struct log_query *q, void **ret,
			    struct err *e) MUST_CHECK;

#endif
