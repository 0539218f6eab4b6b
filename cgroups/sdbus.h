/* SPDX-License-Identifier: Apache-2.0 */
/* D-Bus to systemd's managers through sd-bus of libsystemd, which is opened only when somebody asks. The
 * declarations are ours, of what sd-bus(3) documents, so that no header of it is needed. */
#ifndef SAMPAN_CGROUPS_SDBUS_H
#define SAMPAN_CGROUPS_SDBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* libsystemd's, opaque. */
struct sd_bus;
struct sd_bus_message;
struct sd_bus_slot;

struct sdbus_error { /* sd_bus_error(3) */
	const char *name, *message;
	int need_free;
};

/* sd_bus_NAME(3) for each NAME. All return a negative errno on failure. */
struct sdbus_calls {
	int (*new)(struct sd_bus **ret);
	int (*set_address)(struct sd_bus *bus, const char *address);
	int (*set_bus_client)(struct sd_bus *bus, int is_client);
	int (*start)(struct sd_bus *bus);
	struct sd_bus *(*flush_close_unref)(struct sd_bus *bus);
	int (*match_signal)(struct sd_bus *bus, struct sd_bus_slot **ret, const char *sender,
			    const char *path, const char *interface, const char *member,
			    int (*callback)(struct sd_bus_message *m, void *arg, struct sdbus_error *error),
			    void *arg);
	int (*process)(struct sd_bus *bus, struct sd_bus_message **ret);
	int (*wait)(struct sd_bus *bus, uint64_t timeout_us);
	int (*call)(struct sd_bus *bus, struct sd_bus_message *m, uint64_t timeout_us,
		    struct sdbus_error *error, struct sd_bus_message **ret_reply);
	int (*message_new_method_call)(struct sd_bus *bus, struct sd_bus_message **ret,
				       const char *destination, const char *path, const char *interface,
				       const char *member);
	int (*message_append)(struct sd_bus_message *m, const char *types, ...);
	int (*message_append_array)(struct sd_bus_message *m, char type, const void *data, size_t size_bytes);
	int (*message_append_strv)(struct sd_bus_message *m, char **strings);
	int (*message_open_container)(struct sd_bus_message *m, char type, const char *contents);
	int (*message_close_container)(struct sd_bus_message *m);
	int (*message_enter_container)(struct sd_bus_message *m, char type, const char *contents);
	int (*message_read)(struct sd_bus_message *m, const char *types, ...);
	struct sd_bus_message *(*message_unref)(struct sd_bus_message *m);
	void (*error_free)(struct sdbus_error *error);
};

struct sdbus {
	void *library;
	struct sdbus_calls calls;
	struct sd_bus *bus;
};
void sdbus_close(struct sdbus *b);
#define cleanup_sdbus __attribute__((cleanup(sdbus_close)))

/* Whether the manager of a user is meant, not that of the machine: for everybody but root, and for the root of a user namespace that
 * such a user has made for itself, as `podman unshare` does. */
bool sdbus_is_user(void);

/* Connects to the system manager, or with `user` to the user's. Their private sockets come first: two processes talk, not three,
 * and no D-Bus daemon needs to run. -EOPNOTSUPP: no libsystemd; -errno where no socket answers. Both name the cure. */
int sdbus_open(bool user, struct sdbus *ret, struct err *e) MUST_CHECK;

/* -ELIBACC: not by this program (common/library.h). Pure. */
int sdbus_possible(struct err *e) MUST_CHECK;

#endif
