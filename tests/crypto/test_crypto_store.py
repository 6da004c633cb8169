"""What a trust store remembers: whose key signed a revocation list, whatever becomes of that authority."""

from datetime import datetime

import pytest

from crypto.pki_lab import LabPki
from crypto.trust import Standing, TrustStore
from crypto.trust import store as store_module
from crypto.trust.links import Signed, is_signed_by


def test_the_signature_of_a_list_is_checked_once(
    zoo: LabPki, store: TrustStore, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[bytes, str]] = []

    def counting(item: Signed, authority: object) -> bool:
        asked.append((item.der, authority.fingerprint))  # type: ignore[attr-defined]
        return is_signed_by(item, authority)  # type: ignore[arg-type]

    monkeypatch.setattr(store_module, "is_signed_by", counting)
    csca = zoo._authority("KZ").certificate
    first = store.crls(csca, now=now)
    assert first
    assert asked
    assert len(asked) == len(set(asked))
    before = len(asked)
    assert store.crls(csca, now=now) == first
    assert len(asked) == before


def test_a_remembered_signature_does_not_make_its_authority_trusted(
    zoo: LabPki, store: TrustStore, now: datetime
) -> None:
    csca = zoo._authority("KZ").certificate
    lists = store.crls(csca, now=now)
    assert lists
    stranger = TrustStore(loaded_at=now)
    for item in lists:
        stranger.add_crl(item)
    assert stranger.crls(csca, now=now) == ()
    assert store.signer_of(lists[0]) == csca
    store.add(csca, Standing.DISTRUSTED)
    assert store.signer_of(lists[0]) is None
    assert store.crls(csca, now=now) == ()
