"""The life of one object of each kind through a client that openapi-python-client made: PACKAGE BASE KINDS, the token on stdin."""
import importlib
import json
import sys

folder, base, kinds = sys.argv[1:]
sys.path.insert(0, folder)
from backstitch_client import AuthenticatedClient  # noqa: E402

client = AuthenticatedClient(base_url=base, token=sys.stdin.readline().strip())


def snake(name):
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def part(tag, operation):
    return importlib.import_module(f"backstitch_client.api.{tag}.{snake(operation)}").sync_detailed


def model(name, value):
    return getattr(importlib.import_module(f"backstitch_client.models.{snake(name)}"), name).from_dict(value)


for kind in json.loads(kinds):
    tag, name, body = kind["plural"].replace("-", "_"), kind["schema"], kind["body"]
    created = part(tag, f"create{name}")(client=client, body=model(f"{name}Input", body))
    assert created.status_code == 201, (name, created)
    read = part(tag, f"get{name}")(created.parsed.id, client=client)
    assert read.status_code == 200 and read.headers["etag"], (name, read)
    replaced = part(tag, f"replace{name}")(
        body["name"], client=client, if_match=read.headers["etag"], body=model(f"{name}Replacement", read.parsed.to_dict())
    )
    assert replaced.status_code == 200, (name, replaced)
    changed = part(tag, f"change{name}")(
        body["name"], client=client, if_match="*", body=model(f"{name}Patch", {"description": "by a client"})
    )
    assert changed.status_code == 200 and changed.parsed.description == "by a client", (name, changed)
    listed = part(tag, f"list{name}s")(client=client, limit=10)
    assert body["name"] in [one.name for one in listed.parsed.items], (name, listed)
for kind in reversed(json.loads(kinds)):
    tag, name = kind["plural"].replace("-", "_"), kind["schema"]
    gone = part(tag, f"delete{name}")(kind["body"]["name"], client=client, if_match="*")
    assert gone.status_code == 204, (name, gone)
    missing = part(tag, f"get{name}")(kind["body"]["name"], client=client)
    assert missing.status_code == 404 and missing.parsed.code == "NOT_FOUND", (name, missing)
