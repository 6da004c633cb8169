"""Personalisation profiles: files, access rules, keys and the command values that vary, as TOML beside this
module.

A profile is part of the program and is checked when it is loaded; a wrong one is a programming error
(ValueError).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from card_io.lds.index import FILES
from card_io.lds.security_infos import PaceInfo


@dataclass(frozen=True)
class ProfileFile:
    """One file to create: where it lives, its identifiers, and spare bytes beyond its content."""

    name: str
    in_mf: bool
    fid: int
    sfi: int
    required: bool
    spare: int


@dataclass(frozen=True)
class KeySlot:
    """The card's key for active authentication: reference, domain parameters, signature algorithm."""

    reference: int
    parameter_id: int
    signature_oid: str


@dataclass(frozen=True)
class SecretSlots:
    """P1 P2 of the PUT DATA objects, and the value of the access policy."""

    mrz_password: int
    can: int
    access_policy: int
    policy_value: int


@dataclass(frozen=True)
class Profile:
    """How one kind of blank is personalised."""

    name: str
    application: bytes
    life_cycle: Mapping[int, str]  # byte -> creation, operational, terminated
    block_size: int
    max_file_size: int
    plain_reads_before_lock: bool
    pace: tuple[PaceInfo, ...]
    key: KeySlot
    secrets: SecretSlots
    files: tuple[ProfileFile, ...]

    @classmethod
    def load(cls, name: str = "iso7816") -> Profile:
        """The profile that ships under this name; ValueError if it is not one."""
        text = resources.files("card_io.perso").joinpath("profiles", f"{name}.toml").read_text("utf-8")
        return cls.parse(text)

    @classmethod
    def parse(cls, text: str) -> Profile:
        """Parse TOML; ValueError for a profile that does not hold together."""
        try:
            profile = _profile(tomllib.loads(text))
        except (KeyError, TypeError) as error:
            raise ValueError("a profile lacks an entry or has one of the wrong type") from error
        _check(profile)
        return profile

    def file(self, name: str) -> ProfileFile:
        """The file with this name; ValueError if the profile has none."""
        for file in self.files:
            if file.name == name:
                return file
        raise ValueError(f"profile {self.name} has no file {name}")


def _profile(table: Mapping[str, Any]) -> Profile:
    key, secrets, policy = table["active_authentication"], table["secrets"], table["access_policy"]
    return Profile(
        name=table["name"],
        application=bytes.fromhex(table["application"]),
        life_cycle={byte: state for state, byte in table["life_cycle"].items()},
        block_size=table["writing"]["block_size"],
        max_file_size=table["writing"]["max_file_size"],
        plain_reads_before_lock=table["plain_reads_before_lock"],
        pace=tuple(
            PaceInfo(entry["oid"], parameter_id=entry["parameter_id"]) for entry in table["pace"]["protocols"]
        ),
        key=KeySlot(key["key_reference"], key["parameter_id"], key["signature_oid"]),
        secrets=SecretSlots(
            secrets["mrz_password"], secrets["can"], secrets["access_policy"], policy[policy["chosen"]]
        ),
        files=tuple(_file(entry) for entry in table["files"]),
    )


def _file(entry: Mapping[str, Any]) -> ProfileFile:
    if entry["df"] not in ("mf", "application"):
        raise ValueError(f"{entry['name']} lives in no known directory")
    return ProfileFile(
        name=entry["name"],
        in_mf=entry["df"] == "mf",
        fid=entry["fid"],
        sfi=entry["sfi"],
        required=entry.get("required", False),
        spare=entry.get("spare", 0),
    )


def _check(profile: Profile) -> None:
    if set(profile.life_cycle.values()) != {"creation", "operational", "terminated"}:
        raise ValueError("a profile names three life cycle states")
    if not 1 <= profile.block_size <= 0xFFFF or not 1 <= profile.max_file_size <= 0x8000:
        raise ValueError("block or file size out of range")
    for file in profile.files:
        standard = FILES.get(file.name)
        if standard is None or (file.fid, file.sfi, file.in_mf) != (
            standard.fid,
            standard.sfi,
            standard.in_mf,
        ):
            raise ValueError(f"{file.name} does not stand where Doc 9303-10 puts it")
