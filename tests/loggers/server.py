"""What `wandb sync` talks to: it keeps the rows of each run by their place, and notes what is overwritten."""

import gzip
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Kept:
    """What the server knows of a run; ``overwritten`` are rows that a second one was sent for."""

    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    overwritten: list[int] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)


class Server(ThreadingHTTPServer):
    """Answers on 127.0.0.1 and keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.runs: dict[str, Kept] = {}
        self.said: list[bytes] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is no error."""

    def answer(self, query: str, given: dict[str, Any]) -> dict[str, Any]:
        project = {"id": "P", "name": given.get("project"), "entity": {"id": "E", "name": "someone"}}
        if "upsertBucket" in query:
            run = self.runs.setdefault(given["name"], Kept())
            run.config = json.loads(given["config"]) if given.get("config") else run.config
            run.about |= {key: value for key, value in given.items() if value and key != "config"}
            bucket = {"id": "B", "name": given["name"], "displayName": None, "description": None, "config": "{}"}
            return {"upsertBucket": {"bucket": {**bucket, "sweepName": None, "project": project}, "inserted": True}}
        if "RunResumeStatus" in query:
            return {"model": {**project, "bucket": self.resume(given["name"])}}
        if "createArtifact(" in query:
            sequence = {"id": "S", "latestArtifact": None}
            return {"createArtifact": {"artifact": {"id": "A", "state": "COMMITTED", "artifactSequence": sequence}}}
        if "createRunFiles" in query:
            self.runs[given["run"]].files += given["files"]
            files = [{"name": name, "uploadUrl": f"{self.url}/up/{name}"} for name in given["files"]]
            return {"createRunFiles": {"runID": "B", "uploadHeaders": [], "files": files}}
        info = {"cliVersionInfo": {"max_cli_version": "9.0"}, "latestLocalVersionInfo": None, "features": []}
        viewer = {"id": "V", "entity": "someone", "username": "u", "flags": "{}", "teams": {"edges": []}}
        return {"viewer": viewer, "serverInfo": info}

    def resume(self, name: str) -> dict[str, Any] | None:
        if (run := self.runs.get(name)) is None:
            return None
        tail = [json.dumps(run.rows[max(run.rows)])] if run.rows else []
        counts = {"historyLineCount": len(run.rows), "eventsLineCount": 0, "logLineCount": 0}
        texts = {"summaryMetrics": json.dumps(run.summary), "config": json.dumps(run.config), "wandbConfig": '{"t":1}'}
        tails = {"historyTail": json.dumps(tail), "eventsTail": "[]"}
        return {"id": "B", "name": name, "displayName": None, "tags": [], **counts, **texts, **tails}

    def stream(self, name: str, sent: dict[str, Any]) -> None:
        run = self.runs[name]
        for file, chunk in (sent.get("files") or {}).items():
            if file == "wandb-summary.json":
                run.summary = json.loads(chunk["content"][-1])
            if file == "wandb-history.jsonl":
                for place, line in enumerate(chunk["content"], chunk["offset"]):
                    run.overwritten += [place] if place in run.rows else []
                    run.rows[place] = json.loads(line)
        run.exits += [sent["exitcode"]] if sent.get("complete") else []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        self.reply({})

    def do_PUT(self) -> None:
        self.read()
        self.reply({})

    def do_POST(self) -> None:
        body = self.read()
        if self.path.endswith("/graphql"):
            asked = json.loads(body)
            self.reply({"data": self.server.answer(asked["query"], asked.get("variables") or {})})
            return
        if found := re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", self.path):
            self.server.stream(found[1], json.loads(body))
        self.reply({"exitcode": None, "limits": {}})

    def read(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        self.server.said.append(body)
        return body

    def reply(self, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def account(server: Server, home: Path) -> dict[str, str]:
    """Return the environment of somebody who has a key of this server, and nothing else of their own."""
    home.mkdir(parents=True, exist_ok=True)
    places = {"HOME": str(home), "NETRC": str(home / "netrc"), "WANDB_DIR": str(home), "WANDB_DATA_DIR": str(home)}
    return {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": "0" * 40, **places}
