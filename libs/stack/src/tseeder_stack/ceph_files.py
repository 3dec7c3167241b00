"""The files of a one-machine Ceph cluster: configuration, keys, and the first stores of its monitor and its OSD."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import struct
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from tseeder_stack.owners import Owner, data_folder, system_user
from tseeder_stack.run_once import run_once

OS_USER = "tseeder-s3"
TOOL_SECONDS = 120
GIB = 1 << 30
SMALLEST_BLOCK_FILE, LARGEST_BLOCK_FILE = 8 * GIB, 512 * GIB

# What each part of the cluster may do, in cephx's words.
CAPS = {
    "mon.": {"mon": "allow *"},
    "osd.0": {"mon": "allow profile osd", "osd": "allow *", "mgr": "allow profile osd"},
    "client.rgw": {"mon": "allow rw", "osd": "allow rwx"},
}

GLOBAL = {
    "mon_initial_members": "a",
    "public_addr": "127.0.0.1",
    "cluster_addr": "127.0.0.1",
    "ms_bind_msgr1": "false",
    "ms_bind_ipv6": "false",
    "ms_async_op_threads": "2",
    "auth_allow_insecure_global_id_reclaim": "false",
    "log_to_stderr": "true",
    "err_to_stderr": "true",
    "log_to_file": "false",
    "mon_cluster_log_to_file": "false",
    "mon_cluster_log_to_stderr": "false",
    # One OSD holds the only copy; there is no second disk to copy to.
    "osd_pool_default_size": "1",
    "osd_pool_default_min_size": "1",
    "mon_allow_pool_size_one": "true",
    "osd_crush_chooseleaf_type": "0",
    "osd_crush_update_on_start": "false",
    "osd_class_update_on_start": "false",
    "mon_osd_down_out_interval": "0",
    "osd_pool_default_pg_num": "8",
    "osd_pool_default_pg_autoscale_mode": "off",
    "rgw_rados_pool_pg_num_min": "1",
    # A change of the maps need not wait for others here: these two make the start several seconds shorter.
    "paxos_propose_interval": "0.02",
    "paxos_min_wait": "0.01",
    "mon_client_hunt_interval": "0.5",
    "mon_data_avail_warn": "2",
    "mon_data_avail_crit": "1",
    # The OSD opens its block file once for each shard, and waits out this poll at each close: 250 ms by default.
    "bdev_aio_poll_ms": "10",
    "osd_op_num_shards": "2",
    "osd_op_num_threads_per_shard": "2",
    "bluestore_fsck_on_mkfs": "false",
    "bluestore_cache_autotune": "false",
    "bluestore_cache_size": str(64 << 20),
    "osd_memory_target": str(896 << 20),
    "osd_max_pg_log_entries": "500",
    "osd_min_pg_log_entries": "200",
    "rgw_enable_apis": "s3",
    "rgw_thread_pool_size": "64",
    "rgw_enable_usage_log": "false",
    # A gateway tells the others of a changed bucket or user, and waits for those that died (by default, 30 s long).
    "objecter_tick_interval": "1",
    "osd_client_watch_timeout": "5",
    "client_notify_timeout": "1",
    # What was deleted is given back within minutes, not hours: the block file is all the room there is.
    "rgw_gc_obj_min_wait": "60",
    "rgw_gc_processor_period": "60",
    "rgw_gc_processor_max_time": "60",
    "clog_to_monitors": "false",
    **{f"debug_{part}": "0/0" for part in ("rgw", "mon", "osd", "rocksdb", "bluestore", "bluefs", "bdev")},
}


@dataclass(frozen=True)
class Cluster:
    """A cluster's folder; its OS user; and where its monitor and its gateway listen, on 127.0.0.1."""

    folder: Path
    owner: Owner | None
    mon_port: int
    s3_port: int

    @property
    def conf(self) -> Path:
        """The file for `-c`."""
        return self.folder / "ceph.conf"

    def run(self, *argv: str) -> str:
        """Run one of Ceph's tools on this cluster. Blocking; StackError if it fails."""
        return run_once([*argv, "-c", str(self.conf)], owner=self.owner, cwd=self.folder, timeout=TOOL_SECONDS)


def install(state: Path, mon_port: int, s3_port: int) -> Cluster:
    """Make the cluster, or bring the files of an earlier one up to date. Blocking, 0.6 s the first time."""
    owner = system_user(OS_USER)
    folder = data_folder(state, "radosgw", owner)
    cluster = Cluster(folder, owner, mon_port, s3_port)
    made = folder / "made"  # written last: a cluster that was interrupted while it was made is made again
    if not made.exists():
        _clear(folder)
        _write(cluster, folder / "fsid", str(uuid.uuid4()))
        _write_conf(cluster)
        _make_stores(cluster)
        _write(cluster, made, "")
    _write_conf(cluster)  # paths and ports may be others today
    if (folder / "mon-port").read_text() != str(mon_port):
        _move_monitor(cluster)
    return cluster


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _write_conf(cluster: Cluster) -> None:
    folder = cluster.folder
    settings = {
        **GLOBAL,
        "fsid": (folder / "fsid").read_text(),
        "mon_host": f"v2:127.0.0.1:{cluster.mon_port}/0",
        "run_dir": str(folder),
        "crash_dir": str(folder / "crash"),
        "keyring": f"{folder}/$name.keyring",
        "mon_data": str(folder / "mon"),
        "osd_data": str(folder / "osd"),
        "rgw_data": str(folder / "rgw"),
        # Relative to the working folder, since the path of a socket may have no more than 107 bytes.
        "admin_socket": "$name.asok",
        "rgw_frontends": f"beast endpoint=127.0.0.1:{cluster.s3_port}",
    }
    lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
    # Without a key of its own the monitor would turn its cephx off, with no more than a line in its log.
    _write(cluster, cluster.conf, f"[global]\n{lines}[mon]\nkeyring = {folder}/mon..keyring\n")


def _make_stores(cluster: Cluster) -> None:
    folder = cluster.folder
    for name in ("mon", "osd", "rgw", "crash"):
        _folder(cluster, folder / name)
    keys = {name: _new_key() for name in CAPS}
    _write(cluster, folder / "all.keyring", "".join(_keyring(name, key) for name, key in keys.items()))
    for name, key in keys.items():
        _write(cluster, folder / f"{name}.keyring", _keyring(name, key))
    _write(cluster, folder / "osd" / "keyring", _keyring("osd.0", keys["osd.0"]))
    _make_monmap(cluster)
    # With a map that knows its OSD, and a keyring that knows all names, nothing is left to ask the monitor for.
    cluster.run("osdmaptool", "--createsimple", "1", str(folder / "osdmap"))
    maps = ("--monmap", str(folder / "monmap"), "--osdmap", str(folder / "osdmap"))
    cluster.run("ceph-mon", "--id", "a", "--mkfs", *maps, "--keyring", str(folder / "all.keyring"))
    (folder / "all.keyring").unlink()
    size = f"--bluestore_block_size={_block_size(folder)}"
    cluster.run("ceph-osd", "--no-mon-config", "--id", "0", "--mkfs", "--osd-uuid", str(uuid.uuid4()), size)


def _block_size(folder: Path) -> int:
    """Bytes of the sparse file that holds all objects: four fifths of what is free now."""
    return min(max(shutil.disk_usage(folder).free * 4 // 5, SMALLEST_BLOCK_FILE), LARGEST_BLOCK_FILE)


def _make_monmap(cluster: Cluster) -> None:
    path = cluster.folder / "monmap"
    path.unlink(missing_ok=True)
    fsid = (cluster.folder / "fsid").read_text()
    address = f"[v2:127.0.0.1:{cluster.mon_port}]"
    cluster.run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, str(path))
    _write(cluster, cluster.folder / "mon-port", str(cluster.mon_port))


def _move_monitor(cluster: Cluster) -> None:
    """Tell the monitor its new port; its own store has the word on where it listens."""
    _make_monmap(cluster)
    cluster.run("ceph-mon", "--id", "a", "--inject-monmap", str(cluster.folder / "monmap"))


def _new_key() -> str:
    """A cephx key: type 1 (AES), time of creation, length, 16 random bytes."""
    return base64.b64encode(struct.pack("<HIIH", 1, int(time.time()), 0, 16) + secrets.token_bytes(16)).decode()


def _keyring(name: str, key: str) -> str:
    caps = "".join(f'\tcaps {part} = "{words}"\n' for part, words in CAPS[name].items())
    return f"[{name}]\n\tkey = {key}\n{caps}"


def _folder(cluster: Cluster, path: Path) -> None:
    path.mkdir(mode=0o700)
    if cluster.owner is not None:
        os.chown(path, cluster.owner.uid, cluster.owner.gid)


def _write(cluster: Cluster, path: Path, text: str) -> None:
    """Write a private file that the cluster's user can read."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    if cluster.owner is not None:
        os.chown(fresh, cluster.owner.uid, cluster.owner.gid)
    fresh.replace(path)
