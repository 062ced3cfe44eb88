"""A double of AWS Lambda's Runtime API: it hands documents to the real runtime client, and keeps what that answers."""

from __future__ import annotations

import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:journeyman"


class LambdaRuntime:
    """`with LambdaRuntime() as runtime:` listens at `runtime.address`, for AWS_LAMBDA_RUNTIME_API."""

    def __init__(self) -> None:
        self._documents: queue.Queue[str] = queue.Queue()
        self._answers: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.address = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def invoke(self, document: Any) -> tuple[str, Any]:
        """Hand over one document; returns ("response" or "error", what the client posted), within a minute."""
        self._documents.put(json.dumps(document))
        return self._answers.get(timeout=60)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        documents, answers = self._documents, self._answers

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                """`/2018-06-01/runtime/invocation/next`: waits until there is something to do."""
                body = documents.get().encode()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 30_000))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", ARN)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                """`…/invocation/{id}/response` or `…/error`."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                answers.put((self.path.rpartition("/")[2], json.loads(body)))

            def log_message(self, *_: object) -> None:
                """Nothing."""

        return Handler
