/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/launch_events.h"

#include <stdio.h>

#include "common/cleanup.h"
#include "store/container_event.h"
#include "store/volume.h"

static void add_mounts(struct event_batch *b, const struct store *s, const struct container_record *c,
		       const struct runtime_spec *spec)
{
	for (size_t i = 0; c->volumes.len > 0 && i < spec->mounts_len; i++) {
		const struct spec_mount *m = &spec->mounts[i];
		const char *rest;
		cleanup_free char *volume = m->source ? volume_of_path(s, m->source, &rest) : NULL;
		const char *pairs[] = { "container",   c->id,
					"destination", m->destination,
					"driver",      VOLUME_DRIVER,
					"propagation", "",
					"read/write",  strvec_has(&m->options, "ro") ? "false" : "true",
					NULL };

		if (volume)
			event_batch_add(b, &(struct event){ .type = "volume",
							    .action = "mount",
							    .id = volume,
							    .attributes = pairs });
	}
}

static void add_networks(struct event_batch *b, const struct container_record *c,
			 const struct network_record *networks, const char *action)
{
	for (size_t i = 0; networks && i < networks->attachments_len; i++) {
		const struct network_attachment *a = &networks->attachments[i];
		const char *pairs[] = { "container", c->id, "name", a->network, "type", "bridge", NULL };

		event_batch_add(b, &(struct event){ .type = "network",
						    .action = action,
						    .id = a->network_id ? a->network_id : a->network,
						    .attributes = pairs });
	}
}

void launch_events_start(const struct store *s, const char *state_dir, const struct container_record *c,
			 const struct runtime_spec *spec, const struct network_record *networks)
{
	cleanup_event_batch struct event_batch b = EVENT_BATCH_EMPTY;

	add_mounts(&b, s, c, spec);
	add_networks(&b, c, networks, "connect");
	container_event_add(&b, c, "start", NULL);
	event_batch_write(&b, state_dir, false); /* its end trims */
}

void launch_events_end(const char *state_dir, const struct container_record *c, const struct launch_end *end)
{
	static const char *const DRIVER = VOLUME_DRIVER;
	cleanup_event_batch struct event_batch b = EVENT_BATCH_EMPTY;
	char exit_code[16], ran[24];
	const char *die[] = { "exitCode", exit_code, "execDuration", ran, NULL };

	(void)snprintf(exit_code, sizeof(exit_code), "%d", end->exit_code);
	(void)snprintf(ran, sizeof(ran), "%lld", (long long)end->ran_s);
	if (end->oom_killed)
		container_event_add(&b, c, "oom", NULL);
	container_event_add(&b, c, "die", die);
	add_networks(&b, c, end->networks, "disconnect");
	for (size_t i = 0; i < c->volumes.len; i++) {
		const char *pairs[] = { "container", c->id, "driver", DRIVER, NULL };

		event_batch_add(&b, &(struct event){ .type = "volume",
						     .action = "unmount",
						     .id = c->volumes.items[i],
						     .attributes = pairs });
	}
	event_batch_write(&b, state_dir, true);
}

int launch_remove(const struct store *s, const char *state_dir, const struct container_record *c,
		  bool volumes, struct err *e)
{
	cleanup_event_batch struct event_batch b = EVENT_BATCH_EMPTY;
	int r = volumes ? container_remove_with_volumes(s, c->id, e) : container_remove(s, c->id, e);
	struct err ignored;

	if (r < 0)
		return r;
	container_event_add(&b, c, "destroy", NULL);
	for (size_t i = 0; volumes && i < c->anonymous_volumes.len; i++) {
		cleanup_volume_record struct volume_record left = { 0 };

		if (volume_find(s, c->anonymous_volumes.items[i], &left, &ignored) == -ENOENT)
			volume_event_add(&b, c->anonymous_volumes.items[i], "destroy");
	}
	event_batch_write(&b, state_dir, true);
	return 0;
}

int launch_remove_telling(const struct store *s, const char *state_dir, const struct container_record *c,
			  bool (*told)(void *arg, const struct container_removal *removal), void *arg,
			  struct err *e)
{
	cleanup_container_removal struct container_removal removal = { .dir_fd = -1 };
	cleanup_event_batch struct event_batch b = EVENT_BATCH_EMPTY;
	int r;

	if (c->anonymous_volumes.len > 0) { /* they go after it */
		r = launch_remove(s, state_dir, c, true, e);
		if (r == 0)
			(void)told(arg, NULL); /* there is nothing left */
		return r;
	}
	r = container_remove_begin(s, c->id, &removal, e);
	if (r < 0)
		return r;
	container_event_add(&b, c, "destroy", NULL);
	event_batch_write(&b, state_dir, true);
	return told(arg, &removal) ? 0 : container_remove_end(s, c->id, &removal, e);
}
