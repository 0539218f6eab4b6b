# SPDX-License-Identifier: Apache-2.0
"""policy.json and cosign's signatures: what is taken, what is refused and why; sampan verify and sign."""
import base64
import ctypes
import hashlib
import json
import os
import pty
import subprocess
import urllib.parse

import pytest
from auth_fixture import TokenServer, basic
from image_fixture import OCI_INDEX, OCI_MANIFEST, Document, Image, Index, Layer, directory, file, root, sha256, write_layout
from registry_fixture import SLOW, LyingRegistry, Registry, answer, error

pytestmark = pytest.mark.root
PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
ARTIFACT_TYPE = "application/vnd.dev.cosign.artifact.sig.v1+json"
KEY_KINDS = {"ecdsa": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "ed25519": ["ed25519"],
             "rsa": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]}


class Key:
    def __init__(self, folder, kind="ecdsa", name=None):
        name = name or kind
        self.kind = kind
        self.private, self.public = folder / f"{name}.key", folder / f"{name}.pub"
        subprocess.run(["openssl", "genpkey", "-algorithm", *KEY_KINDS[kind], "-out", self.private], check=True,
                       capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", self.private, "-pubout", "-out", self.public], check=True)

    def sign(self, data):
        if self.kind == "ed25519":
            path = self.private.with_suffix(".data")
            path.write_bytes(data)
            argv = ["openssl", "pkeyutl", "-sign", "-inkey", self.private, "-rawin", "-in", path]
        else:
            argv = ["openssl", "dgst", "-sha256", "-sign", self.private]
        return subprocess.run(argv, input=data, check=True, capture_output=True).stdout


def payload_of(digest, name, kind="cosign container image signature"):
    return json.dumps({"critical": {"identity": {"docker-reference": name}, "image": {"docker-manifest-digest": digest},
                                    "type": kind}, "optional": None}, separators=(",", ":")).encode()


def signature_manifest(pairs, **more):
    """As cosign makes it: [(payload, base64 of the signature)]."""
    config = b"{}"
    document = Document({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha256(config), "size": len(config)},
        "layers": [{"mediaType": PAYLOAD_TYPE, "digest": sha256(payload), "size": len(payload),
                    "annotations": {"dev.cosignproject.cosign/signature": signature}} for payload, signature in pairs],
        **more})
    return document, {sha256(config): config, **{sha256(payload): payload for payload, _ in pairs}}


def tag_of(digest):
    return digest.replace(":", "-") + ".sig"


def attach(liar, digest, pairs):
    document, contents = signature_manifest(pairs)
    liar.manifests[tag_of(digest)] = (OCI_MANIFEST, document.text)
    liar.blobs.update(contents)


def signed_by(key, digest, name):
    payload = payload_of(digest, name)
    return payload, base64.b64encode(key.sign(payload)).decode()


@pytest.fixture(name="liar")
def liar_fixture():
    with LyingRegistry() as server:
        yield server


@pytest.fixture(scope="module", name="keys")
def keys_fixture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return {**{kind: Key(folder, kind) for kind in KEY_KINDS}, "other": Key(folder, "ecdsa", "other")}


@pytest.fixture(name="home")
def home_fixture(sampan, tmp_path):
    home = tmp_path / "home"
    (home / ".config/containers/registries.d").mkdir(parents=True)
    write_registries_d(home, "default-docker: {use-sigstore-attachments: true}\n")
    sampan.env.update({"HOME": str(home), "XDG_RUNTIME_DIR": str(home)})
    for name in ("XDG_CONFIG_HOME", "REGISTRY_AUTH_FILE"):
        sampan.env.pop(name, None)
    return home


def write_registries_d(home, text, name="test.yaml"):
    path = home / ".config/containers/registries.d" / name
    path.write_text(text, encoding="utf-8")
    return path


def write_policy(home, value):
    path = home / ".config/containers/policy.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def require(home, host, **requirement):
    return write_policy(home, {"default": [{"type": "insecureAcceptAnything"}],
                               "transports": {"docker": {host: [{"type": "sigstoreSigned", **requirement}]}}})


def small_image(text=b"hello"):
    return Image([Layer([root(), directory("etc"), file("etc/motd", text)])], cmd=["/bin/sh"])


REPOSITORY = {"type": "matchRepository"}


# --- policy ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_a_signature_that_the_policy_requires_lets_an_image_through(sampan, home, liar, keys, kind):
    image = small_image()
    liar.add("v1", image)
    ref = liar.ref("app:v1")
    path = require(home, liar.host, keyPath=str(keys[kind].public), signedIdentity=REPOSITORY)
    done = sampan("pull", ref)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1, f"sampan: cannot pull '{ref}': '{path}' requires a signature: there is no signature")
    assert not any(image.layers[0].digest in asked for asked in liar.paths())
    attach(liar, image.digest, [signed_by(keys[kind], image.digest, liar.ref("app"))])
    sampan("pull", ref, check=True)


def test_keys_may_be_several_and_stand_in_the_policy_itself(sampan, home, liar, keys):
    image = small_image()
    liar.add("v1", image)
    attach(liar, image.digest, [signed_by(keys["ed25519"], image.digest, liar.ref("app"))])
    data = base64.b64encode(keys["ed25519"].public.read_bytes()).decode()
    other = base64.b64encode(keys["other"].public.read_bytes()).decode()
    for more, code in (({"keyData": data}, 0), ({"keyDatas": [other, data]}, 0), ({"keyData": other}, 1),
                       ({"keyPaths": [str(keys["other"].public), str(keys["ed25519"].public)]}, 0)):
        require(home, liar.host, signedIdentity=REPOSITORY, **more)
        assert sampan("pull", liar.ref("app:v1")).returncode == code, more


@pytest.mark.parametrize("what, text", [
    ("other key", "it was not made with the key"),
    ("other digest", "it is a signature for sha256:" + "1" * 64),
    ("other name", "it is a signature for 'elsewhere.invalid/app'"),
    ("other type", "critical.type: expected 'cosign container image signature'"),
    ("changed payload", "it was not made with the key"),
    ("no base64", "it is no base64"),
    ("no JSON", "json is malformed behind byte "),
])
def test_a_signature_that_is_false_is_refused_with_the_reason(sampan, home, liar, keys, what, text):
    image, key = small_image(), keys["ecdsa"]
    liar.add("v1", image)
    ref, name = liar.ref("app:v1"), liar.ref("app")
    payload = payload_of(image.digest, name)
    pair = {"other key": lambda: signed_by(keys["other"], image.digest, name),
            "other digest": lambda: signed_by(key, "sha256:" + "1" * 64, name),
            "other name": lambda: signed_by(key, image.digest, "elsewhere.invalid/app"),
            "other type": lambda: (payload_of(image.digest, name, "x"),
                                   base64.b64encode(key.sign(payload_of(image.digest, name, "x"))).decode()),
            "changed payload": lambda: (payload.replace(b"null", b"\"x\""), base64.b64encode(key.sign(payload)).decode()),
            "no base64": lambda: (payload, "A==="),
            "no JSON": lambda: (b"x", base64.b64encode(key.sign(b"x")).decode())}[what]()
    attach(liar, image.digest, [pair])
    path = require(home, liar.host, keyPath=str(key.public), signedIdentity=REPOSITORY)
    done = sampan("pull", ref)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        f"sampan: cannot pull '{ref}': '{path}' requires a signature: signature 1 of 1: {text}"), done.stderr
    attach(liar, image.digest, [pair, signed_by(key, image.digest, name)])
    sampan("pull", ref, check=True)


def test_a_payload_that_is_not_what_its_digest_says_counts_for_nothing(sampan, home, liar, keys):
    image = small_image()
    liar.add("v1", image)
    payload, signature = signed_by(keys["ecdsa"], image.digest, liar.ref("app"))
    attach(liar, image.digest, [(payload, signature)])
    liar.blobs[sha256(payload)] = payload.replace(b"null", b"true")
    require(home, liar.host, keyPath=str(keys["ecdsa"].public), signedIdentity=REPOSITORY)
    done = sampan("pull", liar.ref("app:v1"))
    assert done.returncode == 1 and done.stderr.endswith(": there is no signature\n"), done.stderr


def test_the_signature_of_an_index_counts_for_what_is_chosen_from_it(sampan, home, liar, keys):
    image = small_image()
    index = Index([image])
    liar.add("v1", index)
    require(home, liar.host, keyPath=str(keys["ecdsa"].public), signedIdentity=REPOSITORY)
    assert sampan("pull", liar.ref("app:v1")).returncode == 1
    for digest in (index.digest, image.digest):
        attach(liar, digest, [signed_by(keys["ecdsa"], digest, liar.ref("app"))])
        sampan("pull", liar.ref("app:v1"), check=True)
        del liar.manifests[tag_of(digest)]


@pytest.mark.parametrize("how", ["referrers", "tag"])
def test_signatures_are_found_among_the_referrers(sampan, home, liar, keys, how):
    image = small_image()
    liar.add("v1", image)
    document, contents = signature_manifest([signed_by(keys["ecdsa"], image.digest, liar.ref("app"))],
                                            artifactType=ARTIFACT_TYPE, subject=image.descriptor())
    liar.manifests[document.digest] = (OCI_MANIFEST, document.text)
    liar.blobs.update(contents)
    sbom = Document({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "x": "not even asked for"})
    referrers = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
        {**sbom.descriptor(), "artifactType": "application/spdx+json"},
        {**document.descriptor(), "artifactType": ARTIFACT_TYPE}]}).encode()
    if how == "tag":
        liar.manifests[image.digest.replace(":", "-")] = (OCI_INDEX, referrers)
    else:
        def serve(handler):
            if handler.path.partition("?")[0] != f"/v2/app/referrers/{image.digest}":
                return False
            answer(handler, 200, referrers, {"Content-Type": OCI_INDEX})
            return True

        liar.hooks.append(serve)
    require(home, liar.host, keyPath=str(keys["ecdsa"].public), signedIdentity=REPOSITORY)
    sampan("pull", liar.ref("app:v1"), check=True)
    assert not any(sbom.digest in path for path in liar.paths())


@pytest.mark.parametrize("identity, signed_as, code", [
    (None, "{host}/app:v1", 0),
    (None, "{host}/app", 1),
    ({"type": "matchRepoDigestOrExact"}, "{host}/app:v2", 1),
    ({"type": "matchExact"}, "{host}/app:v1", 0),
    ({"type": "matchExact"}, "{host}/app", 1),
    ({"type": "matchRepository"}, "{host}/app:v2", 0),
    ({"type": "matchRepository"}, "{host}/app2", 1),
    ({"type": "exactReference", "dockerReference": "x.invalid/y:1"}, "x.invalid/y:1", 0),
    ({"type": "exactReference", "dockerReference": "x.invalid/y:1"}, "x.invalid/y", 1),
    ({"type": "exactReference", "dockerReference": "x.invalid/y:1"}, "{host}/app:v1", 1),
    ({"type": "exactRepository", "dockerRepository": "x.invalid/y"}, "x.invalid/y:7", 0),
    ({"type": "exactRepository", "dockerRepository": "x.invalid/y"}, "{host}/app", 1),
    ({"type": "remapIdentity", "prefix": "{host}", "signedPrefix": "x.invalid/ns"}, "x.invalid/ns/app:v1", 0),
    ({"type": "remapIdentity", "prefix": "{host}", "signedPrefix": "x.invalid/ns"}, "{host}/app:v1", 1),
    ({"type": "remapIdentity", "prefix": "elsewhere", "signedPrefix": "x.invalid/ns"}, "{host}/app:v1", 0),
])
def test_the_name_in_a_signature_must_be_one_that_the_policy_allows(sampan, home, liar, keys, identity, signed_as, code):
    image = small_image()
    liar.add("v1", image)
    attach(liar, image.digest, [signed_by(keys["ecdsa"], image.digest, signed_as.format(host=liar.host))])
    more = {"signedIdentity": json.loads(json.dumps(identity).replace("{host}", liar.host))} if identity else {}
    require(home, liar.host, keyPath=str(keys["ecdsa"].public), **more)
    done = sampan("pull", liar.ref("app:v1"))
    assert done.returncode == code, done.stderr
    if code:
        assert f"it is a signature for '{signed_as.format(host=liar.host)}'" in done.stderr


def test_the_most_specific_scope_decides_and_all_of_its_requirements(sampan, home, liar, keys):
    liar.add("v1", small_image())
    accept, reject = [{"type": "insecureAcceptAnything"}], [{"type": "reject"}]
    host, ref = liar.host, liar.ref("team/app:v1")
    for scopes, code in (({"": reject}, 1), ({"": reject, host: accept}, 0), ({host: accept, f"{host}/team": reject}, 1),
                         ({f"{host}/team": reject, f"{host}/team/app": accept}, 0),
                         ({f"{host}/team/app": reject, ref: accept}, 0), ({host: accept, f"{host}/other": reject}, 0),
                         ({host: accept + reject}, 1)):
        path = write_policy(home, {"default": reject, "transports": {"docker": scopes}})
        done = sampan("pull", ref)
        assert done.returncode == code, (scopes, done.stderr)
        if code:
            assert done.stderr == f"sampan: cannot pull '{ref}': '{path}' rejects it\n"
    liar.requests.clear()
    write_policy(home, {"default": reject})
    assert sampan("pull", ref).returncode == 1
    assert liar.paths() == []
    write_policy(home, {"default": reject, "transports": {"docker": {"*.localhost": accept}}})
    sampan("pull", "--tls-verify=false", f"reg.localhost:{liar.port}/app:v1", check=True)


def test_what_is_copied_must_satisfy_the_policy_as_what_is_pulled(sampan, home, liar, keys, tmp_path):
    image = small_image()
    index = Index([image])
    liar.add("v1", index)
    source, target = f"docker://{liar.ref('app:v1')}", f"oci:{tmp_path}/out:x"
    path = require(home, liar.host, keyPath=str(keys["ecdsa"].public), signedIdentity=REPOSITORY)
    unsigned = f"sampan: cannot copy '{source}' to '{target}': '{path}' requires a signature: there is no signature\n"
    for options in ([], ["--all"]):
        done = sampan("copy", "-q", *options, source, target)
        assert (done.returncode, done.stderr) == (1, unsigned)
    assert not (tmp_path / "out/index.json").exists()
    attach(liar, index.digest, [signed_by(keys["ecdsa"], index.digest, f"{liar.host}/app")])
    for options in ([], ["--all"]):
        sampan("copy", "-q", *options, source, target, check=True)
    path = write_policy(home, {"default": [{"type": "reject"}]})
    liar.requests.clear()
    for place in (source, f"oci:{tmp_path}/out:x"):
        done = sampan("copy", "-q", place, f"oci:{tmp_path}/again")
        assert (done.returncode, done.stderr) == (1, f"sampan: cannot copy '{place}' to 'oci:{tmp_path}/again': '{path}' rejects it\n")
    assert liar.paths() == []


def test_members_of_a_list_must_satisfy_the_policy(sampan, home, liar, keys, tmp_path):
    image = small_image()
    liar.add("v1", image)
    sampan("manifest", "create", "localhost/list:v1", liar.ref("app:v1"), check=True)
    path = require(home, liar.host, keyPath=str(keys["ecdsa"].public))
    with Registry(tmp_path / "other") as other:
        done = sampan("manifest", "push", "-q", "localhost/list:v1", other.ref("a/b:v1"))
        assert (done.returncode, done.stderr) == (
            1, f"sampan: cannot push manifest list 'localhost/list:v1': manifest {image.digest}: '{path}' requires a signature: there is no "
               "signature\n")
        attach(liar, image.digest, [signed_by(keys["ecdsa"], image.digest, liar.ref("app:v1"))])
        sampan("manifest", "push", "-q", "localhost/list:v1", other.ref("a/b:v1"), check=True)


def test_files_have_scopes_of_their_own_and_no_signatures(sampan, home, tmp_path, keys):
    layout = write_layout(tmp_path / "layout", {"v1": small_image()})
    layout.chmod(0o700)
    accept, reject = [{"type": "insecureAcceptAnything"}], [{"type": "reject"}]
    path = write_policy(home, {"default": reject, "transports": {"oci": {"": accept, str(layout): reject}}})
    done = sampan("pull", f"oci:{layout}:v1")
    assert (done.returncode, done.stderr) == (1, f"sampan: cannot pull '{layout}': '{path}' rejects it\n")
    write_policy(home, {"default": [{"type": "sigstoreSigned", "keyPath": str(keys["ecdsa"].public)}]})
    done = sampan("pull", f"oci:{layout}:v1")
    assert (done.returncode, done.stderr) == (
        1, f"sampan: cannot pull '{layout}': '{path}' requires a signature, which images from files have not\n")
    write_policy(home, {"default": reject, "transports": {"oci": {str(tmp_path): accept}}})
    sampan("pull", f"oci:{layout}:v1", check=True)


@pytest.mark.parametrize("text, message", [
    ("{", "bad JSON at line 1, column 1: "),
    ("{}", "'default' is missing"),
    ('{"default":[]}', "default: expected an array with a requirement in it"),
    ('{"default":[{}]}', "default[0]: 'type' is missing"),
    ('{"default":[{"type":"signedBy","keyType":"GPGKeys"}]}',
     "default[0]: 'signedBy' is not supported (sigstoreSigned, insecureAcceptAnything and reject are)"),
    ('{"default":[{"type":"sigstoreSigned"}]}', "default[0]: expected one of keyPath, keyData, keyPaths and keyDatas"),
    ('{"default":[{"type":"sigstoreSigned","keyPath":"/x","keyData":"eA=="}]}',
     "default[0]: expected one of keyPath, keyData, keyPaths and keyDatas"),
    ('{"default":[{"type":"sigstoreSigned","keyData":"eA==","rekorPublicKeyPath":"/x"}]}',
     "default[0].rekorPublicKeyPath: this is not supported"),
    ('{"default":[{"type":"sigstoreSigned","keyData":"%"}]}', "default[0]: keyData is no base64"),
    ('{"default":[{"type":"sigstoreSigned","keyPath":"/none.pub"}]}', "cannot open '/none.pub': no such file or directory"),
    ('{"default":[{"type":"sigstoreSigned","keyData":"eA==","signedIdentity":{"type":"any"}}]}',
     "default[0].signedIdentity.type: "),
    ('{"default":[{"type":"sigstoreSigned","keyData":"eA==","signedIdentity":{"type":"exactReference"}}]}',
     "default[0].signedIdentity: a name is missing"),
])
def test_a_policy_that_cannot_be_enforced_lets_nothing_through(sampan, home, liar, text, message):
    liar.add("v1", small_image())
    path = write_policy(home, {})
    path.write_text(text, encoding="utf-8")
    done = sampan("pull", liar.ref("app:v1"))
    assert done.returncode == 1
    assert done.stderr.startswith(f"sampan: cannot pull '{liar.ref('app:v1')}': '{path}': {message}"), done.stderr
    assert liar.paths() == []


def test_a_key_that_is_none_or_too_weak_is_refused(sampan, home, liar, keys, tmp_path):
    image = small_image()
    liar.add("v1", image)
    attach(liar, image.digest, [signed_by(keys["ecdsa"], image.digest, liar.ref("app"))])
    weak = tmp_path / "weak.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", weak], check=True,
                   capture_output=True)
    public = subprocess.run(["openssl", "pkey", "-in", weak, "-pubout"], check=True, capture_output=True).stdout
    for data, text in ((b"no key", "there is no public key in PEM"),
                       (public, "the key is none of ECDSA P-256, Ed25519 and RSA of 2048 bits")):
        require(home, liar.host, keyData=base64.b64encode(data).decode())
        done = sampan("pull", liar.ref("app:v1"))
        assert done.returncode == 1
        assert done.stderr.endswith(text + "\n"), done.stderr


# --- registries.d ------------------------------------------------------------------------------------------------


def signed_image(liar, keys):
    image = small_image()
    liar.add("v1", image)
    attach(liar, image.digest, [signed_by(keys["ecdsa"], image.digest, liar.ref("team/app"))])
    return liar.ref("team/app:v1")


@pytest.mark.parametrize("text, code", [
    ("", 1),
    ("default-docker: {use-sigstore-attachments: false}", 1),
    ("default-docker:\n  use-sigstore-attachments: true", 0),
    ("docker:\n  HOST:\n    use-sigstore-attachments: true", 0),
    ("docker:\n  HOST/team:\n    use-sigstore-attachments: true\n  HOST:\n    use-sigstore-attachments: false", 0),
    ("default-docker: {use-sigstore-attachments: true}\ndocker:\n  HOST/team/app: {use-sigstore-attachments: false}", 1),
    ("docker:\n  HOST/other: {use-sigstore-attachments: true}", 1),
])
def test_signatures_are_looked_for_where_registries_d_says_so(sampan, home, liar, keys, text, code):
    ref = signed_image(liar, keys)
    write_registries_d(home, text.replace("HOST", liar.host))
    path = require(home, liar.host, keyPath=str(keys["ecdsa"].public), signedIdentity=REPOSITORY)
    done = sampan("pull", ref)
    assert done.returncode == code, done.stderr
    if code:
        assert done.stderr.splitlines()[-1] == (
            f"sampan: cannot pull '{ref}': '{path}' requires a signature: sigstore attachments are not looked for (set "
            f"use-sigstore-attachments: true for '{liar.host}' in registries.d)")
        assert not [path for path in liar.paths() if ".sig" in path or "referrers" in path]
    sampan("verify", "--key", keys["ecdsa"].public, ref, check=True)  # here somebody asks for it


@pytest.mark.parametrize("second, text", [
    ("docker: [", ": line 2: did not find expected node content"),
    ("docker:\n  a.io:\n    use-sigstore-attachments: maybe", ": line 3: use-sigstore-attachments: expected true or false"),
    ("default-docker: {}", ": 'default-docker' is described in '{first}' already"),
])
def test_a_broken_registries_d_lets_nothing_through_that_needs_a_signature(sampan, home, liar, keys, second, text):
    ref = signed_image(liar, keys)
    first = home / ".config/containers/registries.d/test.yaml"
    path = write_registries_d(home, second, "zz.yaml")
    write_registries_d(home, "docker: [", "ignored.yml")
    sampan("pull", ref, check=True)  # nobody asks
    require(home, liar.host, keyPath=str(keys["ecdsa"].public), signedIdentity=REPOSITORY)
    done = sampan("pull", ref)
    assert (done.returncode, done.stderr) == (1, f"sampan: cannot pull '{ref}': '{path}'{text.format(first=first)}\n")


# --- verify --------------------------------------------------------------------------------------------------


def test_verify_says_what_is_signed_and_as_what(sampan, home, registry, keys):
    image = small_image(b"verify")
    ref = registry.push("verify/app", "v1", image)
    done = sampan("verify", "--key", keys["ecdsa"].public, ref)
    assert (done.returncode, done.stderr) == (1, f"sampan: cannot verify '{ref}': there is no signature\n")
    document, contents = signature_manifest([signed_by(keys["ecdsa"], image.digest, registry.ref("verify/app"))])
    for digest, data in contents.items():
        registry.push_blob("verify/app", digest, data)
    status, _, text = registry.request("PUT", f"/v2/verify/app/manifests/{tag_of(image.digest)}", document.text,
                                       {"Content-Type": OCI_MANIFEST})
    assert status == 201, text
    done = sampan("verify", "--key", keys["ecdsa"].public, ref, check=True)
    assert done.stdout == f"Digest: {image.digest}\nSigned as: {registry.ref('verify/app')}\n"
    done = sampan("verify", "--key", keys["other"].public, ref)
    assert (done.returncode, done.stderr) == (
        1, f"sampan: cannot verify '{ref}': signature 1 of 1: it was not made with the key\n")
    done = sampan("verify", "--key", keys["ecdsa"].public, registry.ref("verify/app:v2"))
    assert (done.returncode, done.stderr) == (
        1, f"sampan: cannot verify '{registry.ref('verify/app:v2')}': manifest not found: manifest unknown\n")


@pytest.mark.parametrize("arguments, code, text", [
    (["x.invalid/y"], 125, "sampan verify needs --key"),
    (["--key", "/none", "x.invalid/y"], 1, "cannot open '/none': no such file or directory"),
    (["--key", "/dev/null", "x.invalid/UP"], 1, ""),
])
def test_a_bad_command_line_of_verify_is_refused(sampan, home, arguments, code, text):
    done = sampan("verify", *arguments)
    assert done.returncode == code and done.stderr.startswith(f"sampan: {text}"), done.stderr


# --- sign ----------------------------------------------------------------------------------------------------


def signature_of(registry, repository, digest):
    """The signature manifest, and (payload, signature) of each of its layers."""
    status, headers, text = registry.request("GET", f"/v2/{repository}/manifests/{tag_of(digest)}", headers={
        "Accept": OCI_MANIFEST})
    assert status == 200 and headers["Content-Type"] == OCI_MANIFEST, text
    manifest = json.loads(text)
    pairs = []
    for layer in manifest["layers"]:
        assert layer["mediaType"] == PAYLOAD_TYPE
        status, _, payload = registry.request("GET", f"/v2/{repository}/blobs/{layer['digest']}")
        assert status == 200 and len(payload) == layer["size"]
        pairs.append((payload, base64.b64decode(layer["annotations"]["dev.cosignproject.cosign/signature"])))
    return manifest, pairs


def openssl_verifies(key, payload, signature, tmp_path):
    (tmp_path / "payload").write_bytes(payload)
    (tmp_path / "signature").write_bytes(signature)
    if key.kind == "ed25519":
        argv = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key.public, "-rawin", "-in", tmp_path / "payload",
                "-sigfile", tmp_path / "signature"]
    else:
        argv = ["openssl", "dgst", "-sha256", "-verify", key.public, "-signature", tmp_path / "signature",
                tmp_path / "payload"]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_what_is_signed_is_verified_by_others_and_by_us(sampan, home, registry, keys, tmp_path, kind):
    image = small_image(kind.encode())
    repository = f"sign/{kind}"
    ref = registry.push(repository, "v1", Index([image]))
    digest = Index([image]).digest
    done = sampan("sign", "--key", keys[kind].private, ref, check=True)
    assert done.stdout == f"Signed: {digest}\n"
    manifest, pairs = signature_of(registry, repository, digest)
    assert len(pairs) == 1
    payload, signature = pairs[0]
    assert json.loads(payload) == {"critical": {"identity": {"docker-reference": registry.ref(repository)},
                                                "image": {"docker-manifest-digest": digest},
                                                "type": "cosign container image signature"}, "optional": None}
    assert openssl_verifies(keys[kind], payload, signature, tmp_path)
    status, _, config = registry.request("GET", f"/v2/{repository}/blobs/{manifest['config']['digest']}")
    assert status == 200 and json.loads(config)["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
    sampan("verify", "--key", keys[kind].public, ref, check=True)
    require(home, registry.host, keyPath=str(keys[kind].public), signedIdentity=REPOSITORY)
    sampan("pull", ref, check=True)


def test_a_second_signature_joins_the_first(sampan, home, registry, keys):
    image = small_image(b"twice")
    ref = registry.push("sign/twice", "v1", image)
    for key in ("ecdsa", "other"):
        sampan("sign", "--key", keys[key].private, ref, check=True)
    assert len(signature_of(registry, "sign/twice", image.digest)[1]) == 2
    for key in ("ecdsa", "other"):
        sampan("verify", "--key", keys[key].public, ref, check=True)
    assert sampan("verify", "--key", keys["ed25519"].public, ref).returncode == 1


def test_signing_pushes_with_the_users_credentials(sampan, home, keys, tmp_path):
    with TokenServer(tmp_path / "tokens", {"fritz": "pw"}, public=["app"]) as tokens:
        with Registry(tmp_path / "registry") as plain:
            plain.push("app", "v1", small_image())
        with Registry(tmp_path / "registry", auth=tokens.auth()) as guarded:
            ref = guarded.ref("app:v1")
            done = sampan("sign", "--key", keys["ecdsa"].private, ref)
            assert done.returncode == 1
            assert done.stderr.startswith(f"sampan: cannot sign '{ref}': access to '{guarded.host}/app' denied: "), done.stderr
            sampan("login", "-u", "fritz", "--password-stdin", guarded.host, input="pw", check=True)
            sampan("sign", "--key", keys["ecdsa"].private, ref, check=True)
            # docker-registry keeps the actions in a set: their order is any.
            assert tokens.asked[-1][1]["scope"] in ("repository:app:pull,push", "repository:app:push,pull")
            sampan("verify", "--key", keys["ecdsa"].public, ref, check=True)


def test_an_upload_that_is_sent_elsewhere_takes_no_credentials_along(sampan, home, liar, keys):
    liar.add("v1", small_image())
    with LyingRegistry() as elsewhere:
        def guard(handler):
            if handler.headers.get("Authorization") != basic("fritz", "pw"):
                error(handler, 401, "UNAUTHORIZED", "no", {"WWW-Authenticate": 'Basic realm="x"'})
            elif handler.command == "POST":
                answer(handler, 202, headers={"Location": f"http://{elsewhere.host}/upload?x=1"})
            elif handler.command == "PUT":
                answer(handler, 201)
            else:
                return False
            return True

        puts = []

        def take(handler):
            puts.append((handler.command, handler.path, sha256(handler.body)))
            answer(handler, 201)
            return True

        liar.hooks.append(guard)
        elsewhere.hooks.append(take)
        path = home / "auth.json"
        path.write_text(json.dumps({"auths": {liar.host: {"auth": base64.b64encode(b"fritz:pw").decode()}}}), encoding="utf-8")
        sampan("sign", "--authfile", path, "--key", keys["ecdsa"].private, liar.ref("app:v1"), check=True)
        assert len(puts) == 2
        assert all((command, urllib.parse.unquote(url)) == ("PUT", f"/upload?x=1&digest={digest}") for command, url, digest in puts)
        assert [headers for _, headers in elsewhere.requests if "Authorization" in headers] == []


def cosign_key(path, key, passphrase, label="SIGSTORE", **params):
    """The private key as cosign generate-key-pair keeps it; libsodium does what Go's nacl/secretbox does."""
    params = {"N": 32768, "r": 8, "p": 1, **params}
    der = subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", key.private, "-outform", "DER"], check=True,
                         capture_output=True).stdout
    salt, nonce = os.urandom(32), os.urandom(24)
    secret = hashlib.scrypt(passphrase.encode(), salt=salt, n=32768, r=8, p=1, maxmem=1 << 26, dklen=32)
    box = ctypes.create_string_buffer(len(der) + 16)
    assert ctypes.CDLL("libsodium.so.23").crypto_secretbox_easy(box, der, ctypes.c_ulonglong(len(der)), nonce, secret) == 0

    def text(data):
        return base64.b64encode(data).decode()

    document = json.dumps({"kdf": {"name": "scrypt", "params": params, "salt": text(salt)},
                           "cipher": {"name": "nacl/secretbox", "nonce": text(nonce)}, "ciphertext": text(box.raw)})
    name = f"ENCRYPTED {label} PRIVATE KEY"
    path.write_text(f"-----BEGIN {name}-----\n{base64.encodebytes(document.encode()).decode()}-----END {name}-----\n")
    return path


@pytest.mark.parametrize("label", ["COSIGN", "SIGSTORE"])
@pytest.mark.parametrize("kind", KEY_KINDS)
def test_cosigns_encrypted_keys_sign(sampan, home, registry, keys, tmp_path, label, kind):
    locked = cosign_key(tmp_path / "cosign.key", keys[kind], "s3cr:et päss", label)
    ref = registry.push(f"locked/{label.lower()}-{kind}", "v1", small_image())
    sampan("sign", "--key", locked, ref, env={"COSIGN_PASSWORD": "s3cr:et päss"}, check=True)
    sampan("verify", "--key", keys[kind].public, ref, check=True)


def test_a_passphrase_comes_from_a_file_the_environment_or_the_terminal(sampan, home, registry, keys, tmp_path):
    locked = cosign_key(tmp_path / "cosign.key", keys["ecdsa"], "right")
    pkcs8 = tmp_path / "pkcs8.key"
    subprocess.run(["openssl", "pkey", "-in", keys["ecdsa"].private, "-aes256", "-passout", "pass:right", "-out", pkcs8], check=True)
    ref = registry.push("locked/passphrase", "v1", small_image())
    (tmp_path / "right").write_text("right\n")
    (tmp_path / "wrong").write_text("wrong")
    sampan.env.pop("COSIGN_PASSWORD", None)
    for key, why in ((locked, "the encrypted key: it cannot be decrypted (another passphrase, or it is damaged)"),
                     (pkcs8, "the key cannot be decrypted (another passphrase, or it is damaged)")):
        sampan("sign", "--key", key, "--passphrase-file", tmp_path / "right", ref, env={"COSIGN_PASSWORD": "x"}, check=True)
        done = sampan("sign", "--key", key, "--passphrase-file", tmp_path / "wrong", ref)
        assert (done.returncode, done.stderr) == (1, f"sampan: cannot sign '{ref}': {why}\n")
        done = sampan("sign", "--key", key, ref)
        assert (done.returncode, done.stderr) == (
            1, f"sampan: cannot sign '{ref}': there is no terminal to ask at (use --passphrase-file or COSIGN_PASSWORD)\n")
    ours, theirs = pty.openpty()
    process = sampan.popen("sign", "--key", locked, ref, stdin=theirs, stderr=theirs)
    os.close(theirs)
    assert b"Enter password for private key: " in os.read(ours, 100)
    os.write(ours, b"right\n")
    assert process.wait(20 * SLOW) == 0
    os.close(ours)


@pytest.mark.parametrize("params, text", [
    ({"N": 1 << 30}, "kdf.params: it asks for more memory or time than 256 MiB"),
    ({"N": 12345}, "kdf.params: scrypt does not take them"),
    ({"p": -1}, "kdf.params.p: expected a non-negative integer"),
    ({"r": 4}, "it cannot be decrypted (another passphrase, or it is damaged)"),
])
def test_encrypted_keys_that_ask_for_too_much_are_refused(sampan, home, liar, keys, tmp_path, params, text):
    liar.add("v1", small_image())
    locked = cosign_key(tmp_path / "cosign.key", keys["ecdsa"], "right", **params)
    done = sampan("sign", "--key", locked, liar.ref("app:v1"), env={"COSIGN_PASSWORD": "right"})
    assert (done.returncode, done.stderr) == (1, f"sampan: cannot sign '{liar.ref('app:v1')}': the encrypted key: {text}\n")


def test_keys_that_cannot_sign_are_refused_before_anything_is_sent(sampan, home, liar, keys, tmp_path):
    liar.add("v1", small_image())
    ref = liar.ref("app:v1")
    cosign = tmp_path / "cosign.key"
    cosign.write_text("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\neyJ9\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n",
                      encoding="utf-8")
    sampan.env["COSIGN_PASSWORD"] = "x"
    for key, text in ((cosign, "the encrypted key: "), (keys["ecdsa"].public, "there is no private key in PEM"),
                      ("/none.key", "cannot open '/none.key': no such file or directory")):
        done = sampan("sign", "--key", key, ref)
        assert done.returncode == 1
        assert done.stderr.startswith(f"sampan: cannot sign '{ref}': {text}"), done.stderr
    done = sampan("sign", ref)
    assert (done.returncode, done.stderr) == (125, "sampan: sampan sign needs --key\n")


def test_a_registry_that_says_nowhere_to_put_a_blob_is_named(sampan, home, liar, keys):
    liar.add("v1", small_image())
    liar.hooks.append(lambda handler: handler.command == "POST" and (answer(handler, 202) or True))
    done = sampan("sign", "--key", keys["ecdsa"].private, liar.ref("app:v1"))
    assert (done.returncode, done.stderr) == (
        1, f"sampan: cannot sign '{liar.ref('app:v1')}': registry '{liar.host}' does not say where to upload to\n")
