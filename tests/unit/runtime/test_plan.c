/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "common/cleanup.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* A config.json with what a test adds on top, in "process" and in "linux". */
#define SPEC(top, process, linux_)                                      \
	"{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"}," top \
	"\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"]" process "},\"linux\":{" linux_ "}}"
#define MOUNT_NS       "\"namespaces\":[{\"type\":\"mount\"}]"
#define WITH_NS(types) "\"namespaces\":[{\"type\":\"mount\"}," types "]"
#define PLAIN          SPEC("", "", MOUNT_NS)

struct fixture {
	struct runtime_spec spec;
	struct runtime_args args;
	struct plan plan;
	struct err e;
};

static void fixture_done(struct fixture *f)
{
	plan_done(&f->plan);
	runtime_spec_done(&f->spec);
}
#define cleanup_fixture __attribute__((cleanup(fixture_done)))

static void load(struct fixture *f, const char *json)
{
	*f = (struct fixture){ 0 };
	if (runtime_spec_decode(json, strlen(json), &f->spec, &f->e) < 0)
		fail_msg("%s: %s", json, f->e.text);
	f->args = (struct runtime_args){
		.id = "c", .bundle = "/bundle", .state_root = "/run/x", .spec = &f->spec
	};
}

static void make(struct fixture *f)
{
	if (plan_make(&f->args, &f->plan, &f->e) < 0)
		fail_msg("%s", f->e.text);
}

static void expect_refused(struct fixture *f, int code, const char *text)
{
	static const struct plan NOTHING;
	int r = plan_make(&f->args, &f->plan, &f->e);

	if (r != code || strcmp(f->e.text, text) != 0)
		fail_msg("%d '%s', not %d '%s'", r, f->e.text, code, text);
	assert_memory_equal(&f->plan, &NOTHING, sizeof(NOTHING));
}

static void expect_spec_refused(const char *json, int code, const char *text)
{
	cleanup_fixture struct fixture f;

	load(&f, json);
	expect_refused(&f, code, text);
}

/* --- namespaces --- */

static void new_namespaces_become_flags_of_clone(void **state)
{
	static const struct {
		const char *type;
		uint64_t flag;
	} CASES[] = { { "pid", CLONE_NEWPID },
		      { "ipc", CLONE_NEWIPC },
		      { "uts", CLONE_NEWUTS },
		      { "time", CLONE_NEWTIME } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_fixture struct fixture f;
		char json[512];

		(void)snprintf(json, sizeof(json), SPEC("", "", WITH_NS("{\"type\":\"%s\"}")), CASES[i].type);
		load(&f, json);
		make(&f);
		assert_true(f.plan.clone_flags == (CLONE_NEWNS | CASES[i].flag));
		assert_int_equal(f.plan.joins_len, 0);
		assert_true(f.plan.own_mount_namespace);
		assert_int_equal(f.plan.own_pid_namespace, CASES[i].flag == CLONE_NEWPID);
		assert_false(f.plan.unshare_cgroup || f.plan.user_namespace);
	}
}

/* While init mounts; but a user namespace has to own it. */
static void a_network_namespace_is_made_beside(void **state)
{
	cleanup_fixture struct fixture f, g, h;

	(void)state;
	load(&f, SPEC("", "", WITH_NS("{\"type\":\"network\"}")));
	make(&f);
	assert_true(f.plan.network_beside);
	assert_true(f.plan.clone_flags == CLONE_NEWNS);

	load(&g, SPEC("", "", WITH_NS("{\"type\":\"network\"},{\"type\":\"user\",\"path\":\"/ns/u\"}")));
	make(&g);
	assert_false(g.plan.network_beside);
	assert_true(g.plan.clone_flags == (CLONE_NEWNS | CLONE_NEWNET));

	load(&h, SPEC("", "", WITH_NS("{\"type\":\"network\",\"path\":\"/ns/n\"}")));
	make(&h);
	assert_false(h.plan.network_beside);
	assert_true(h.plan.clone_flags == CLONE_NEWNS);
}

static void a_cgroup_namespace_is_made_after_clone(void **state)
{
	cleanup_fixture struct fixture f;

	(void)state;
	load(&f, SPEC("", "", WITH_NS("{\"type\":\"cgroup\"}")));
	make(&f);
	assert_true(f.plan.unshare_cgroup);
	assert_true(f.plan.clone_flags == CLONE_NEWNS);
}

static void namespaces_with_a_path_are_joined(void **state)
{
	cleanup_fixture struct fixture f;

	(void)state;
	load(&f, SPEC("", "",
		      "\"namespaces\":[{\"type\":\"mount\",\"path\":\"/ns/m\"},{\"type\":\"pid\",\"path\":\"/"
		      "ns/p\"},"
		      "{\"type\":\"cgroup\",\"path\":\"/ns/c\"},{\"type\":\"user\",\"path\":\"/ns/u\"}]"));
	make(&f);
	assert_true(f.plan.clone_flags == 0);
	assert_int_equal(f.plan.joins_len, 4);
	assert_int_equal(f.plan.joins[0].clone_flag, CLONE_NEWNS);
	assert_string_equal(f.plan.joins[0].path, "/ns/m");
	assert_int_equal(f.plan.joins[1].clone_flag, CLONE_NEWPID);
	assert_int_equal(f.plan.joins[2].clone_flag, CLONE_NEWCGROUP);
	assert_int_equal(f.plan.joins[3].clone_flag, CLONE_NEWUSER);
	assert_true(f.plan.own_mount_namespace && f.plan.own_pid_namespace);
	assert_false(f.plan.unshare_cgroup || f.plan.user_namespace); /* its maps are written already */
}

static void a_new_user_namespace_needs_maps_of_both_kinds(void **state)
{
	static const char MAP[] = "[{\"containerID\":0,\"hostID\":1000,\"size\":1}]";
	char json[512];

	(void)state;
	for (int maps = 0; maps < 4; maps++) {
		cleanup_fixture struct fixture f;

		(void)snprintf(json, sizeof(json),
			       SPEC("", "",
				    WITH_NS("{\"type\":\"user\"}") ",\"uidMappings\":%s,\"gidMappings\":%s"),
			       maps & 1 ? MAP : "[]", maps & 2 ? MAP : "[]");
		load(&f, json);
		if (maps == 3) {
			make(&f);
			assert_true(f.plan.user_namespace);
			assert_true(f.plan.clone_flags == (CLONE_NEWNS | CLONE_NEWUSER));
		} else {
			/* runc's words, for the first of them */
			expect_refused(
				&f, -EINVAL,
				maps & 1 ? "user namespaces enabled, but no gid mappings found in the spec"
					 : "user namespaces enabled, but no uid mappings found in the spec");
		}
	}
}

static void a_mount_namespace_is_needed(void **state)
{
	(void)state;
	expect_spec_refused(SPEC("", "", "\"namespaces\":[{\"type\":\"pid\"}]"), -EINVAL,
			    "linux.namespaces: a mount namespace is needed");
	expect_spec_refused(SPEC("", "", ""), -EINVAL, "linux.namespaces: a mount namespace is needed");
}

static void names_of_the_machine_need_a_namespace(void **state)
{
	cleanup_fixture struct fixture good, empty;

	(void)state;
	expect_spec_refused(SPEC("\"hostname\":\"h\",", "", MOUNT_NS), -EINVAL,
			    "unable to set hostname without a private UTS namespace");
	expect_spec_refused(SPEC("\"domainname\":\"d\",", "", MOUNT_NS), -EINVAL,
			    "unable to set domainname without a private UTS namespace");
	load(&good, SPEC("\"hostname\":\"h\",\"domainname\":\"d\",", "", WITH_NS("{\"type\":\"uts\"}")));
	make(&good);
	load(&empty, SPEC("\"hostname\":\"\",\"domainname\":\"\",", "", MOUNT_NS));
	make(&empty);
}

/* --- root --- */

static void a_relative_root_is_below_the_bundle(void **state)
{
	cleanup_fixture struct fixture relative, absolute;

	(void)state;
	load(&relative, PLAIN);
	make(&relative);
	assert_string_equal(relative.plan.rootfs, "/bundle/rootfs");
	load(&absolute, PLAIN);
	free(absolute.spec.root_path);
	absolute.spec.root_path = strdup("/srv/root");
	make(&absolute);
	assert_string_equal(absolute.plan.rootfs, "/srv/root");
}

static void an_overlay_takes_the_place_of_the_root(void **state)
{
	char target[] = "/containers/1/merged";
	const struct overlay_plan overlay = { .target = target };
	cleanup_fixture struct fixture f;

	(void)state;
	load(&f, PLAIN);
	f.args.overlay = &overlay;
	make(&f);
	assert_string_equal(f.plan.rootfs, target);
}

static void without_any_root_there_is_no_container(void **state)
{
	cleanup_fixture struct fixture f;

	(void)state;
	load(&f, PLAIN);
	free(f.spec.root_path);
	f.spec.root_path = NULL;
	expect_refused(&f, -EINVAL, "root: missing");
}

static void the_root_is_a_slave_unless_said_otherwise(void **state)
{
	static const struct {
		const char *value;
		unsigned long flags;
	} CASES[] = { { "", MS_SLAVE | MS_REC },
		      { "private", MS_PRIVATE },
		      { "rshared", MS_SHARED | MS_REC },
		      { "slave", MS_SLAVE },
		      { "unbindable", MS_UNBINDABLE } };
	cleanup_fixture struct fixture absent;

	(void)state;
	load(&absent, PLAIN);
	make(&absent);
	assert_true(absent.plan.propagation == (MS_SLAVE | MS_REC));
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_fixture struct fixture f;

		load(&f, PLAIN);
		f.spec.linux_.rootfs_propagation = strdup(CASES[i].value);
		make(&f);
		assert_true(f.plan.propagation == CASES[i].flags);
	}
	fixture_done(&absent);
	load(&absent, PLAIN);
	absent.spec.linux_.rootfs_propagation = strdup("public");
	expect_refused(&absent, -EINVAL, "linux.rootfsPropagation: unknown value 'public'");
}

/* --- mounts --- */

#define MOUNTS(list) SPEC("\"mounts\":[" list "],", "", MOUNT_NS)

static const struct plan_mount *only_mount(struct fixture *f, const char *json)
{
	load(f, json);
	make(f);
	assert_int_equal(f->plan.mounts_len, 1);
	return &f->plan.mounts[0];
}

static void file_systems_are_mounted_with_their_options(void **state)
{
	cleanup_fixture struct fixture f;
	const struct plan_mount *m = only_mount(
		&f,
		MOUNTS("{\"destination\":\"/"
		       "tmp\",\"type\":\"tmpfs\",\"source\":\"tmp\",\"options\":[\"nosuid\",\"size=1k\"]}"));

	(void)state;
	assert_int_equal(m->kind, PLAN_MOUNT_FS);
	assert_string_equal(m->target, "/tmp");
	assert_string_equal(m->source, "tmp");
	assert_string_equal(m->fs_type, "tmpfs");
	assert_true(m->options.flags == MS_NOSUID);
	assert_string_equal(m->options.data, "size=1k");
	assert_false(m->no_symlink);
}

static void new_file_systems_get_the_mount_label(void **state)
{
	static const struct {
		const char *type, *data;
	} cases[] = {
		{ "tmpfs", "size=1k,context=\"a:b:c:s0:c1,c2\"" },
		{ "proc", "size=1k" },
		{ "sysfs", "size=1k" },
		{ "mqueue", "size=1k" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_fixture struct fixture f;
		char json[512];

		(void)snprintf(json, sizeof(json),
			       SPEC("\"mounts\":[{\"destination\":\"/"
				    "tmp\",\"type\":\"%s\",\"options\":[\"size=1k\"]}],",
				    "", MOUNT_NS ",\"mountLabel\":\"a:b:c:s0:c1,c2\""),
			       cases[i].type);
		assert_string_equal(only_mount(&f, json)->options.data, cases[i].data);
	}
}

static void a_file_system_without_a_source_is_named_after_its_type(void **state)
{
	cleanup_fixture struct fixture f;

	(void)state;
	assert_string_equal(only_mount(&f, MOUNTS("{\"destination\":\"/tmp\",\"type\":\"tmpfs\"}"))->source,
			    "tmpfs");
}

static void binds_are_told_by_option_or_type(void **state)
{
	static const char *const CASES[] = {
		MOUNTS("{\"destination\":\"/x\",\"source\":\"/src\",\"options\":[\"bind\"]}"),
		MOUNTS("{\"destination\":\"/x\",\"source\":\"/src\",\"options\":[\"rbind\",\"ro\"]}"),
		MOUNTS("{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"/src\"}"),
		MOUNTS("{\"destination\":\"/x\",\"type\":\"none\",\"source\":\"/"
		       "src\",\"options\":[\"rbind\"]}"),
		/* a bind by its option, whatever the type says */
		MOUNTS("{\"destination\":\"/x\",\"type\":\"tmpfs\",\"source\":\"/"
		       "src\",\"options\":[\"bind\"]}"),
		MOUNTS("{\"destination\":\"/x\",\"type\":\"cgroup\",\"source\":\"/"
		       "src\",\"options\":[\"rbind\"]}"),
		MOUNTS("{\"destination\":\"/x\",\"type\":\"proc\",\"source\":\"/"
		       "src\",\"options\":[\"rbind\"]}"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_fixture struct fixture f;
		const struct plan_mount *m = only_mount(&f, CASES[i]);

		assert_int_equal(m->kind, PLAN_MOUNT_BIND);
		assert_string_equal(m->source, "/src");
		assert_false(m->no_symlink);
	}
}

static void relative_bind_sources_are_below_the_bundle(void **state)
{
	cleanup_fixture struct fixture f;
	const struct plan_mount *m =
		only_mount(&f, MOUNTS("{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"data/x\"}"));

	(void)state;
	assert_string_equal(m->source, "/bundle/data/x");
	assert_ptr_equal(m->source, m->owned_source);
}

static void cgroup_mounts_of_either_version_are_the_containers_view(void **state)
{
	static const char *const TYPES[] = { "cgroup", "cgroup2" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TYPES); i++) {
		cleanup_fixture struct fixture f;
		char json[512];

		(void)snprintf(json, sizeof(json),
			       MOUNTS("{\"destination\":\"/sys/fs/cgroup\",\"type\":\"%s\"}"), TYPES[i]);
		assert_int_equal(only_mount(&f, json)->kind, PLAN_MOUNT_CGROUP);
	}
}

static void procfs_and_sysfs_go_on_ordinary_directories_only(void **state)
{
	cleanup_fixture struct fixture proc, sys, queue;

	(void)state;
	assert_true(
		only_mount(&proc, MOUNTS("{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"}"))
			->no_symlink);
	assert_true(only_mount(&sys, MOUNTS("{\"destination\":\"/sys\",\"type\":\"sysfs\"}"))->no_symlink);
	assert_false(only_mount(&queue, MOUNTS("{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\"}"))
			     ->no_symlink);
}

static void mounts_that_cannot_be_are_refused_by_target(void **state)
{
	(void)state;
	expect_spec_refused(MOUNTS("{\"destination\":\"/x\",\"type\":\"bind\"}"), -EINVAL,
			    "bind mount on '/x' has no source");
	expect_spec_refused(MOUNTS("{\"destination\":\"/ok\",\"type\":\"tmpfs\",\"options\":[\"size=1\"]},"
				   "{\"destination\":\"/x\",\"source\":\"/y\",\"options\":[\"mode=1\"]}"),
			    -EINVAL, "mount on '/x' has no type");
	expect_spec_refused(
		MOUNTS("{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"/"
		       "y\",\"options\":[\"idmap\"]}"),
		-EINVAL, "mount on '/x': 'idmap' without mappings takes a container with a user namespace");
	expect_spec_refused(MOUNTS("{\"destination\":\"/x\",\"type\":\"tmpfs\",\"options\":[\"idmap\"]}"),
			    -EOPNOTSUPP, "mount on '/x': only bind mounts can be idmapped");
	expect_spec_refused(MOUNTS("{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"/y\","
				   "\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}"),
			    -EINVAL, "mount on '/x': uidMappings and gidMappings are needed both");
}

static void a_dev_of_the_hosts_is_left_as_it_is(void **state)
{
	cleanup_fixture struct fixture none, own, host, slash, below;

	(void)state;
	load(&none, PLAIN);
	make(&none);
	assert_true(none.plan.setup_dev);
	(void)only_mount(&own, MOUNTS("{\"destination\":\"/dev\",\"type\":\"tmpfs\"}"));
	assert_true(own.plan.setup_dev);
	(void)only_mount(&host, MOUNTS("{\"destination\":\"/dev\",\"type\":\"bind\",\"source\":\"/dev\"}"));
	assert_false(host.plan.setup_dev);
	(void)only_mount(&slash,
			 MOUNTS("{\"destination\":\"/dev/\",\"options\":[\"rbind\"],\"source\":\"/dev\"}"));
	assert_false(slash.plan.setup_dev);
	(void)only_mount(&below,
			 MOUNTS("{\"destination\":\"/dev/shm\",\"type\":\"bind\",\"source\":\"/dev/shm\"}"));
	assert_true(below.plan.setup_dev);
}

/* --- the process, and the rest --- */

static void a_process_needs_what_execve_needs(void **state)
{
	cleanup_fixture struct fixture none, args, cwd, relative;

	(void)state;
	load(&none, "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},\"linux\":{" MOUNT_NS "}}");
	expect_refused(&none, -EINVAL, "process: missing");
	load(&args, PLAIN);
	strvec_done(&args.spec.process->args);
	expect_refused(&args, -EINVAL, "process.args: must not be empty");
	load(&cwd, PLAIN);
	free(cwd.spec.process->cwd);
	cwd.spec.process->cwd = NULL;
	expect_refused(&cwd, -EINVAL, "process.cwd: must be an absolute path");
	load(&relative, PLAIN);
	relative.spec.process->cwd[0] = 'x';
	expect_refused(&relative, -EINVAL, "process.cwd: must be an absolute path");
}

static void terminals_and_console_sockets_belong_together(void **state)
{
	cleanup_fixture struct fixture without, useless, good, run;

	(void)state;
	load(&without, SPEC("", ",\"terminal\":true", MOUNT_NS));
	without.args.separate_start = true;
	expect_refused(&without, -EINVAL,
		       "process.terminal is set: a console socket is needed to pass the terminal on");
	load(&useless, PLAIN);
	useless.args.console_socket = "/run/socket";
	expect_refused(&useless, -EINVAL, "a console socket is of use only with process.terminal");
	load(&good, SPEC("", ",\"terminal\":true", MOUNT_NS));
	good.args.separate_start = true;
	good.args.console_socket = "/run/socket";
	make(&good);
	load(&run, SPEC("", ",\"terminal\":true", MOUNT_NS)); /* its creator keeps the terminal */
	make(&run);
}

static void kernel_parameters_need_the_namespace_that_they_belong_to(void **state)
{
	static const struct {
		const char *name, *namespace_type, *of;
	} CASES[] = {
		{ "net.ipv4.ip_forward", "network", "network" },
		{ "net/ipv4/conf/eth0.100/forwarding", "network", "network" },
		{ "kernel.hostname", "uts", "UTS" },
		{ "kernel.domainname", "uts", "UTS" },
		{ "kernel.msgmax", "ipc", "IPC" },
		{ "kernel.shm_rmid_forced", "ipc", "IPC" },
		{ "fs.mqueue.msg_max", "ipc", "IPC" },
		{ "kernel/sem", "ipc", "IPC" },
		{ "fs/mqueue/msg_max", "ipc", "IPC" },
		{ "kernel/domainname", "uts", "UTS" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_fixture struct fixture with;
		char json[512], text[256];

		(void)snprintf(json, sizeof(json),
			       SPEC("", "", WITH_NS("{\"type\":\"%s\"}") ",\"sysctl\":{\"%s\":\"1\"}"),
			       CASES[i].namespace_type, CASES[i].name);
		load(&with, json);
		make(&with);
		(void)snprintf(json, sizeof(json), SPEC("", "", MOUNT_NS ",\"sysctl\":{\"%s\":\"1\"}"),
			       CASES[i].name);
		(void)snprintf(text, sizeof(text), "sysctl '%s' is not allowed in the host's %s namespace",
			       CASES[i].name, CASES[i].of);
		expect_spec_refused(json, -EINVAL, text);
	}
}

static void kernel_parameters_of_the_host_are_refused(void **state)
{
	static const char *const NAMES[] = { "kernel.panic",   "vm.swappiness",
					     "kernel.msgmax2", "kernel.hostnames",
					     "fs.mqueue",      "net",
					     "netx.a",         "",
					     "kernel" };
	char json[512], text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
		(void)snprintf(json, sizeof(json),
			       SPEC("", "",
				    WITH_NS("{\"type\":\"network\"},{\"type\":\"ipc\"},{\"type\":"
					    "\"uts\"}") ",\"sysctl\":{\"%s\":\"1\"}"),
			       NAMES[i]);
		(void)snprintf(text, sizeof(text), "sysctl '%s' is not in a separate kernel namespace",
			       NAMES[i]);
		expect_spec_refused(json, -EINVAL, text);
	}
	expect_spec_refused(
		SPEC("", "", WITH_NS("{\"type\":\"network\"}") ",\"sysctl\":{\"net/../kernel/panic\":\"1\"}"),
		-EINVAL, "bad sysctl name 'net/../kernel/panic'");
}

static void what_is_not_supported_is_refused_by_name(void **state)
{
	static const struct {
		const char *json, *name;
	} CASES[] = {
		{ SPEC("", "", MOUNT_NS ",\"intelRdt\":{}"), "linux.intelRdt" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		char text[128];

		(void)snprintf(text, sizeof(text), "%s is not supported", CASES[i].name);
		expect_spec_refused(CASES[i].json, -EOPNOTSUPP, text);
	}
}

static void the_default_spec_of_docker_makes_a_plan(void **state)
{
	cleanup_fixture struct fixture f = { 0 };

	(void)state;
	assert_int_equal(runtime_spec_docker_default(&f.spec, &f.e), 0);
	assert_int_equal(strvec_add(&f.spec.process->args, "sh"), 0);
	if (!f.spec.root_path)
		f.spec.root_path = strdup("rootfs");
	f.args = (struct runtime_args){ .id = "c", .bundle = "/b", .spec = &f.spec };
	make(&f);
	assert_true(f.plan.own_pid_namespace && f.plan.unshare_cgroup && f.plan.setup_dev);
	assert_true(f.plan.mounts_len >= 5);
}

static void done_leaves_an_empty_plan(void **state)
{
	static const struct plan NOTHING;
	cleanup_fixture struct fixture f;

	(void)state;
	(void)only_mount(
		&f,
		MOUNTS("{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"y\",\"options\":[\"a=b\"]}"));
	plan_done(&f.plan);
	assert_memory_equal(&f.plan, &NOTHING, sizeof(NOTHING));
	plan_done(&f.plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_namespaces_become_flags_of_clone),
		cmocka_unit_test(a_network_namespace_is_made_beside),
		cmocka_unit_test(a_cgroup_namespace_is_made_after_clone),
		cmocka_unit_test(namespaces_with_a_path_are_joined),
		cmocka_unit_test(a_new_user_namespace_needs_maps_of_both_kinds),
		cmocka_unit_test(a_mount_namespace_is_needed),
		cmocka_unit_test(names_of_the_machine_need_a_namespace),
		cmocka_unit_test(a_relative_root_is_below_the_bundle),
		cmocka_unit_test(an_overlay_takes_the_place_of_the_root),
		cmocka_unit_test(without_any_root_there_is_no_container),
		cmocka_unit_test(the_root_is_a_slave_unless_said_otherwise),
		cmocka_unit_test(file_systems_are_mounted_with_their_options),
		cmocka_unit_test(new_file_systems_get_the_mount_label),
		cmocka_unit_test(a_file_system_without_a_source_is_named_after_its_type),
		cmocka_unit_test(binds_are_told_by_option_or_type),
		cmocka_unit_test(relative_bind_sources_are_below_the_bundle),
		cmocka_unit_test(cgroup_mounts_of_either_version_are_the_containers_view),
		cmocka_unit_test(procfs_and_sysfs_go_on_ordinary_directories_only),
		cmocka_unit_test(mounts_that_cannot_be_are_refused_by_target),
		cmocka_unit_test(a_dev_of_the_hosts_is_left_as_it_is),
		cmocka_unit_test(a_process_needs_what_execve_needs),
		cmocka_unit_test(terminals_and_console_sockets_belong_together),
		cmocka_unit_test(kernel_parameters_need_the_namespace_that_they_belong_to),
		cmocka_unit_test(kernel_parameters_of_the_host_are_refused),
		cmocka_unit_test(what_is_not_supported_is_refused_by_name),
		cmocka_unit_test(the_default_spec_of_docker_makes_a_plan),
		cmocka_unit_test(done_leaves_an_empty_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
