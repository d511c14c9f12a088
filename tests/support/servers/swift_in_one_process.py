"""OpenStack Swift with its S3 interface, all four servers in one process on loopback. Runs in a venv of its own.

python swift_in_one_process.py FOLDER ACCESS_KEY SECRET_KEY

Prints `READY port` when it answers. The folder keeps everything: started again on it, the server has the same objects.
The access key is ACCOUNT:USER, as Swift's tempauth names its users.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import eventlet
import eventlet.wsgi
from eventlet.hubs import trampoline

KINDS = ("account", "container", "object")


def listener() -> socket.socket:
    return eventlet.listen(("127.0.0.1", 0))


def configuration(folder: Path, key: str, secret: str) -> dict[str, Path]:
    """One file a server; filters that Swift always needs are put in by itself."""
    account, user = key.split(":")
    common = f"""
[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
bind_ip = 127.0.0.1
workers = 0
log_level = ERROR
log_address = /nowhere
"""
    paths = {}
    for kind in KINDS:
        paths[kind] = folder / f"{kind}-server.conf"
        paths[kind].write_text(
            f"{common}\n[pipeline:main]\npipeline = {kind}-server\n[app:{kind}-server]\nuse = egg:swift#{kind}\n"
        )
    paths["proxy"] = folder / "proxy-server.conf"
    paths["proxy"].write_text(
        f"""{common}
[pipeline:main]
pipeline = s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:s3api]
use = egg:swift#s3api
[filter:tempauth]
use = egg:swift#tempauth
user_{account}_{user} = {secret} .admin
[filter:slo]
use = egg:swift#slo
"""
    )
    return paths


def make_ring(folder: Path, kind: str, port: int) -> None:
    from swift.common.ring import RingBuilder

    builder = RingBuilder(part_power=2, replicas=1, min_part_hours=0)
    builder.add_dev(
        {
            "id": 0, "region": 1, "zone": 1, "weight": 1.0, "device": "d1", "meta": "",
            "ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port,
        }
    )  # fmt: skip
    builder.rebalance()
    builder.get_ring().save(str(folder / f"{kind}.ring.gz"))


def main() -> None:
    folder, key, secret = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    (folder / "devices" / "d1").mkdir(parents=True, exist_ok=True)
    from swift.common import utils, wsgi

    utils.eventlet_monkey_patch()
    utils.HASH_PATH_PREFIX, utils.HASH_PATH_SUFFIX = b"wattlake", b"wattlake"
    paths = configuration(folder, key, secret)
    sockets = {kind: listener() for kind in (*KINDS, "proxy")}
    for kind in KINDS:
        make_ring(folder, kind, sockets[kind].getsockname()[1])
    for kind, path in paths.items():
        app = wsgi.loadapp(str(path), global_conf={"log_name": kind})
        eventlet.spawn(
            eventlet.wsgi.server, sockets[kind], app, wsgi.NullLogger(), protocol=wsgi.SwiftHttpProtocol,
            custom_pool=eventlet.GreenPool(256), debug=False,
        )  # fmt: skip
    print("READY", sockets["proxy"].getsockname()[1], flush=True)
    trampoline(sys.stdin, read=True)  # until the other end of this pipe closes: with the process that started us


if __name__ == "__main__":
    main()
