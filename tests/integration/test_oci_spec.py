# SPDX-License-Identifier: Apache-2.0
"""sampan-oci spec, features, and its command line."""
import json
import os

import pytest

from bundle_fixture import Bundle


def test_spec_writes_a_bundle_that_runs(sampan_oci, scratch, busybox):
    bundle = Bundle(scratch / "bundle", busybox)
    sampan_oci("spec", "--bundle", bundle.path, check=True)
    config = json.loads((bundle.path / "config.json").read_text())
    assert config["process"]["args"] == ["sh"]
    assert config["process"]["terminal"] is True
    assert config["root"] == {"path": "rootfs", "readonly": True}
    if os.geteuid() != 0:
        pytest.skip("needs root")
    config["process"].update(terminal=False, args=["sh", "-c", "hostname; touch /x"])
    config["process"]["env"] = ["PATH=/bin"]
    del config["process"]["rlimits"]
    (bundle.path / "config.json").write_text(json.dumps(config))
    done = sampan_oci("run", "-b", bundle.path, "c")
    assert done.stdout == config["hostname"] + "\n"
    assert "Read-only file system" in done.stderr


def test_spec_does_not_overwrite(sampan_oci, scratch):
    (scratch / "config.json").write_text("mine")
    done = sampan_oci("spec", cwd=scratch)
    assert done.returncode == 1
    assert "config.json exists" in done.stderr.replace("already exists", "exists")
    assert (scratch / "config.json").read_text() == "mine"


def test_spec_rootless_maps_the_user(sampan_oci, scratch):
    sampan_oci("spec", "--rootless", cwd=scratch, check=True)
    config = json.loads((scratch / "config.json").read_text())
    assert {"type": "user"} in config["linux"]["namespaces"]
    assert config["linux"]["uidMappings"] == [{"containerID": 0, "hostID": os.geteuid(), "size": 1}]


def test_features_tells_what_config_json_may_ask_for(sampan_oci):
    features = json.loads(sampan_oci("features", check=True).stdout)
    assert features["ociVersionMin"] == "1.0.0"
    assert features["ociVersionMax"].startswith("1.")
    assert {"bind", "rbind", "ro", "rprivate", "tmpcopyup"} <= set(features["mountOptions"])
    assert {"idmap", "ridmap"} <= set(features["mountOptions"])
    assert features["linux"]["mountExtensions"]["idmap"]["enabled"] is True
    linux = features["linux"]
    assert {"pid", "mount", "network", "uts", "ipc", "user", "cgroup"} <= set(linux["namespaces"])
    assert "CAP_SYS_ADMIN" in linux["capabilities"]
    assert linux["cgroup"]["v2"] is True
    assert linux["cgroup"]["v1"] is False
    assert linux["seccomp"]["enabled"] is True
    assert "SCMP_ACT_ERRNO" in linux["seccomp"]["actions"]


@pytest.mark.parametrize("arguments, text", [
    (["--log-format", "xml", "list"], "unknown log format 'xml'"),
    (["state"], "'sampan-oci state' takes 1 argument, not 0"),
    (["kill", "x", "NOSIG"], "unknown signal 'NOSIG'"),
    (["list", "-f", "xml"], "invalid format option 'xml'"),
    (["run", "--nonsense", "x"], "unknown flag: --nonsense"),
])
def test_mistakes_on_the_command_line_are_named(sampan_oci, arguments, text):
    done = sampan_oci(*arguments)
    assert done.returncode == 1
    assert text in done.stderr


def test_a_command_that_is_none_ends_with_runcs_exit_code(sampan_oci):
    done = sampan_oci("nonsense")
    assert done.returncode == 3
    assert done.stderr == "sampan-oci: unknown command 'nonsense' (see sampan-oci --help)\n"


def test_help_and_version(sampan_oci):
    assert "sampan-oci version " in sampan_oci("--version", check=True).stdout
    for command in ("create", "start", "run", "state", "kill", "delete", "list", "spec", "features"):
        assert f"sampan-oci {command}" in sampan_oci(command, "--help", check=True).stdout
