"""Starts a private pcscd and the card process, and ends them with its parent. Standard library only.

Run as a script by pcsc_stack (`python -I -S pcsc_launcher.py …`), it does in one process what unshare, ip and
mount would do, because a bare system may have none of them: own mount and network namespaces (--mode
namespace), the same inside an own user namespace (user), or nothing private (plain). pcscd's fixed
/run/pcscd is covered by a folder of ours; the real readers' drivers are hidden, so that USB readers stay with
the system's daemon.

Standard output: one line "ready" or "failed REASON", then "daemon-exit" if pcscd dies. Standard input: a line
"host" restarts the card process; end of file, which the kernel sends even when the parent is killed, ends
everything and removes the runtime folder.
"""

import argparse
import contextlib
import ctypes
import errno
import fcntl
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
IPC_FOLDER = Path("/run/pcscd")  # compiled into pcscd
USB_DRIVERS = Path("/usr/lib/pcsc/drivers")
START_SECONDS = 15.0
STOP_SECONDS = 2.0
PARENT_CHECK_SECONDS = 0.25

libc = ctypes.CDLL(None, use_errno=True)


class LaunchError(Exception):
    """The stack cannot start this way; the text says why."""


def main(argv: Sequence[str] | None = None) -> int:
    """Start, report, supervise until the parent is gone."""
    arguments = _arguments(argv)
    parent = os.getppid()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    supervisor = Supervisor(arguments)
    try:
        _enter(arguments.mode, arguments.dir)
        supervisor.start()
        _say("ready")
        supervisor.watch(parent)
    except (LaunchError, OSError) as error:
        with contextlib.suppress(OSError):  # the parent may be gone
            _say(f"failed {error}")
        return 1
    finally:
        supervisor.stop()
        shutil.rmtree(arguments.dir, ignore_errors=True)
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="pcsc_launcher")
    parser.add_argument("--mode", choices=("namespace", "user", "plain"), required=True)
    parser.add_argument("--dir", type=Path, required=True, help="runtime folder: run/, conf/, lib/, empty/")
    parser.add_argument("--pcscd", required=True)
    parser.add_argument("host", nargs=argparse.REMAINDER, help="command line of the card process")
    arguments = parser.parse_args(argv)
    arguments.host = arguments.host[arguments.host[:1] == ["--"] :]
    return arguments


def _say(line: str) -> None:
    sys.stdout.write(line.replace("\n", " ") + "\n")
    sys.stdout.flush()


# --- namespaces --------------------------------------------------------------------------------------


def _enter(mode: str, folder: Path) -> None:
    """Cover /run/pcscd with folder/run, in namespaces of our own as the mode says."""
    if mode == "plain":
        _claim_ipc_folder()
        return
    uid, gid = os.geteuid(), os.getegid()
    user = CLONE_NEWUSER if mode == "user" else 0
    _call("unshare", libc.unshare(user | CLONE_NEWNS | CLONE_NEWNET))
    if user:
        Path("/proc/self/setgroups").write_text("deny", "ascii")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1", "ascii")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1", "ascii")
    _raise_loopback()
    _mount("none", Path("/"), None, MS_REC | MS_PRIVATE)
    if not IPC_FOLDER.is_dir():
        _make_ipc_folder()
    _mount(str(folder / "run"), IPC_FOLDER, None, MS_BIND)
    if USB_DRIVERS.is_dir():
        _mount(str(folder / "empty"), USB_DRIVERS, None, MS_BIND)


def _make_ipc_folder() -> None:
    try:
        IPC_FOLDER.mkdir(mode=0o755)
    except OSError:  # not ours to write: an empty /run that only we see
        _mount("tmpfs", IPC_FOLDER.parent, "tmpfs", 0)
        IPC_FOLDER.mkdir(mode=0o755)


def _claim_ipc_folder() -> None:
    """Use the system's /run/pcscd, unless a daemon answers there."""
    IPC_FOLDER.mkdir(mode=0o755, exist_ok=True)
    if not os.access(IPC_FOLDER, os.W_OK):
        raise LaunchError(f"{IPC_FOLDER} is not writable")
    if _answers(IPC_FOLDER / "pcscd.comm"):
        raise LaunchError(f"another pcscd uses {IPC_FOLDER}, and a private one may not be set up here")


def _call(name: str, result: int) -> None:
    if result:
        raise LaunchError(f"{name}: {errno.errorcode.get(ctypes.get_errno(), '?')}")


def _mount(source: str, target: Path, kind: str | None, flags: int) -> None:
    encoded = kind.encode("ascii") if kind else None
    result = libc.mount(source.encode(), str(target).encode(), encoded, ctypes.c_ulong(flags), None)
    _call(f"mount {target}", result)


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH22x", b"lo", 0)
        flags = struct.unpack_from("H", fcntl.ioctl(control, SIOCGIFFLAGS, request), 16)[0]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | IFF_UP))


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


# --- the two processes -------------------------------------------------------------------------------


def _die_with_parent() -> None:
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Supervisor:
    """pcscd and the card process."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._folder: Path = arguments.dir
        self._host_command: list[str] = arguments.host
        self._daemon_command = [
            arguments.pcscd,
            "--foreground",
            "--error",
            "--config",
            f"{self._folder}/conf",
        ]
        run = IPC_FOLDER if arguments.mode == "plain" else self._folder / "run"
        self._daemon_socket = run / "pcscd.comm"
        self._control_socket = self._folder / "control.sock"
        self._daemon: subprocess.Popen[bytes] | None = None
        self._host: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Both processes up and answering; LaunchError otherwise."""
        self._daemon = self._spawn(self._daemon_command)
        self._host = self._spawn(self._host_command)
        end = time.monotonic() + START_SECONDS
        for path, process in ((self._daemon_socket, self._daemon), (self._control_socket, self._host)):
            self._await(path, process, end)

    @staticmethod
    def _spawn(command: list[str]) -> subprocess.Popen[bytes]:
        # Single-threaded here, so running Python between fork and exec is safe.
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            preexec_fn=_die_with_parent,  # noqa: PLW1509
        )

    @staticmethod
    def _await(path: Path, process: subprocess.Popen[bytes], end: float) -> None:
        while not _answers(path):
            if process.poll() is not None:
                raise LaunchError(f"{path.name}: its process ended with {process.returncode}")
            if time.monotonic() > end:
                raise LaunchError(f"{path} did not appear")
            time.sleep(0.005)

    def watch(self, parent: int) -> None:
        """Until the parent closes our input or is gone, or pcscd dies."""
        pending = b""
        while os.getppid() == parent:
            if self._daemon is None or self._daemon.poll() is not None:
                _say("daemon-exit")
                return
            if self._host is not None:
                self._host.poll()
            if not select.select([sys.stdin], [], [], PARENT_CHECK_SECONDS)[0]:
                continue
            data = os.read(sys.stdin.fileno(), 4096)
            if not data:
                return
            *lines, pending = (pending + data).split(b"\n")
            if b"host" in lines:
                self._restart_host()

    def _restart_host(self) -> None:
        self._end(self._host)
        self._control_socket.unlink(missing_ok=True)
        self._host = self._spawn(self._host_command)
        self._await(self._control_socket, self._host, time.monotonic() + START_SECONDS)
        _say("host-ready")

    def stop(self) -> None:
        """End both processes, the cards first."""
        self._end(self._host)
        self._end(self._daemon)

    @staticmethod
    def _end(process: subprocess.Popen[bytes] | None) -> None:
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    raise SystemExit(main())
