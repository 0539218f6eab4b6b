/* SPDX-License-Identifier: Apache-2.0 */
/* The container's way to the service manager: the monitor's socket, where runc has it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "engine/launch_mounts.h"
#include "engine/monitor.h"

#define NOTIFY_TARGET "/run/notify"

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot start a container");
}

static int add_mount(struct runtime_spec *s, const char *source, struct err *e)
{
	static const char *const OPTIONS[] = { "bind", "ro", "rprivate", "nosuid", "nodev", "noexec" };
	struct spec_mount *m = spec_add_mount(s, NOTIFY_TARGET, "bind", source);

	if (!m)
		return no_memory(e);
	for (size_t i = 0; i < ARRAY_LEN(OPTIONS); i++)
		if (strvec_add(&m->options, OPTIONS[i]) < 0)
			return no_memory(e);
	return 0;
}

/* Without WATCHDOG_PID, which would be another's, it counts for whoever asks: sd_watchdog_enabled(3). */
static int add_variables(struct spec_process *p, struct err *e)
{
	const char *watchdog = getenv("WATCHDOG_USEC");
	cleanup_free char *text = NULL;

	if (strvec_set_env(&p->env, NOTIFY_ENV "=" NOTIFY_TARGET "/" MONITOR_NOTIFY_SOCKET) < 0)
		return no_memory(e);
	if (!watchdog)
		return 0;
	if (asprintf(&text, "WATCHDOG_USEC=%s", watchdog) < 0) {
		text = NULL;
		return no_memory(e);
	}
	return strvec_set_env(&p->env, text) < 0 ? no_memory(e) : 0;
}

int launch_add_notify(struct launch_additions *a, struct err *e)
{
	cleanup_free char *path = NULL;
	int r;

	if (a->life->sdnotify != NOTIFY_CONTAINER || !a->spec->process)
		return 0;
	if (asprintf(&path, "%s/" MONITOR_DIR "/%s/" MONITOR_NOTIFY_DIR, a->state_dir, a->record->id) < 0) {
		path = NULL;
		return no_memory(e);
	}
	if (access(path, F_OK) < 0) /* nobody would listen: the monitor has made none */
		return 0;
	r = add_mount(a->spec, path, e);
	return r == 0 ? add_variables(a->spec->process, e) : r;
}
