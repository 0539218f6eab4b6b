/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/systemd_manager.h"

#include <string.h>
#include <time.h>

#include "common/cleanup.h"

#define DESTINATION     "org.freedesktop.systemd1"
#define OBJECT          "/org/freedesktop/systemd1"
#define MANAGER         "org.freedesktop.systemd1.Manager"
#define ERROR_EXISTS    "org.freedesktop.systemd1.UnitExists"
#define ERROR_ABSENT    "org.freedesktop.systemd1.NoSuchUnit"
#define WAIT_US         (UINT64_C(30) * 1000000) /* for an answer, and for a job */
#define EXISTS_RETRIES  20                       /* times 25 ms, for an ended scope to be collected */
#define EXISTS_RETRY_NS (25 * 1000 * 1000)
#define STOP_TIMEOUT_US \
	(UINT64_C(10) * 1000000) /* until systemd, shutting down, follows SIGTERM with SIGKILL */

/* A method call under construction, and its answer. */
struct method {
	struct systemd_manager *manager;
	const char *name;
	struct sd_bus_message *request, *reply;
	struct sdbus_error error;
};

static void method_done(struct method *m)
{
	const struct sdbus_calls *calls = &m->manager->sdbus.calls;

	if (m->request)
		(void)calls->message_unref(m->request); /* returns NULL, always */
	if (m->reply)
		(void)calls->message_unref(m->reply);
	calls->error_free(&m->error);
}
#define cleanup_method __attribute__((cleanup(method_done)))

static int method_new(struct method *m)
{
	return m->manager->sdbus.calls.message_new_method_call(m->manager->sdbus.bus, &m->request,
							       DESTINATION, OBJECT, MANAGER, m->name);
}

/* Sends it and waits for the answer. `r` is what became of its construction. */
static int method_call(struct method *m, int r)
{
	if (r >= 0)
		r = m->manager->sdbus.calls.call(m->manager->sdbus.bus, m->request, WAIT_US, &m->error,
						 &m->reply);
	return r < 0 ? r : 0;
}

static bool method_error_is(const struct method *m, const char *name)
{
	return m->error.name && strcmp(m->error.name, name) == 0;
}

static int method_error(const struct method *m, int r, const char *unit, struct err *e)
{
	if (m->error.message)
		return err_set(e, r, "systemd refuses %s of '%s': %s", m->name, unit, m->error.message);
	return err_code(e, r, "cannot ask systemd for %s of '%s'", m->name, unit);
}

/* --- properties ------------------------------------------------------------------------------------------- */

static const char *const TYPES[] = {
	[UNIT_PROPERTY_U64] = "t",    [UNIT_PROPERTY_I32] = "i",   [UNIT_PROPERTY_BOOL] = "b",
	[UNIT_PROPERTY_STRING] = "s", [UNIT_PROPERTY_STRV] = "as", [UNIT_PROPERTY_BYTES] = "ay",
};

static int append_value(struct method *m, const struct unit_property *p)
{
	const struct sdbus_calls *calls = &m->manager->sdbus.calls;
	char *none[] = { NULL };

	switch (p->kind) {
	case UNIT_PROPERTY_U64:
		return calls->message_append(m->request, "t", p->number);
	case UNIT_PROPERTY_I32:
		return calls->message_append(m->request, "i", (int32_t)p->number);
	case UNIT_PROPERTY_BOOL:
		return calls->message_append(m->request, "b", (int)p->number);
	case UNIT_PROPERTY_STRING:
		return calls->message_append(m->request, "s", p->strings.items[0]);
	case UNIT_PROPERTY_STRV:
		return calls->message_append_strv(m->request, p->strings.items ? p->strings.items : none);
	case UNIT_PROPERTY_BYTES:
		return calls->message_append_array(m->request, 'y', p->bytes, p->bytes_len);
	}
	return -EINVAL;
}

static int append_property(struct method *m, const struct unit_property *p)
{
	const struct sdbus_calls *calls = &m->manager->sdbus.calls;
	int r = calls->message_open_container(m->request, 'r', "sv");

	if (r >= 0)
		r = calls->message_append(m->request, "s", p->name);
	if (r >= 0)
		r = calls->message_open_container(m->request, 'v', TYPES[p->kind]);
	if (r >= 0)
		r = append_value(m, p);
	if (r >= 0)
		r = calls->message_close_container(m->request);
	return r < 0 ? r : calls->message_close_container(m->request);
}

static int append_properties(struct method *m, const struct unit_properties *properties)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < properties->len; i++)
		r = append_property(m, &properties->items[i]);
	return r;
}

/* The array of properties, as the last of the method's arguments so far. */
static int append_array(struct method *m, const struct unit_properties *properties)
{
	const struct sdbus_calls *calls = &m->manager->sdbus.calls;
	int r = calls->message_open_container(m->request, 'a', "(sv)");

	if (r >= 0)
		r = append_properties(m, properties);
	return r < 0 ? r : calls->message_close_container(m->request);
}

/* --- the version ------------------------------------------------------------------------------------------ */

static int read_version(struct method *m, unsigned int *ret)
{
	const struct sdbus_calls *calls = &m->manager->sdbus.calls;
	const char *text = NULL;
	int r = calls->message_enter_container(m->reply, 'v', "s");

	if (r >= 0)
		r = calls->message_read(m->reply, "s", &text);
	if (r < 0)
		return r;
	*ret = 0;
	text += strspn(text, "v"); /* "252.39-1~deb12u1", "v255" */
	for (; *text >= '0' && *text <= '9' && *ret < 100000; text++)
		*ret = *ret * 10 + (unsigned int)(*text - '0');
	return 0;
}

static int version(struct systemd_manager *manager, unsigned int *ret, struct err *e)
{
	cleanup_method struct method m = { .manager = manager, .name = "Get" };
	const struct sdbus_calls *calls = &manager->sdbus.calls;
	int r = calls->message_new_method_call(manager->sdbus.bus, &m.request, DESTINATION, OBJECT,
					       "org.freedesktop.DBus.Properties", m.name);

	if (r >= 0)
		r = calls->message_append(m.request, "ss", MANAGER, "Version");
	r = method_call(&m, r);
	if (r == 0)
		r = read_version(&m, ret);
	return r < 0 ? method_error(&m, r, "Version", e) : 0;
}

static int check_version(struct systemd_manager *manager, const struct unit_properties *properties,
			 struct err *e)
{
	bool idle = false;
	unsigned int v;
	int r;

	for (size_t i = 0; i < properties->len; i++)
		idle |= strcmp(properties->items[i].name, "CPUWeight") == 0 &&
			properties->items[i].number == 0;
	if (!idle)
		return 0;
	r = version(manager, &v, e);
	if (r < 0)
		return r;
	return v >= 252
		       ? 0
		       : err_set(e, -EOPNOTSUPP,
				 "cannot set 'cpu.idle' of a systemd scope: it needs systemd 252, this is %u",
				 v);
}

/* --- jobs ------------------------------------------------------------------------------------------------- */

static int on_job_removed(struct sd_bus_message *message, void *arg, struct sdbus_error *error)
{
	struct systemd_manager *m = arg;
	const char *job, *unit, *result;
	uint32_t id;

	(void)error;
	if (m->job && m->sdbus.calls.message_read(message, "uoss", &id, &job, &unit, &result) >= 0 &&
	    strcmp(job, m->job) == 0) {
		m->job_done = true;
		(void)snprintf(m->job_result, sizeof(m->job_result), "%s", result);
	}
	return 0;
}

/* Before the job is asked for, so that its end cannot be missed. */
static int watch(struct systemd_manager *m, struct err *e)
{
	int r;

	if (m->watching)
		return 0;
	r = m->sdbus.calls.match_signal(m->sdbus.bus, NULL, NULL, OBJECT, MANAGER, "JobRemoved",
					on_job_removed, m);
	if (r < 0)
		return err_code(e, r, "cannot listen to systemd over D-Bus");
	m->watching = true;
	return 0;
}

static uint64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int wait_for_job(struct systemd_manager *m)
{
	uint64_t end = now_us() + WAIT_US;

	while (!m->job_done) {
		int r = m->sdbus.calls.process(m->sdbus.bus, NULL);
		uint64_t now = now_us();

		if (r == 0 && now >= end)
			return -ETIMEDOUT;
		if (r == 0)
			r = m->sdbus.calls.wait(m->sdbus.bus, end - now);
		if (r < 0 && r != -EINTR)
			return r;
	}
	return 0;
}

/* The method's answer is a job. */
static int finish_job(struct method *method, const char *unit, struct err *e)
{
	struct systemd_manager *m = method->manager;
	int r;

	m->job_done = false;
	r = m->sdbus.calls.message_read(method->reply, "o", &m->job);
	if (r >= 0)
		r = wait_for_job(m);
	m->job = NULL;
	if (r < 0)
		return err_code(e, r, "cannot wait for systemd's %s of '%s'", method->name, unit);
	if (strcmp(m->job_result, "done") != 0)
		return err_set(e, m->job_result[0] == 't' ? -ETIMEDOUT : -EIO,
			       "systemd's %s of '%s' ended as '%s'", method->name, unit, m->job_result);
	return 0;
}

/* --- the methods ------------------------------------------------------------------------------------------ */

int systemd_manager_open(struct systemd_manager *ret, struct err *e)
{
	*ret = (struct systemd_manager){ 0 };
	return sdbus_open(sdbus_is_user(), &ret->sdbus, e);
}

static int build_start(struct method *m, const struct unit_names *names, const char *id, pid_t pid,
		       const struct unit_properties *properties)
{
	const struct sdbus_calls *calls = &m->manager->sdbus.calls;
	char description[256];
	int r = method_new(m);

	(void)snprintf(description, sizeof(description), "sampan container %.200s", id);
	if (r >= 0)
		r = calls->message_append(m->request, "ss", names->scope, "fail");
	if (r >= 0)
		r = calls->message_open_container(m->request, 'a', "(sv)");
	if (r >= 0)
		r = calls->message_append(m->request, "(sv)(sv)(sv)(sv)(sv)(sv)(sv)", "Description", "s",
					  description, "Slice", "s", names->slice, "Delegate", "b", 1,
					  "DefaultDependencies", "b", 0, "CollectMode", "s",
					  "inactive-or-failed", "TimeoutStopUSec", "t", STOP_TIMEOUT_US,
					  "PIDs", "au", 1, (uint32_t)pid);
	if (r >= 0)
		r = append_properties(m, properties);
	if (r >= 0)
		r = calls->message_close_container(m->request);
	return r < 0 ? r : calls->message_append(m->request, "a(sa(sv))", 0);
}

static int reset_failed(struct systemd_manager *manager, const char *unit)
{
	cleanup_method struct method m = { .manager = manager, .name = "ResetFailedUnit" };
	int r = method_new(&m);

	if (r >= 0)
		r = manager->sdbus.calls.message_append(m.request, "s", unit);
	return method_call(&m, r);
}

/* *ret_exists: there is one of that name, and nothing has been started. */
static int try_start(struct systemd_manager *manager, const struct unit_names *names, const char *id,
		     pid_t pid, const struct unit_properties *properties, bool *ret_exists, struct err *e)
{
	cleanup_method struct method m = { .manager = manager, .name = "StartTransientUnit" };
	int r = method_call(&m, build_start(&m, names, id, pid, properties));

	*ret_exists = method_error_is(&m, ERROR_EXISTS);
	if (*ret_exists)
		return err_set(e, -EBUSY, "the systemd scope '%s' exists already", names->scope);
	return r < 0 ? method_error(&m, r, names->scope, e) : finish_job(&m, names->scope, e);
}

int systemd_manager_start_scope(struct systemd_manager *m, const struct unit_names *names, const char *id,
				pid_t pid, const struct unit_properties *properties, struct err *e)
{
	const struct timespec pause = { .tv_nsec = EXISTS_RETRY_NS };
	bool exists = false;
	int r = check_version(m, properties, e);

	if (r == 0)
		r = watch(m, e);
	if (r == 0)
		r = try_start(m, names, id, pid, properties, &exists, e);
	for (int i = 0; exists && i < EXISTS_RETRIES; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);        /* cut short, it is one try more */
		IGNORE_RESULT(reset_failed(m, names->scope)); /* it may not have failed, but run */
		r = try_start(m, names, id, pid, properties, &exists, e);
	}
	return r;
}

int systemd_manager_stop(struct systemd_manager *manager, const char *unit, struct err *e)
{
	cleanup_method struct method m = { .manager = manager, .name = "StopUnit" };
	int r = watch(manager, e);

	if (r < 0)
		return r;
	r = method_new(&m);
	if (r >= 0)
		r = manager->sdbus.calls.message_append(m.request, "ss", unit, "replace");
	r = method_call(&m, r);
	if (method_error_is(&m, ERROR_ABSENT))
		return 0;
	r = r < 0 ? method_error(&m, r, unit, e) : finish_job(&m, unit, e);
	IGNORE_RESULT(reset_failed(manager, unit)); /* collected already, as a rule */
	return r;
}

int systemd_manager_set_properties(struct systemd_manager *manager, const char *unit,
				   const struct unit_properties *properties, struct err *e)
{
	cleanup_method struct method m = { .manager = manager, .name = "SetUnitProperties" };
	int r;

	if (properties->len == 0)
		return 0;
	r = check_version(manager, properties, e);
	if (r < 0)
		return r;
	r = method_new(&m);
	if (r >= 0)
		r = manager->sdbus.calls.message_append(m.request, "sb", unit, 1); /* till it ends */
	if (r >= 0)
		r = append_array(&m, properties);
	r = method_call(&m, r);
	return r < 0 ? method_error(&m, r, unit, e) : 0;
}

int systemd_manager_attach(struct systemd_manager *manager, const char *unit, const char *below, pid_t pid,
			   struct err *e)
{
	cleanup_method struct method m = { .manager = manager, .name = "AttachProcessesToUnit" };
	int r = method_new(&m);

	if (r >= 0)
		r = manager->sdbus.calls.message_append(m.request, "ssau", unit, below, 1, (uint32_t)pid);
	r = method_call(&m, r);
	return r < 0 ? method_error(&m, r, unit, e) : 0;
}
