"""The private PC/SC stack: real pcscd, real client library, several at once, nothing left behind."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware_mocks import pcsc_stack
from hardware_mocks.chip import ATR, CardImage, blank_image
from hardware_mocks.pcsc_command import run_pcsc
from hardware_mocks.pcsc_stack import PcscStack, StackError, StackUnavailable
from hardware_mocks.pcsc_view import reader_states
from kiosk.errors import ErrorCode, KioskError

pytestmark = pytest.mark.pcsc
DOCUMENT, BLANK = "Shekara Virtual Document Reader 00 00", "Shekara Virtual Card Encoder 00 00"
# A client of its own process: the PC/SC library takes its daemon's address once.
CLIENT = """
import json, sys
from smartcard import scard
code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
assert code == 0, hex(code & 0xFFFFFFFF)
code, names = scard.SCardListReaders(context, [])
answers = []
if len(sys.argv) > 1:
    code, card, protocol = scard.SCardConnect(
        context, sys.argv[1], scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_T1)
    assert code == 0, hex(code & 0xFFFFFFFF)
    answers.append(bytes(scard.SCardStatus(card)[4]).hex())
    for command in sys.argv[2:]:
        code, answer = scard.SCardTransmit(card, scard.SCARD_PCI_T1, list(bytes.fromhex(command)))
        answers.append(bytes(octet & 0xFF for octet in answer).hex() if code == 0 else hex(code & 0xFFFFFFFF))
    scard.SCardDisconnect(card, scard.SCARD_RESET_CARD)
print(json.dumps({"names": sorted(names), "answers": answers}))
"""


def client(stack: PcscStack, *arguments: str) -> dict[str, list[str]]:
    run = subprocess.run(
        [sys.executable, "-c", CLIENT, *arguments],
        env={**os.environ, **stack.environment},
        capture_output=True,
        check=True,
        timeout=60,
    )
    value: dict[str, list[str]] = json.loads(run.stdout)
    return value


def started(directory: Path, **options: tuple[str, ...]) -> PcscStack:
    try:
        return PcscStack.start(directory, **options)
    except StackUnavailable as error:
        pytest.skip(error.reason)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[PcscStack]:
    with started(tmp_path / "state") as running:
        yield running


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    path = tmp_path / "blank.json"
    blank_image(0x42).save(path)
    return path


def ended(pid: int) -> bool:
    """Wait for a process that is not our child to be gone."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 20)[0])
    finally:
        os.close(handle)


def test_a_card_is_written_through_the_real_stack(stack: PcscStack, blank: Path) -> None:
    assert stack.readers == {"document": DOCUMENT, "blank": BLANK}
    assert {DOCUMENT, BLANK} <= set(client(stack)["names"])
    stack.insert("blank", blank)
    assert stack.card_present("blank")
    assert not stack.card_present("document")
    create = "00e0000010620e8002000882010183020101880108"
    big = "00d60000" + "000008" + "ab" * 8
    answers = client(stack, BLANK, "00ca9f7f00", create, big, "00b00000000000")["answers"]
    assert answers[0] == ATR.hex()
    assert answers[1].startswith("9f7f2a4790")
    assert answers[2:5] == ["9000", "9000", "ab" * 8 + "9000"]
    assert CardImage.load(blank).files == {"mf/0101": b"\xab" * 8}
    slot = stack.status()["slots"]["blank"]
    assert slot["path"] == str(blank)
    stack.remove("blank")
    assert not stack.card_present("blank")
    stack.remove("blank")


def test_a_swap_is_never_missed(stack: PcscStack, tmp_path: Path) -> None:
    for serial in (1, 2, 3):
        path = tmp_path / f"{serial}.json"
        blank_image(serial).save(path)
        stack.insert("document", path)
        assert client(stack, DOCUMENT, "00ca9f7f00")["answers"][1][30:38] == f"{serial:08x}"
    assert reader_states(Path(stack.environment["PCSCLITE_CSOCK_NAME"]))[DOCUMENT].events == 5


def test_stacks_side_by_side_keep_apart(stack: PcscStack, blank: Path, tmp_path: Path) -> None:
    with started(tmp_path / "other", slots=("blank",)) as other:
        assert other.environment != stack.environment
        stack.insert("blank", blank)
        assert not other.card_present("blank")
        assert len(client(other)["names"]) == 2
    assert stack.alive
    assert stack.card_present("blank")


def test_a_card_pulled_in_mid_command_is_away_and_can_come_back(stack: PcscStack, blank: Path) -> None:
    stack.insert("blank", blank)
    stack.fault("blank", "remove", when="after", ins=0xE0)
    create = "00e0000010620e8002000882010183020101880108"
    answers = client(stack, BLANK, "00ca9f7f00", create)["answers"]
    assert answers[1].endswith("9000")
    assert not answers[2].endswith("9000")
    assert CardImage.load(blank).files == {"mf/0101": bytes(8)}
    assert stack.status()["slots"]["blank"]["last_fault"].startswith("remove after")
    stack.insert("blank", blank)
    assert client(stack, BLANK, create)["answers"][1] == "6a89"


def test_a_killed_card_process_loses_nothing_it_confirmed(stack: PcscStack, blank: Path) -> None:
    stack.insert("blank", blank)
    pid = stack.status()["pid"]
    stack.fault("blank", "kill", when="during", ins=0xD6)
    create = "00e0000010620e8002000882010183020101880108"
    answers = client(stack, BLANK, create, "00d6000008" + "ff" * 8)["answers"]
    assert answers[1] == "9000"
    assert not answers[2].endswith("9000")
    assert ended(pid)
    with pytest.raises(StackError):
        stack.status()
    assert CardImage.load(blank).files == {"mf/0101": b"\xff" * 4 + bytes(4)}
    stack.restart_cards()
    assert stack.status()["pid"] != pid
    assert client(stack, BLANK, "00a4020c020101", "00b0000000")["answers"][2] == "ffffffff000000009000"


def test_requests_the_cards_refuse(stack: PcscStack, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}", "utf-8")
    for path in (tmp_path / "bad.json", tmp_path / "none.json"):
        with pytest.raises(StackError):
            stack.insert("blank", path)
    with pytest.raises(StackError):
        stack.fault("blank", "explode")
    stack.fault("blank", "mute")
    stack.clear_faults("blank")
    stack.slow_down("blank", 0.001)
    assert stack.status()["slots"]["blank"]["faults"] == []


def test_everything_ends_with_close(tmp_path: Path) -> None:
    stack = started(tmp_path)
    folder = Path(stack.environment["PCSCLITE_CSOCK_NAME"]).parents[1]
    pids = [stack.status()["pid"], stack._launcher.pid]
    stack.close()
    stack.close()
    assert all(ended(pid) for pid in pids)
    assert not folder.exists()
    assert not stack.alive


PARENT = """
import sys, os, signal
from pathlib import Path
from hardware_mocks.pcsc_stack import PcscStack
stack = PcscStack.start(Path(sys.argv[1]))
daemon = Path(stack.environment["PCSCLITE_CSOCK_NAME"]).with_name("pcscd.pid").read_text().strip("\\n\\0")
print(stack._folder, stack._launcher.pid, stack.status()["pid"], daemon, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_everything_dies_with_a_killed_parent(stack: PcscStack, tmp_path: Path) -> None:
    search = os.pathsep.join(path for path in sys.path if path)
    run = subprocess.run(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == -signal.SIGKILL
    folder, *pids = run.stdout.split()
    assert len(pids) == 3
    assert all(ended(int(pid)) for pid in pids)
    assert not Path(folder).exists()


def test_a_killed_launcher_takes_its_processes_along(tmp_path: Path) -> None:
    stack = started(tmp_path)
    pid = stack.status()["pid"]
    os.kill(stack._launcher.pid, signal.SIGKILL)
    assert ended(pid)
    stack.close()


@pytest.mark.parametrize(("paths", "package"), [("PATH", "pcscd"), ("DRIVERS", "vsmartcard-vpcd")])
def test_what_is_missing_is_named(
    paths: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if paths == "PATH":
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(pcsc_stack, "DAEMON_PATHS", str(tmp_path))
    else:
        monkeypatch.setattr(pcsc_stack.shutil, "which", lambda *_, **__: "/usr/sbin/pcscd")
        monkeypatch.setattr(pcsc_stack, "DRIVERS", (str(tmp_path / "none.so"),))
    with pytest.raises(StackUnavailable, match=f"package {package}"):
        PcscStack.start(tmp_path)


def test_a_daemon_that_does_not_start_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pcsc_stack, "_installed", lambda: ("/bin/false", Path("/bin/false")))
    with pytest.raises(StackUnavailable, match=r"namespace|user"):
        PcscStack.start(tmp_path)


def test_a_command_runs_with_the_readers(stack: PcscStack, tmp_path: Path) -> None:
    blank, out = tmp_path / "new.json", tmp_path / "out"
    script = 'printf "%s|%s" "$SHEKARA_READER_BLANK" "$PCSCLITE_CSOCK_NAME" >"$0"; exit 7'
    assert run_pcsc(["--", "sh", "-c", script, str(out)], blank=blank)["exit_code"] == 7
    name, address = out.read_text("utf-8").split("|")
    assert name == BLANK
    assert not Path(address).exists()
    assert CardImage.load(blank).kind == "blank"
    assert run_pcsc(["sh", "-c", "kill -9 $$"])["exit_code"] == 128 + 9


def test_the_command_is_kept_off_standard_output(
    stack: PcscStack, blank: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    report = run_pcsc(["sh", "-c", "echo noise"], document=blank, quiet=True)
    captured = capfd.readouterr()
    assert report["exit_code"] == 0
    assert report["readers"]["document"] == DOCUMENT
    assert report["cards"] == {"document": str(blank)}
    assert captured.out == ""
    assert "noise" in captured.err


def test_the_commands_failures_have_codes(
    stack: PcscStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def code(*command: str, **images: Path) -> ErrorCode:
        with pytest.raises(KioskError) as failed:
            run_pcsc(command, **images)
        return failed.value.code

    assert code() is ErrorCode.USAGE
    assert code("true", document=tmp_path / "none") is ErrorCode.SIM_CARD_IMAGE
    assert code("/nowhere/command") is ErrorCode.SIM_COMMAND_NOT_FOUND

    def refuse(*_: object) -> None:
        raise StackUnavailable("no pcscd here")

    monkeypatch.setattr(PcscStack, "start", refuse)
    assert code("true") is ErrorCode.STACK_UNAVAILABLE
