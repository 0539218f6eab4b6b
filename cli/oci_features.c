/* SPDX-License-Identifier: Apache-2.0 */
/* What this runtime can do, for its callers: runtime-spec features.md and features-linux.md. */
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/oci.h"
#include "common/cleanup.h"
#include "common/json_write.h"
#include "oci/runtime_spec.h"
#include "runtime/capabilities.h"
#include "runtime/mount_options.h"
#include "runtime/seccomp.h"

#define OUTPUT_MAX_BYTES (1u << 20)

static const struct option_def OPTIONS[] = { { 0 } };

static const struct command_def FEATURES = {
	.name = "sampan-oci features",
	.usage = "",
	.summary = "Print what this runtime can do as JSON",
	.options = OPTIONS,
};

/* Annotations that change what happens outside of the container; a '.' at the end: all that begin so. features.md. */
static const char *const UNSAFE_ANNOTATIONS[] = { "org.systemd.property.", NULL };

static const char *const HOOKS[] = {
	"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop", NULL
};

/* As Go's map of them prints: sorted. */
static const int NAMESPACES[] = { SPEC_NS_CGROUP, SPEC_NS_IPC,  SPEC_NS_MOUNT, SPEC_NS_NETWORK,
				  SPEC_NS_PID,    SPEC_NS_TIME, SPEC_NS_USER,  SPEC_NS_UTS };

static void put_list(struct json_out *o, const char *key, const char *const *list)
{
	json_out_array(o, key);
	for (; *list; list++)
		json_out_string(o, NULL, *list);
	json_out_end(o);
}

static void put_enabled(struct json_out *o, const char *key, bool enabled)
{
	json_out_object(o, key);
	json_out_bool(o, "enabled", enabled);
	json_out_end(o);
}

/* The kernel tells unknown flags (-EINVAL) from a filter that it cannot read (-EFAULT). seccomp(2). Flags that need
 * a companion to be valid get it. */
static bool kernel_has_flag(const char *name)
{
	static const struct {
		const char *name;
		unsigned long flags;
	} probes[] = {
		{ "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
		{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
		{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
		{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
		  SECCOMP_FILTER_FLAG_NEW_LISTENER | 1ul << 5 }, /* Linux 5.19 */
	};

	for (size_t i = 0; i < ARRAY_LEN(probes); i++)
		if (strcmp(probes[i].name, name) == 0)
			return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, probes[i].flags, NULL) < 0 &&
			       errno == EFAULT;
	return false;
}

static void put_seccomp(struct json_out *o)
{
	json_out_object(o, "seccomp");
	json_out_bool(o, "enabled", true);
	put_list(o, "actions", SECCOMP_ACTIONS);
	put_list(o, "operators", SECCOMP_OPERATORS);
	put_list(o, "archs", SECCOMP_ARCHITECTURES);
	put_list(o, "knownFlags", SECCOMP_FLAGS);
	json_out_array(o, "supportedFlags");
	for (const char *const *flag = SECCOMP_FLAGS; *flag; flag++)
		if (kernel_has_flag(*flag))
			json_out_string(o, NULL, *flag);
	json_out_end(o);
	json_out_end(o);
}

static void put_cgroup(struct json_out *o)
{
	json_out_object(o, "cgroup");
	json_out_bool(o, "v1", false);
	json_out_bool(o, "v2", true);
	json_out_bool(o, "systemd", true);
	json_out_bool(o, "systemdUser", true);
	json_out_bool(o, "rdma", true);
	json_out_end(o);
}

static void put_linux(struct json_out *o)
{
	json_out_object(o, "linux");
	json_out_array(o, "namespaces");
	for (size_t i = 0; i < ARRAY_LEN(NAMESPACES); i++)
		json_out_string(o, NULL, spec_namespace_name(NAMESPACES[i]));
	json_out_end(o);
	json_out_array(o, "capabilities");
	for (int i = 0; capability_name(i); i++)
		json_out_string(o, NULL, capability_name(i));
	json_out_end(o);
	put_cgroup(o);
	put_seccomp(o);
	put_enabled(o, "apparmor", true);
	put_enabled(o, "selinux", true);
	put_enabled(o, "intelRdt", false);
	json_out_object(o, "mountExtensions");
	put_enabled(o, "idmap", true);
	json_out_end(o);
	put_enabled(o, "netDevices", false);
	json_out_end(o);
}

static void put_annotations(struct json_out *o)
{
	char version[SECCOMP_VERSION_MAX];
	struct err ignored;

	json_out_object(o, "annotations");
	if (seccomp_library_version(version, &ignored) == 0)
		json_out_string(o, "io.github.seccomp.libseccomp.version", version);
	json_out_string(o, "org.opencontainers.runc.checkpoint.enabled", "true");
	json_out_string(o, "sampan.version", SAMPAN_VERSION);
	json_out_end(o);
}

static int print_features(struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(true, OUTPUT_MAX_BYTES);

	json_out_object(o, NULL);
	json_out_string(o, "ociVersionMin", SPEC_VERSION_MIN);
	json_out_string(o, "ociVersionMax", SPEC_VERSION_MAX);
	put_list(o, "hooks", HOOKS);
	put_list(o, "mountOptions", mount_options_names());
	put_linux(o);
	put_annotations(o);
	put_list(o, "potentiallyUnsafeConfigAnnotations", UNSAFE_ANNOTATIONS);
	json_out_end(o);
	return oci_print_json(o, e);
}

int oci_features(int argc, char **argv, const struct oci_globals *g)
{
	int exit_code, count;
	struct err e;

	if (!oci_options(g, &FEATURES, argc, argv, NULL, &count, &exit_code))
		return exit_code;
	return print_features(&e) < 0 ? oci_fail(g, &e) : 0;
}
