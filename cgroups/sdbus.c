/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/sdbus.h"

#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "cgroups/files.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/library.h"
#include "common/process.h"

#define ADDRESS_MAX    8192
#define SYSTEM_PRIVATE "unix:path=/run/systemd/private"
#define SYSTEM_BUS     "unix:path=/run/dbus/system_bus_socket"

/* --- the library ---------------------------------------------------------------------------------------- */

#define SYMBOL(name)   LIBRARY_SYMBOL("sd_bus_", struct sdbus_calls, name)
static const struct library_symbol SYMBOLS[] = {
	SYMBOL(new),
	SYMBOL(set_address),
	SYMBOL(set_bus_client),
	SYMBOL(start),
	SYMBOL(flush_close_unref),
	SYMBOL(match_signal),
	SYMBOL(process),
	SYMBOL(wait),
	SYMBOL(call),
	SYMBOL(message_new_method_call),
	SYMBOL(message_append),
	SYMBOL(message_append_array),
	SYMBOL(message_append_strv),
	SYMBOL(message_open_container),
	SYMBOL(message_close_container),
	SYMBOL(message_enter_container),
	SYMBOL(message_read),
	SYMBOL(message_unref),
	SYMBOL(error_free),
};

void sdbus_close(struct sdbus *b)
{
	if (b->bus)
		(void)b->calls.flush_close_unref(b->bus); /* returns NULL, always */
	library_close(b->library);
	*b = (struct sdbus){ 0 };
}

/* --- where the managers are ----------------------------------------------------------------------------- */

bool sdbus_is_user(void)
{
	const char *runtime_dir;

	if (geteuid() != 0)
		return true;
	if (!process_in_user_namespace())
		return false;
	/* The root of a whole system in a namespace has /run/user/0, if anything. */
	runtime_dir = getenv("XDG_RUNTIME_DIR");
	return runtime_dir && strcmp(runtime_dir, "/run/user/0") != 0;
}

/* In an address all but these must be written as %XX. D-Bus Specification, "Server Addresses". */
static int add_escaped(struct buf *out, const char *path)
{
	static const char PLAIN[] = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_/.*";
	int r = 0;

	for (; r == 0 && *path != '\0'; path++) {
		if (strchr(PLAIN, *path))
			r = buf_add_char(out, *path);
		else
			r = buf_printf(out, "%%%02x", (unsigned int)(unsigned char)*path);
	}
	return r;
}

static int user_address(const char *socket, struct buf *out)
{
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
	int r;

	buf_clear(out);
	r = buf_add_str(out, "unix:path=");
	if (r < 0)
		return r;
	if (runtime_dir && runtime_dir[0] == '/')
		r = add_escaped(out, runtime_dir);
	else
		r = buf_printf(out, "/run/user/%u", (unsigned int)geteuid());
	return r < 0 ? r : buf_add_str(out, socket);
}

/* --- connecting ----------------------------------------------------------------------------------------- */

/* A bus has a daemon in the middle, which wants to be greeted; the managers' private sockets have none. */
static int connect_to(struct sdbus *b, const char *address, bool is_bus)
{
	int r = b->calls.new(&b->bus);

	if (r < 0)
		return r;
	r = b->calls.set_address(b->bus, address);
	if (r >= 0)
		r = b->calls.set_bus_client(b->bus, is_bus);
	if (r >= 0)
		r = b->calls.start(b->bus);
	if (r >= 0)
		return 0;
	(void)b->calls.flush_close_unref(b->bus);
	b->bus = NULL;
	return r;
}

static int connect_to_system(struct sdbus *b, struct err *e)
{
	const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
	int r = connect_to(b, SYSTEM_PRIVATE, false);

	if (r == 0)
		return 0;
	r = connect_to(b, address && *address ? address : SYSTEM_BUS, true);
	if (r < 0)
		return err_code(e, r,
				"cannot reach systemd over D-Bus (is it the init system here? without "
				"--systemd-cgroup it is not needed): '%s'",
				address && *address ? address : SYSTEM_BUS);
	return 0;
}

static int connect_to_user(struct sdbus *b, struct err *e)
{
	cleanup_buf struct buf path = BUF_INIT(ADDRESS_MAX);
	const char *address = getenv("DBUS_SESSION_BUS_ADDRESS");
	int r = user_address("/systemd/private", &path);

	if (r == 0)
		r = connect_to(b, path.data, false);
	if (r < 0 && address && *address)
		r = connect_to(b, address, true);
	if (r < 0) {
		r = user_address("/bus", &path);
		if (r == 0)
			r = connect_to(b, path.data, true);
	}
	if (r < 0)
		return err_code(e, r,
				"cannot reach the systemd of the user over D-Bus (log in, or 'loginctl "
				"enable-linger', "
				"and see that XDG_RUNTIME_DIR is set): '%s'",
				path.data ? path.data : "");
	return 0;
}

static const struct library LIBRARY = { "libsystemd.so.0", "the systemd cgroup driver needs", "libsystemd",
					"libsystemd0" };

int sdbus_possible(struct err *e)
{
	return library_possible(&LIBRARY, e);
}

int sdbus_open(bool user, struct sdbus *ret, struct err *e)
{
	cleanup_sdbus struct sdbus b = { 0 };
	int r = library_open(&LIBRARY, SYMBOLS, ARRAY_LEN(SYMBOLS), &b.calls, &b.library, e);

	if (r == 0)
		r = user ? connect_to_user(&b, e) : connect_to_system(&b, e);
	if (r < 0)
		return r;
	*ret = b;
	b = (struct sdbus){ 0 };
	return 0;
}
