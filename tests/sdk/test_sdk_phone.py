"""A phone's whole life before a box that keeps the protocol."""

import pytest
from kit import sdk_signer as box
from kit import sm2_reference as sm2
from kit.sdk_phone import PIN, Desk
from shiyin_cosign.codes import Code
from shiyin_cosign.contents import RAW_OCTETS_MAX
from shiyin_cosign.driving import run
from shiyin_cosign.errors import Rejected, Unreachable, Untrusted
from shiyin_cosign.refresh import Reason


def verifies(desk: Desk, item: str, signature: bytes) -> bool:
    """Judge by another implementation."""
    double = desk.double
    held = double.items[item]
    e = box.b2i(box.digest(double.public, held.message, held.user_id))
    r, s = box.b2i(signature[:32]), box.b2i(signature[32:])
    return sm2.verify(sm2.decode(double.public), e, r, s)


def test_an_enrolled_phone_signs_what_waits_for_it(desk: Desk) -> None:
    desk.give("a", "b", "c")
    signatures = desk.sign_all()
    assert sorted(signatures) == ["a", "b", "c"]
    assert all(verifies(desk, item, signature) for item, signature in signatures.items())
    assert {item.state for item in desk.double.items.values()} == {"signed"}
    assert desk.keeper.profile.unfinished == ()


def test_the_box_learns_the_credential_and_the_name_of_the_phone(desk: Desk) -> None:
    assert desk.double.registered
    assert desk.double.label == b"my phone"
    assert desk.double.credential != desk.double.public


def test_every_form_is_signed_under_its_own_message(desk: Desk) -> None:
    double = desk.double
    file_digest = bytes(range(32))
    described = box.sm3(box.tagged("description", b"scan.pdf", b"report"))
    attributes = sorted(
        [
            bytes.fromhex("301806092a864886f70d010903310b06092a864886f70d010701"),
            bytes.fromhex("302f06092a864886f70d01090431220420") + file_digest,
            attribute_of_description(described),
        ]
    )
    body = b"".join(attributes)
    cms = b"\x31\x81" + bytes((len(body),)) + body
    double.add(box.Item("cms", "cms", file_digest, cms, title="scan.pdf", description="report"))
    login = (b"https://his.example", b"\1\2\3", double.uid)
    double.add(
        box.Item("login", "login", box.lp(*login), box.tagged("login", *login), b"shiyin-login-v1")
    )
    grant = (b"g-1", double.uid, b"\x30\x03", b"ward pc", b'{"a":1}', bytes(8), bytes(4))
    double.add(box.Item("grant", "grant", box.lp(*grant), box.tagged("grant", *grant)))
    signatures = desk.sign_all()
    assert all(verifies(desk, item, signature) for item, signature in signatures.items())


def attribute_of_description(described: bytes) -> bytes:
    arc, octets = 78430963463542583275264807036428075187, []
    while arc or not octets:
        octets.append(arc & 0x7F | (0x80 if octets else 0))
        arc >>= 7
    oid = bytes((2 * 40 + 25,)) + bytes(reversed(octets))
    value = b"\x31\x22\x04\x20" + described
    body = bytes((6, len(oid))) + oid + value
    return bytes((0x30, len(body))) + body


def test_one_refused_in_the_middle_does_not_spoil_the_others(desk: Desk) -> None:
    desk.give("a", "b", "c")
    tasks = run(desk.phone.tasks(), desk.channel)
    desk.double.items["b"].state = "cancelled"
    outcomes = run(desk.phone.sign(PIN, tasks), desk.channel)
    assert [outcome.state for outcome in outcomes] == ["signed", "", "signed"]
    refused = outcomes[1].error
    assert isinstance(refused, Rejected)
    assert refused.code is Code.ITEM_FINAL


def test_a_large_document_is_fetched_before_it_is_signed(desk: Desk) -> None:
    content = bytes(RAW_OCTETS_MAX)
    desk.double.add(box.Item("big", "raw", content, content, is_large=True))
    (task,) = run(desk.phone.tasks(), desk.channel)
    assert not task.is_whole
    (unread,) = run(desk.phone.sign(PIN, [task]), desk.channel)
    assert unread.error is not None
    whole = run(desk.phone.complete(task), desk.channel)
    (outcome,) = run(desk.phone.sign(PIN, [whole]), desk.channel)
    assert verifies(desk, "big", outcome.signature)


def test_a_wrong_pin_costs_one_try_for_the_whole_batch_and_tells_how_many_are_left(
    desk: Desk,
) -> None:
    desk.give("a", "b", "c")
    with pytest.raises(Rejected) as refusal:
        desk.sign_all("246802")
    assert refusal.value.code is Code.PIN_WRONG
    assert refusal.value.tries_left == 4
    assert set(desk.sign_all()) == {"a", "b", "c"}


def test_a_refresh_keeps_the_key_and_changes_the_share(desk: Desk) -> None:
    before = desk.keeper.profile
    run(desk.phone.refresh(PIN), desk.channel)
    after = desk.keeper.profile
    assert after.identity == before.identity
    assert after.epoch == before.epoch + 1
    assert not after.is_refreshing
    desk.give("a")
    assert verifies(desk, "a", desk.sign_all()["a"])


def test_a_new_pin_is_a_refresh_and_the_old_one_is_wrong_afterwards(desk: Desk) -> None:
    run(desk.phone.refresh(PIN, "864209"), desk.channel)
    desk.give("a")
    with pytest.raises(Rejected):
        desk.sign_all()
    assert verifies(desk, "a", desk.sign_all("864209")["a"])


def test_two_blobs_of_one_share_are_never_kept(desk: Desk) -> None:
    run(desk.phone.refresh(PIN, "864209"), desk.channel)
    run(desk.phone.refresh("864209", reason=Reason.DEVICE_REMOVED), desk.channel)
    blobs = {share for profile in desk.keeper.kept for share in profile.shares}
    assert len(blobs) == len({share.epoch for share in blobs}) == 3


@pytest.mark.parametrize("lost", ["refresh", "reveal", "confirm", "sign", "finish", "tasks"])
def test_a_lost_answer_is_asked_for_again_by_the_same_octets(desk: Desk, lost: str) -> None:
    desk.channel.lose = [lost]
    run(desk.phone.refresh(PIN), desk.channel)
    desk.give("a")
    assert verifies(desk, "a", desk.sign_all()["a"])
    assert not desk.channel.lose
    assert len(desk.channel.sent) == len(set(desk.channel.sent)) + 1


@pytest.mark.parametrize("lost", ["refresh", "reveal", "confirm"])
def test_a_refresh_goes_on_wherever_it_was_cut_off(desk: Desk, lost: str) -> None:
    desk.channel.lose = [lost] * 3
    with pytest.raises(Unreachable):
        run(desk.phone.refresh(PIN, "864209"), desk.channel)
    phone = desk.restarted()
    if desk.keeper.profile.is_refreshing:
        run(phone.confirm("864209"), desk.channel)
    else:
        run(phone.refresh(PIN, "864209"), desk.channel)
    desk.give("a")
    assert verifies(desk, "a", desk.sign_all("864209")["a"])


def test_a_signature_that_was_not_handed_in_is_handed_in_by_the_next_process(desk: Desk) -> None:
    desk.give("a")
    desk.channel.lose = ["finish"] * 3
    tasks = run(desk.phone.tasks(), desk.channel)
    (outcome,) = run(desk.phone.sign(PIN, tasks), desk.channel)
    assert isinstance(outcome.error, Unreachable)
    assert len(desk.keeper.profile.unfinished) == 1
    (late,) = run(desk.restarted().finish(), desk.channel)
    assert late.state == "signed"
    assert desk.keeper.profile.unfinished == ()


def test_a_rejected_item_waits_no_more(desk: Desk) -> None:
    desk.give("a", "b")
    assert run(desk.phone.reject("a", "not mine"), desk.channel) == "rejected"
    assert set(desk.sign_all()) == {"b"}


def test_a_revoked_device_is_told_so(desk: Desk) -> None:
    run(desk.phone.revoke(PIN), desk.channel)
    with pytest.raises(Rejected) as refusal:
        run(desk.phone.tasks(), desk.channel)
    assert refusal.value.code is Code.DEVICE_REVOKED


def test_a_new_session_has_a_new_nonce_point_and_the_same_one_keeps_it(desk: Desk) -> None:
    desk.give("a")
    tasks = run(desk.phone.tasks(), desk.channel)
    desk.phone.prepare(tasks)
    first = desk.phone._openings["a"]
    desk.phone.prepare(tasks)
    assert desk.phone._openings["a"] is first
    desk.phone.prepare(run(desk.phone.tasks(), desk.channel))
    assert desk.phone._openings["a"].q1 != first.q1
    with pytest.raises(Exception, match="closed"):
        first.w.times_base()


def test_what_looks_like_signed_attributes_is_not_signed_as_a_document(desk: Desk) -> None:
    attributes = bytes.fromhex("311a301806092a864886f70d010903310b06092a864886f70d010701")
    desk.double.add(box.Item("evil", "raw", attributes, attributes))
    desk.give("good")
    tasks = run(desk.phone.tasks(), desk.channel)
    evil, good = run(desk.phone.sign(PIN, tasks), desk.channel)
    assert isinstance(evil.error, Untrusted)
    assert verifies(desk, "good", good.signature)
