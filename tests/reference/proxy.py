"""A reverse proxy as docs/serve.md asks for: it shows a server below a path of its own, and buffers nothing."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer


@contextmanager
def proxied(port: int, path: str) -> Iterator[str]:
    """The address of a proxy of 127.0.0.1:`port`; what is asked for elsewhere than below `path` gets a 404."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            lines = list(iter(self.rfile.readline, b"\r\n"))
            if not lines or b"" in lines[:1]:
                return
            method, target, version = lines[0].split(b" ")
            if not target.startswith(f"{path}/".encode()):
                self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            host = next(line for line in lines if line.lower().startswith(b"host:")).split(b":", 1)[1]
            rest = [line for line in lines[1:] if not line.lower().startswith(b"connection:")]
            rest += [b"X-Forwarded-Host:" + host, b"X-Forwarded-Proto: http\r\n", b"Connection: close\r\n", b"\r\n"]
            with socket.create_connection(("127.0.0.1", port)) as server:
                server.sendall(b" ".join((method, target[len(path) :], version)) + b"".join(rest))
                threading.Thread(target=self.pass_on, args=(server,), daemon=True).start()
                with suppress(OSError):
                    while part := server.recv(65536):
                        self.wfile.write(part)

        def pass_on(self, server: socket.socket) -> None:
            with suppress(OSError, ValueError):
                while part := self.rfile.read1(65536):  # type: ignore[attr-defined]
                    server.sendall(part)

    class Proxy(ThreadingTCPServer):
        daemon_threads = allow_reuse_address = True

    with Proxy(("127.0.0.1", 0), Handler) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}{path}/"
        proxy.shutdown()
