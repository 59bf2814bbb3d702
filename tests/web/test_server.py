"""What a running server answers to programs: nothing but the page, its own uploads and its own results."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse

import pytest

from ceair.errors import CeairError
from ceair.web.server import _listen

pytestmark = pytest.mark.xdist_group("server")


def ask(server, path, method="GET", body=None, headers=None):
    """Status and body of an answer to a path that nobody tidied up."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.address).netloc, timeout=60)
    connection.putrequest(method, path, skip_host=False, skip_accept_encoding=True)
    for name, value in ({"Content-Length": str(len(body or b""))} | (headers or {})).items():
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def upload(server, name, content):
    edge = "edge"
    body = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
    body += content + f"\r\n--{edge}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={edge}"}
    return ask(server, "/gradio_api/upload", "POST", body, kind)


def order(server, index, data, session):
    body = json.dumps({"fn_index": index, "data": data, "session_hash": session}).encode()
    return ask(server, "/gradio_api/queue/join", "POST", body, {"Content-Type": "application/json"})


def outcome(server, session):
    """The last message about an order."""
    _, content = ask(server, f"/gradio_api/queue/data?session_hash={session}")
    messages = [json.loads(line[5:]) for line in content.decode().splitlines() if line.startswith("data:")]
    return next(message for message in messages if message["msg"] == "process_completed")


def take_index(server):
    """Which event takes uploads."""
    config = server.config()
    drop = next(part["id"] for part in config["components"] if part["props"].get("elem_id") == "drop")
    return next(event["id"] for event in config["dependencies"] if [drop, "upload"] in map(list, event["targets"]))


def test_no_file_but_uploads_and_results_can_be_read(server, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (root,) = server.temporary.glob("ceair-serve-*")
    (root / "kept" / "own.txt").write_text("secret")
    inside, back = f"/gradio_api/file={root}/shown", os.path.relpath("/", f"{root}/shown")
    for path in (
        f"/gradio_api/file={secret}",
        f"/gradio_api/file={root}/kept/own.txt",
        f"{inside}/../kept/own.txt",
        f"{inside}/%2e%2e/kept/own.txt",
        f"{inside}/%252e%252e/kept/own.txt",
        f"{inside}/{back}{secret}",
        f"/gradio_api/file={root}/shown",
        f"/gradio_api/file/{secret}",
        f"/file={secret}",
        f"/static/../../../../../..{secret}",
        f"/static/..%2f..%2f..%2f..%2f..{secret}",
        f"/assets/%2e%2e/%2e%2e/%2e%2e{secret}",
        f"/theme.css/../{secret}",
        f"/gradio_api/custom_component/x/client/component/..%2f..{secret}",
    ):
        status, content = ask(server, path)
        assert status in (400, 403, 404), path
        assert b"secret" not in content.replace(b"secret.txt", b""), path


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=http://127.0.0.1:1/",
        "/gradio_api/file=https:/example.org/",
        "/gradio_api/file=%68ttp://example.org/",
        "/gradio_api/proxy=http://example.org/",
        "/gradio_api/runs",
        "/gradio_api/openapi.json",
        "/gradio_api/deep_link",
        "/gradio_api/dev/reload",
        "/gradio_api/token",
        "/monitoring",
        "/docs",
        "/login_check",
    ],
)
def test_it_fetches_nothing_and_offers_nothing_else(server, path):
    assert ask(server, path)[0] == 404


@pytest.mark.parametrize("path", ["/gradio_api/run/take", "/gradio_api/call/take", "/gradio_api/vibe-edit", "/login"])
def test_programs_get_no_interface(server, path):
    assert ask(server, path, "POST", b"{}", {"Content-Type": "application/json"})[0] == 404


def test_an_order_cannot_name_files_of_the_machine_or_of_others(server):
    index = take_index(server)
    file = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    (root,) = server.temporary.glob("ceair-serve-*")
    (root / "shown" / "link").symlink_to("/etc")
    inside = f"{root}/shown"
    paths = ["/etc/hostname", f"{inside}/../kept/own.txt", f"{inside}/link/hostname", "relative.png", "a\0b"]
    paths += ["http://127.0.0.1:1/x.png", "https://example.org/x.png", " file:///etc/hostname"]
    for path in paths:
        assert order(server, index, [[file | {"path": path}]], "thief")[0] == 400, path
    assert order(server, index, ["x" * 1_100_000], "thief")[0] == 400
    assert not any(path.name == "hostname" for path in server.files)


def test_an_order_for_an_upload_is_done(server):
    _, content = upload(server, "notes.txt", b"no image")
    file = {"path": json.loads(content)[0], "meta": {"_type": "gradio.FileData"}}
    assert order(server, take_index(server), [[file]], "guest")[0] == 200
    assert "cannot read notes.txt: it is no JPEG" in json.dumps(outcome(server, "guest")).replace("Cannot", "cannot")


def test_uploads_beyond_what_is_allowed_are_refused(server):
    assert upload(server, "small.txt", b"x" * 1000)[0] == 200
    status, content = upload(server, "large.bin", b"x" * 2_500_000)
    assert (status, b"maximum allowed size" in content) == (413, True)
    assert upload(server, "huge.bin", b"x" * 7_500_000)[0] == 413
    headers = {"Content-Length": "many"}
    assert ask(server, "/gradio_api/upload", "POST", b"", headers)[0] in (400, 411)


def test_browsers_are_told_to_ask_nobody_else(server):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.address).netloc, timeout=60)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "http" not in answer.headers["Content-Security-Policy"]
    connection.close()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_nothing_is_left_behind(start_server, number, code):
    running = start_server("--max-disk", "1MB")
    assert upload(running, "a.txt", b"x" * 1000)[0] == 200
    assert upload(running, "b.txt", b"x" * 1_000_000)[0] == 507
    assert any(path.name == "a.txt" for path in running.files)
    assert next(running.temporary.iterdir()).stat().st_mode & 0o077 == 0
    assert running.stop(number)[0] == code
    assert not list(running.temporary.iterdir())
    assert not running.calls.exists()


def test_what_a_killed_server_left_is_removed_by_the_next(start_server, monkeypatch):
    from ceair.web.folder import server_folder

    first = start_server()
    assert upload(first, "a.txt", b"x")[0] == 200
    (root,) = first.temporary.iterdir()
    monkeypatch.setattr("tempfile.tempdir", str(first.temporary))
    later = time.time() + 1000
    monkeypatch.setattr("ceair.web.folder.time.time", lambda: later)
    with server_folder():
        assert root.exists(), "its server lives"
    first.process.kill()
    first.process.wait()
    with server_folder() as own:
        assert not root.exists()
        assert own.shown.exists()


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", "ceair", "serve", *words], capture_output=True, text=True, check=False, timeout=120
    )


def test_it_restores_as_cautiously_and_thoroughly_as_it_was_told(start_server):
    parts = start_server("--cautious", "--ensemble").config()["components"]
    manner = next(part["props"] for part in parts if part["props"].get("elem_id") == "manner")
    assert manner["value"] == ["cautious", "ensemble"]


def test_a_port_that_is_taken_is_named_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("--port", str(taken.getsockname()[1]), "--engine", "torch")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "--port" in done.stderr


@pytest.mark.parametrize("host", ["a" * 70, "a..b"])
def test_a_name_that_no_machine_has_is_refused_in_one_sentence(host):
    with pytest.raises(CeairError) as caught:
        _listen(host, 7860)
    assert str(caught.value) == f"cannot listen on {host}: no machine has such a name; choose another --host"


def test_answers_are_sent_at_once():
    with _listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    "words", [("--max-upload", "lots"), ("--port", "70000"), ("--root-path", "ceair"), ("--keep", "0"), ("photo.jpg",)]
)
def test_wrong_usage_ends_in_2(words):
    assert run(*words).returncode == 2


def test_open_shows_the_page_in_the_browser_of_the_user(start_server, tmp_path, monkeypatch):
    asked, browser = tmp_path / "asked", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{asked}.part" && mv "{asked}.part" "{asked}"\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    server = start_server("--open")
    until = time.monotonic() + 30
    while not asked.exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert asked.read_text().strip() == server.address
