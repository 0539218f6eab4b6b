/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine is and can do, as far as containers go: a line per finding, and where something is not as it should be, its cure. */
#ifndef SAMPAN_ENGINE_DOCTOR_H
#define SAMPAN_ENGINE_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"
#include "common/machine.h"

enum doctor_level {
	DOCTOR_OK,
	DOCTOR_WARNING, /* works, but not all of it, or not well */
	DOCTOR_MISSING  /* something that people expect does not work */
};

struct doctor_line {
	const char *topic; /* "cgroups", "kernel": a static string */
	enum doctor_level level;
	char *text;
	char *cure; /* NULL: none needed, or none known */
};

struct doctor_report {
	struct doctor_line *lines;
	size_t len;
	bool out_of_memory; /* sticks: doctor_examine looks once */
};
void doctor_report_done(struct doctor_report *r);
#define cleanup_doctor_report __attribute__((cleanup(doctor_report_done)))

/* Where the facts come from: the machine itself (doctor_host_here), or a tree of files that looks like one. */
struct doctor_host {
	int root_fd; /* proc/, sys/, etc/, boot/ are looked for below it; owned */
	struct machine machine;
	char kernel[65]; /* uname -r */
	long page_bytes;
	bool atomics; /* LSE, of arm64 */
	uid_t uid;
	char user[64]; /* name of it, or "" */
	int64_t now_s; /* of the clock, since the epoch */
	bool clock_synchronised;
	const char *store_root; /* absolute, borrowed; it need not exist yet */
	unsigned int litmus_ms; /* for the tests of memory order; 0: without them */
};
int doctor_host_here(const char *store_root, struct doctor_host *ret, struct err *e) MUST_CHECK;
void doctor_host_done(struct doctor_host *h);

/* All of it, in an order for reading. -ENOMEM. */
int doctor_examine(const struct doctor_host *h, struct doctor_report *ret, struct err *e) MUST_CHECK;

/* "ok", "warning", "missing". */
const char *doctor_level_name(enum doctor_level l);

/* The worst of all lines. */
enum doctor_level doctor_worst(const struct doctor_report *r);

#endif
