"""The part of the Hub's protocol that uploads a Space: create, preupload, Git LFS, and a commit as JSON lines."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from tests.hub_server import COMMIT, Downloads, HubServer, Request


@dataclass
class Space:
    """A Space; what it is asked to be, and every commit's paths."""

    sdk: str
    hardware: str | None
    private: bool
    files: dict[str, bytes] = field(default_factory=lambda: {".gitattributes": b"*.zip filter=lfs\n"})
    in_lfs: set[str] = field(default_factory=set)
    commits: list[set[str]] = field(default_factory=list)


class SpaceHub(HubServer):
    """Takes Spaces of those who have a token that may write.

    Attributes:
        spaces: by name.
        tokens: what each may: `write` or `read`.
        paid: whether the account may have other hardware than ZeroGPU.
    """

    def __init__(self) -> None:
        super().__init__(_Uploads)
        self.spaces: dict[str, Space] = {}
        self.objects: dict[str, bytes] = {}
        self.tokens = {"hf_writes": "write", "hf_reads": "read"}
        self.paid = False


class _Uploads(Downloads):
    hub: SpaceHub

    def do_GET(self) -> None:
        if match := re.fullmatch(r"/api/spaces/([^/]+/[^/]+)(/tree/main)?\??.*", unquote(self.path)):
            if not (space := self.hub.spaces.get(match[1])):
                return self._answer(404, {"X-Error-Code": "RepoNotFound"})
            tree = [{"type": "file", "path": path, **_entry(space, path)} for path in sorted(space.files)]
            return self._json(tree if match[2] else {"id": match[1], "sha": COMMIT})
        super().do_GET()

    def do_PUT(self) -> None:
        content = self._body()
        oid = self.path.removeprefix("/lfs/")
        if hashlib.sha256(content).hexdigest() == oid:
            self.hub.objects[oid] = content
        self._answer(200 if oid in self.hub.objects else 400)

    def do_POST(self) -> None:
        body, path = self._body(), unquote(self.path)
        self.hub.requests.append(Request("POST", path, None, "Authorization" in self.headers))
        right = self.hub.tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
        if self.hub.status or right is None:
            return self._answer(self.hub.status or 401)
        if path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if right != "write":
            return self._answer(403)
        if path == "/api/repos/create":
            return self._create(**json.loads(body))
        name, action = re.fullmatch(r"(?:/api)?/spaces/([^/]+/[^/.]+)(?:\.git)?/(.+)", path).groups()
        if not (space := self.hub.spaces.get(name)):
            return self._answer(404, {"X-Error-Code": "RepoNotFound"})
        match action:
            case "preupload/main":
                self._json({"files": [_mode(space, **file) for file in json.loads(body)["files"]]})
            case "info/lfs/objects/batch":
                self._json({"objects": [self._action(**one) for one in json.loads(body)["objects"]]})
            case "commit/main":
                self._commit(name, space, [json.loads(line) for line in body.splitlines()])
            case "hardware":
                space.hardware = json.loads(body)["flavor"]
                self._json({"stage": "BUILDING", "hardware": {"current": None, "requested": space.hardware}})

    def _create(
        self, organization: str, name: str, type: str, sdk: str, hardware: str = "cpu-basic", visibility: str = "public"
    ) -> None:
        name = f"{organization}/{name}"
        address = {"url": f"{self.hub.url}/spaces/{name}"}
        if name in self.hub.spaces:
            return self._json(address, 409)
        if hardware != "zero-a10g" and not self.hub.paid:
            return self._json({"error": "Subscribe to PRO."}, 402)
        assert type == "space"
        self.hub.spaces[name] = Space(sdk, hardware, visibility == "private")
        self._json(address)

    def _action(self, oid: str, size: int) -> dict[str, object]:
        upload = {"upload": {"href": f"{self.hub.cdn}/lfs/{oid}"}}
        return {"oid": oid, "size": size, **({} if oid in self.hub.objects else {"actions": upload})}

    def _commit(self, name: str, space: Space, lines: list[dict]) -> None:
        paths = set()
        for line in lines[1:]:
            path, value = line["value"]["path"], line["value"]
            paths.add(path)
            match line["key"]:
                case "deletedFile":
                    del space.files[path]
                case "lfsFile":
                    space.files[path] = self.hub.objects[value["oid"]]
                    space.in_lfs.add(path)
                case "file":
                    space.files[path] = base64.b64decode(value["content"])
                    if _binary(space.files[path]):  # as the Hub does
                        return self._answer(400)
        space.commits.append(paths)
        self._json({"commitUrl": f"{self.hub.url}/spaces/{name}/commit/{COMMIT}", "commitOid": COMMIT})

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _json(self, answer: object, status: int = 200) -> None:
        self._answer(status, {"Content-Type": "application/json"}, json.dumps(answer).encode())


def _binary(content: bytes) -> bool:
    return b"\0" in content


def _mode(space: Space, path: str, sample: str, size: int) -> dict[str, object]:
    """Whether a file goes by Git LFS, and the hash of the one that is there."""
    there = _entry(space, path) if path in space.files else {}
    lfs = there.get("lfs") or {}
    mode = "lfs" if _binary(base64.b64decode(sample)) else "regular"
    return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": lfs.get("oid") or there.get("oid")}


def _entry(space: Space, path: str) -> dict[str, object]:
    content = space.files[path]
    git_hash = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    entry: dict[str, object] = {"size": len(content), "oid": git_hash}
    if path in space.in_lfs:
        oid = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": oid, "size": len(content), "pointerSize": 130}
    return entry
