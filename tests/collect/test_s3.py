"""A source in a bucket is the source in a folder: same documents, same bytes, clear errors."""

import hashlib
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mowa.collect import S3Prefix, file_at, scan
from mowa.collect import _places as places
from mowa.collect._places import files_at, hash_at, s3_prefix
from mowa.errors import DataError, UsageError
from mowa.recipe import Recipe
from mowa.recipe import run as run_recipe

SECRET = "tajne-haslo-do-wiadra"  # noqa: S105 - of a server that lives as long as the test
FILES = {
    "a.jsonl": '{"id": "1", "text": "Ala ma kota."}\n{"id": "2", "text": "Kot ma Alę."}\n',
    "ą/b c.txt": "Zażółć gęślą jaźń.\n",
    "ą/.ukryty.txt": "x",
    "tmp/d.txt.part": "x",
    "tmp/pusty.txt": "",
}
RECIPE = """
name = "wiadro"
language = "pol"
data = "data"
sources = "sources"

[steps.teksty]
does = "inventory"
source = "proby"
path = "PATH"

[steps.documents]
does = "documents"
reads = "teksty"
reader.format = "auto"
"""
SOURCE = """
title = "Teksty próbne"
holder = "Mowa"
licence = "CC0-1.0"
legal_basis = "open_licence"
release = "open"
collected_at = 2026-05-01
collected_how = "napisane do prób"
"""


@pytest.fixture(scope="module")
def server():
    moto = pytest.importorskip("moto.server")
    started = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    started.start()
    host, port = started.get_host_and_port()
    yield f"http://{host}:{port}"
    started.stop()


@pytest.fixture
def bucket(server, monkeypatch):
    """A bucket with the files under `teksty/`, known to this process by its environment alone."""
    boto3 = pytest.importorskip("boto3")
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mowa")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server)
    client = boto3.client("s3", endpoint_url=server, region_name="us-east-1")
    client.create_bucket(Bucket="wiadro")
    for path, text in FILES.items():
        client.put_object(Bucket="wiadro", Key=f"teksty/{path}", Body=text.encode())
    client.put_object(Bucket="wiadro", Key="teksty-inne/z.txt", Body=b"nie nasze")
    yield client
    for item in client.list_objects_v2(Bucket="wiadro").get("Contents", []):
        client.delete_object(Bucket="wiadro", Key=item["Key"])
    client.delete_bucket(Bucket="wiadro")


PREFIX = s3_prefix("s3://wiadro/teksty/")


def folder_of_files(root):
    for path, text in FILES.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    return root


def hashed(text):
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def test_the_inventory_of_a_bucket_is_that_of_a_folder_with_the_same_files(bucket, tmp_path):
    globs = (["**/*"], ["**/*.part"])
    assert scan(PREFIX, *globs) == scan(folder_of_files(tmp_path), *globs)
    assert [file["path"] for file in scan(PREFIX, ["**/*"], ["tmp"])] == ["a.jsonl", "ą/b c.txt"]


def test_an_object_is_hashed_again_only_when_its_size_or_time_changed(
    bucket, tmp_path, monkeypatch
):
    read = []
    monkeypatch.setattr(
        "mowa.collect._inventory.hash_at",
        lambda place, relative: read.append(relative) or hash_at(place, relative),
    )
    monkeypatch.setattr("mowa.collect._inventory._SETTLED_NS", -(10**18))
    cache = tmp_path / "cache.json"
    first = scan(PREFIX, ["**/*.txt"], cache=cache)
    assert read == ["tmp/pusty.txt", "ą/b c.txt"]
    assert SECRET not in cache.read_text("utf-8")
    read.clear()
    assert scan(PREFIX, ["**/*.txt"], cache=cache) == first
    assert read == []
    bucket.put_object(Bucket="wiadro", Key="teksty/tmp/pusty.txt", Body=b"pelny")
    assert scan(PREFIX, ["**/*.txt"], cache=cache)[0]["bytes"] == 5
    assert read == ["tmp/pusty.txt"]


def test_a_recipe_on_a_bucket_makes_the_bytes_that_it_makes_on_a_folder(bucket, tmp_path):
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "proby.toml").write_text(SOURCE, "utf-8")
    folder_of_files(tmp_path / "data" / "teksty")
    made = {}
    for name, path in (("folder", "teksty"), ("bucket", "s3://wiadro/teksty")):
        (tmp_path / "r.toml").write_text(RECIPE.replace("PATH", path), "utf-8")
        results = run_recipe(Recipe.load(tmp_path / "r.toml", []), tmp_path / name, workers=1)
        made[name] = {
            f"{result.artifact.name}/{path.relative_to(result.artifact.path)}": path.read_bytes()
            for result in results
            for path in sorted(result.artifact.path.rglob("*"))
            if path.is_file() and path.name != "artifact.json"
        }
        made[name]["fingerprints"] = [result.artifact.fingerprint for result in results]
        assert results[1].artifact.metrics["documents"] == 4
    assert made["folder"] == made["bucket"]
    assert not any(
        SECRET.encode() in path.read_bytes()
        for path in (tmp_path / "bucket").rglob("*")
        if path.is_file()
    )


def test_an_object_that_changed_or_went_since_the_inventory_is_refused(bucket):
    right = hashed(FILES["a.jsonl"])
    with file_at(PREFIX, "a.jsonl", right) as path:
        assert path.read_text("utf-8") == FILES["a.jsonl"]
        assert path.name == "a.jsonl"
    assert not path.exists()
    bucket.put_object(Bucket="wiadro", Key="teksty/a.jsonl", Body=b"{}")
    with (
        pytest.raises(DataError, match=r"s3://wiadro/teksty/a\.jsonl: the file changed"),
        file_at(PREFIX, "a.jsonl", right),
    ):
        pass
    bucket.delete_object(Bucket="wiadro", Key="teksty/a.jsonl")
    with pytest.raises(DataError, match="nothing here"), file_at(PREFIX, "a.jsonl", right):
        pass


def test_a_manifest_beside_an_archive_is_copied_with_it(bucket):
    for name, text in (("x.jsonl.zst", "zst"), ("x.manifest", "{}")):
        bucket.put_object(Bucket="wiadro", Key=f"teksty/s/{name}", Body=text.encode())
    with file_at(PREFIX, "s/x.jsonl.zst", hashed("zst")) as path:
        assert path.with_name("x.manifest").read_text() == "{}"


def test_a_bucket_that_is_not_there_and_an_empty_prefix_are_told_apart(bucket):
    with pytest.raises(UsageError, match="no such bucket"):
        scan(s3_prefix("s3://nie-ma-takiego/teksty"), ["**/*"])
    with pytest.raises(DataError, match=r"s3://wiadro/pusto: there is nothing here"):
        scan(s3_prefix("s3://wiadro/pusto"), ["**/*"])


@pytest.mark.parametrize(
    "path", ["s3://", "s3:///x", "s3://a/../b", "s3://a/b?versionId=1", "s3://a/*.txt"]
)
def test_a_path_that_names_no_bucket_is_refused(path):
    with pytest.raises(UsageError, match="not a path in a bucket"):
        s3_prefix(path)


def test_credentials_in_a_path_are_refused_and_not_repeated():
    with pytest.raises(UsageError) as caught:
        s3_prefix(f"s3://klucz:{SECRET}@wiadro/teksty")
    assert SECRET not in str(caught.value)
    assert "AWS_ACCESS_KEY_ID" in str(caught.value)
    assert SECRET not in repr(S3Prefix("wiadro"))


class _Server(BaseHTTPRequestHandler):
    """Refuses everything, or breaks off in the middle of every object."""

    refuse = False

    def do_GET(self):
        if self.refuse:
            body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b"x" * 10)
        self.wfile.flush()
        self.connection.close()

    def do_HEAD(self):
        self.send_response(403 if self.refuse else 200)
        self.send_header("Content-Length", "0" if self.refuse else "100000")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def odd_server(monkeypatch):
    started = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    started.daemon_threads = True
    threading.Thread(target=started.serve_forever, daemon=True).start()
    monkeypatch.setattr(places, "_TRIES", 1)
    yield s3_prefix("s3://w/t", endpoint=f"http://127.0.0.1:{started.server_port}", anonymous=True)
    started.shutdown()
    started.server_close()


def test_a_server_that_refuses_is_told_with_what_to_do(odd_server, monkeypatch):
    monkeypatch.setattr(_Server, "refuse", True)
    with pytest.raises(DataError, match="does not let us read this") as caught:
        scan(odd_server, ["**/*"])
    assert "s3_anonymous" in str(caught.value)
    with pytest.raises(DataError, match="does not let us read this"):
        hash_at(odd_server, "a.txt")


def test_a_connection_that_breaks_off_is_an_error_and_no_short_file(odd_server):
    with pytest.raises(DataError, match=r"s3://w/t/a\.txt: the server of the bucket"):
        hash_at(odd_server, "a.txt")


def test_a_server_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(places, "_TRIES", 1)
    with pytest.raises(DataError, match="does not answer"):
        files_at(s3_prefix("s3://w", endpoint="http://127.0.0.1:9", anonymous=True), ["**/*"], [])


def test_the_places_of_a_recipe_do_not_enter_its_fingerprint(tmp_path):
    from mowa.collect import InventoryConfig
    from mowa.workspace import identity_of

    one = InventoryConfig(source="a", path="s3://b/c", s3_endpoint="http://x", s3_anonymous=True)
    assert identity_of(one) == identity_of(InventoryConfig(source="a", path="c"))
    assert json.dumps(identity_of(one)) == '{"source": "a"}'
    assert Path("c") != one.path
