/* SPDX-License-Identifier: Apache-2.0 */
/* `--change`: instructions of a Dockerfile that say how an image is run. Pure. */
#ifndef SAMPAN_PULL_IMPORT_CHANGES_H
#define SAMPAN_PULL_IMPORT_CHANGES_H

#include <stdint.h>

#include "common/err.h"
#include "common/json_write.h"
#include "common/strvec.h"

/* HEALTHCHECK. */
struct import_health {
	struct strvec test; /* empty: not said */
	int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns;
	uint64_t retries; /* 0, as the times: not said */
};

/* Reads what follows "HEALTHCHECK". -EINVAL malformed; -ERANGE a value that is out of bounds, with what it may be. pull/import_health.c. */
int import_health_parse(const char *text, struct import_health *ret, struct err *e) MUST_CHECK;

/* The member "Healthcheck", if there is anything to say. */
void import_health_write(const struct import_health *h, struct json_out *o);

/* In exec form a list; in shell form `shell` (NULL: /bin/sh and -c) and the line. */
int import_command_parse(const char *text, const char *shell, struct strvec *out, struct err *e) MUST_CHECK;

struct import_changes {
	char *user, *working_dir, *stop_signal; /* NULL: not said */
	struct strvec cmd, entrypoint, env, exposed_ports, labels, on_build, volumes;
	struct import_health health;
};
void import_changes_done(struct import_changes *c);
#define cleanup_import_changes __attribute__((cleanup(import_changes_done)))

/* All that docker import takes: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR. -EINVAL, with the
 * instruction that is wrong; -ERANGE, with why. */
int import_changes_parse(const struct strvec *changes, struct import_changes *ret, struct err *e) MUST_CHECK;

/* The same on top of what is there. On failure a part of them may be in it. */
int import_changes_apply(const struct strvec *changes, struct import_changes *c, struct err *e) MUST_CHECK;

/* The member "config" of an image's config. */
void import_changes_write(const struct import_changes *c, struct json_out *o);

#endif
