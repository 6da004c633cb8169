"""What tests of several rooms share: tokens of SoftHSM, a PKCS#11 module in software."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
TOKENS = ("LAB csca", "LAB ds", "ds", "spare")
PIN = "9303-12"


@dataclass(frozen=True)
class SoftHsm:
    """The module, and the PIN of every token in TOKENS."""

    module: str
    pin: str = PIN


def softhsm_module() -> str | None:
    """Where the module is; SOFTHSM2_MODULE names another place."""
    named = os.environ.get("SOFTHSM2_MODULE")
    return next((path for path in (named, *MODULES) if path and Path(path).exists()), None)


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    module, program = softhsm_module(), shutil.which("softhsm2-util")
    if module is None or program is None:
        pytest.skip("softhsm2 is not installed")
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")
    directory = tmp_path_factory.mktemp("softhsm")
    (directory / "tokens").mkdir()
    config = directory / "softhsm2.conf"
    config.write_text(
        f"directories.tokendir = {directory}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(config))
        for label in TOKENS:
            subprocess.run(
                [program, "--module", module, "--init-token", "--free", "--label", label,
                 "--so-pin", "so-pin-9303", "--pin", PIN],
                check=True, capture_output=True,
            )  # fmt: skip
        yield SoftHsm(module)
