/* SPDX-License-Identifier: Apache-2.0 */
/* A build: the steps of a plan made, or found as they were made before, and the image that comes of it. docs/adr/0019
 *
 *	tree_view_isolate(e)                 a mount namespace of its own; then store_open
 *	build_open(store, ..., &b)           its place in the store
 *	build_execute(&b, &plan, ..., &r)    all steps
 *	build_keep(&b, &r, names, &id)       the image (build/build_image.h); or something else of what was made
 *	build_close(&b)
 */
#ifndef SAMPAN_BUILD_BUILD_H
#define SAMPAN_BUILD_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "build/base_images.h"
#include "build/context.h"
#include "build/device_allow.h"
#include "build/plan.h"
#include "build/stat_cache.h"
#include "build/step_layer.h"
#include "common/err.h"
#include "common/strvec.h"
#include "oci/runtime_spec.h"
#include "store/layer.h"
#include "store/store.h"

#define BUILD_JOBS_MAX    64
#define BUILD_STAT_CACHE  "stat-cache" /* in the store */
#define BUILD_VIEW_PREFIX "view-"      /* in staging: where a tree is mounted to be read, until build_close */

/* --- what is asked for ---------------------------------------------------------------------------------- */

struct build_folder {                /* of --build-context, and the context itself */
	const char *name;            /* NULL: the context */
	int fd;                      /* borrowed */
	const struct ignore *ignore; /* NULL: nothing is left out */
};

struct build_secret {
	char *id;
	char *data; /* owned by who made it */
	size_t len;
};

struct build_ssh {
	char *id;
	char *socket_path; /* of an agent */
};

/* What RUN's containers get. */
struct build_limits {
	struct spec_resources resources; /* its lists are empty */
	const struct spec_rlimit *rlimits;
	size_t rlimits_len;
	uint64_t shm_bytes;             /* 0: 64 MiB */
	const struct strvec *add_hosts; /* "NAME:IP" */
	const char *cgroup_parent;      /* NULL: none */
	const char *network;            /* of RUN --network=default: "default", "host" or "none" */
};

struct build_params;

/* The agent of git over ssh: "default", or else the first one. NULL: none. */
const char *build_git_agent(const struct build_params *p);

enum build_step_end { BUILD_STEP_CACHED, BUILD_STEP_MADE, BUILD_STEP_FAILED };

/* Called while a build runs; must not block. Any may be NULL. */
struct build_observer {
	void (*begun)(void *arg, size_t stage, size_t step);
	void (*output)(void *arg, size_t stage, size_t step, const char *data, size_t len);
	void (*ended)(void *arg, size_t stage, size_t step, enum build_step_end how, int64_t ms);
	void (*tick)(void *arg); /* while steps run, each tick_ms */
	int tick_ms;
	void *arg;
};

struct build_params {
	const struct build_folder *folders;
	size_t folders_len;
	const struct build_secret *secrets;
	size_t secrets_len;
	const struct build_ssh *ssh;
	size_t ssh_len;
	struct build_limits limits;
	bool no_cache;                            /* nothing is looked up */
	const struct strvec *no_cache_stages;     /* of these stages; NULL: of none */
	bool allow_insecure;                      /* RUN --security=insecure */
	bool allow_host_network;                  /* RUN --network=host */
	const struct device_allow *allow_devices; /* RUN --device; NULL: none */
	/* Gives a CDI device to a container; NULL: there are none. Called in a step's process. -ENOENT there is none of that name. */
	int (*add_device)(const char *name, struct runtime_spec *spec, struct err *e);
	unsigned int jobs; /* steps at a time; 0: as many as there are processors, and as memory allows */
	int cancel_fd;     /* readable: stop; -1: none */
	struct build_observer observer;
};

/* --- what there is -------------------------------------------------------------------------------------- */

struct build {
	const struct store *store;
	struct staging staging; /* after build_stage; a build that finds all does without */
	int lock_fd;            /* of the store, shared */
	struct stat_cache *stat_cache;
	size_t names_len; /* in `staging`, so far: several executions have each their own */
	int cancel_fd;    /* readable: stop exporting and squashing; -1: none */
};
#define BUILD_EMPTY ((struct build){ .staging.fd = -1, .lock_fd = -1, .cancel_fd = -1 })

/* `b` is zeroed by BUILD_EMPTY. The store was opened in the mount namespace that this process is in now (tree_view_isolate): one of its own. */
int build_open(const struct store *s, struct build *b, struct err *e) MUST_CHECK;
void build_close(struct build *b);

/* Makes sure of its place in staging/. */
int build_stage(struct build *b, struct err *e) MUST_CHECK;
#define cleanup_build __attribute__((cleanup(build_close)))

/* --- what comes of it ----------------------------------------------------------------------------------- */

struct build_failure {
	bool set;
	size_t stage, step;
	int exit_code; /* of a command; 0: it is something else that went wrong */
};

/* A step that has a layer, of whatever stage. */
struct build_step {
	struct digest key, before; /* build/step_key.h */
	struct step_layer layer;
	const char *text; /* the plan's */
	bool in_image;    /* its layer is one of the image's */
};

struct build_result {
	struct image_config config; /* whole, as it is to be written */
	struct strvec layers;       /* keys, base first */
	struct strvec hidden;       /* of the base (store/image.h) */
	/* What ADD got from elsewhere, in pairs: the URL without its password, and a digest: "sha256:..." of a file, "sha1:..." or "sha256:..." of a commit. */
	struct strvec sources;
	const struct base_image *base; /* borrowed; NULL: from scratch */
	struct step_layer *made;       /* above it */
	size_t made_len;
	struct build_step
		*steps; /* each key once, each after those before it; without what is not to be remembered */
	size_t steps_len;
	bool is_new; /* some step was made, not found */
};
void build_result_done(struct build_result *r);
#define cleanup_build_result __attribute__((cleanup(build_result_done)))

/* Executes the plan for its target. *ret_failure is filled for a step that failed. -EINTR cancelled; what a step failed with. */
int build_execute(struct build *b, const struct build_plan *plan, struct base_images *bases,
		  const struct build_params *params, struct build_result *ret,
		  struct build_failure *ret_failure, struct err *e) MUST_CHECK;

#endif
