"""What the program says to people, in Chinese and English."""

from __future__ import annotations

import os

from shiyin_cosign.codes import Code

LANGUAGES = ("zh", "en")

_ADVICE: dict[Code, tuple[str, str]] = {
    Code.PIN_WRONG: ("PIN 错误，还可以试 {tries_left} 次。", "Wrong PIN; {tries_left} tries left."),
    Code.DEVICE_LOCKED: (
        "设备已锁定或停用，请向管理员申请新的激活码。",
        "The device is locked or suspended: ask the administrator for a new activation code.",
    ),
    Code.DEVICE_REVOKED: (
        "设备已注销，请重新激活。",
        "The device is revoked: enrol anew with a new activation code.",
    ),
    Code.ACTIVATION_REJECTED: (
        "激活码无效、已过期或已用完，请检查或重新申请。",
        "The activation code is wrong, expired or used up: check it or ask for a new one.",
    ),
    Code.CREDENTIAL_REJECTED: (
        "设备凭证不被承认，请重新激活。",
        "The box does not know this device's credential: enrol anew.",
    ),
    Code.DEVICE_UNKNOWN: (
        "服务器不认识此设备：激活可能未完成，请重新激活。",
        "The box does not know this device: the enrolment may not have ended; enrol anew.",
    ),
    Code.SESSION_UNKNOWN: ("会话已失效，请重新签名。", "The session is gone: sign again."),
    Code.SESSION_BURNT: ("会话已使用，请重新签名。", "The session was used: sign again."),
    Code.ITEM_UNKNOWN: (
        "没有这一项，请重新列出。",
        "There is no such item for this device: list them again.",
    ),
    Code.ITEM_FINAL: (
        "该项已签名、拒绝、取消或过期。",
        "The item is already signed, rejected, cancelled or expired.",
    ),
    Code.EPOCH_MISMATCH: (
        "密钥分片的期次不一致：若刚恢复过本机备份，请重新激活。",
        "The share is of another epoch: if this phone was restored from a copy, enrol anew.",
    ),
    Code.REFRESH_PENDING: (
        "上次更新未完成，请先运行 refresh。",
        "A refresh was interrupted: run `refresh` first.",
    ),
    Code.REPLAYED: (
        "请求序号已用过：本机数据可能是旧备份，请重新激活。",
        "The request's number was used: the store may be an old copy; enrol anew.",
    ),
    Code.NEEDS_REACTIVATION: (
        "服务器从旧备份恢复，请重新激活。",
        "The box was restored to before this device's epoch: enrol anew.",
    ),
    Code.CONTENT_REFUSED: (
        "该内容不允许签名。",
        "What is to be signed is of a kind that is not signed.",
    ),
    Code.TOO_MANY: ("请求过多，请稍后再试。", "Too many requests: try again later."),
    Code.UNAVAILABLE: ("服务暂不可用，请稍后再试。", "The box cannot do it now: try again later."),
    Code.MALFORMED: (
        "服务器无法理解请求，请检查版本是否一致。",
        "The box does not understand the request: compare the versions.",
    ),
}

_SENTENCES: dict[str, tuple[str, str]] = {
    "pin": ("PIN：", "PIN: "),
    "new_pin": ("新 PIN：", "New PIN: "),
    "again": ("再输一次：", "Once more: "),
    "differ": ("两次输入不同。", "The two differ."),
    "enrolled": ("已激活：{uid}，设备 {device}。", "Enrolled: {uid}, device {device}."),
    "nothing": ("没有待签项。", "Nothing waits."),
    "signed": ("已签 {signed} 项，未签 {failed} 项。", "{signed} signed, {failed} not."),
    "pin_changed": ("PIN 已更改。", "The PIN is changed."),
    "refreshed": (
        "密钥分片已更新，现为第 {epoch} 期。",
        "The shares are refreshed; the epoch is {epoch}.",
    ),
    "revoked": ("设备已注销，本机数据已清除。", "The device is revoked and its store erased."),
    "no_certificate": ("证书尚未签发。", "There is no certificate yet."),
    "root": ("根证书 SM3（请核对）：{root}", "SM3 of the root (compare it): {root}"),
    "slow": (
        "警告：正在用 Python 整数运算，时间不恒定。",
        "Caution: computing in Python's integers, whose time depends on secrets.",
    ),
    "unreachable": (
        "连接不上服务器，请检查网络与地址。",
        "The box is not reached: check the network and the address.",
    ),
    "untrusted": (
        "服务器的回答未通过验证，请勿继续，并报告管理员：",
        "What the box sent does not check; stop, and tell the administrator:",
    ),
}


def language(asked: str | None) -> str:
    """Choose the language: as asked, else that of the environment."""
    if asked in LANGUAGES:
        return asked
    return "zh" if os.environ.get("LANG", "").startswith("zh") else "en"


def say(tongue: str, key: str, **values: object) -> str:
    """Give a sentence."""
    return _SENTENCES[key][LANGUAGES.index(tongue)].format(**values)


def advise(tongue: str, code: Code, tries_left: int | None) -> str:
    """Say what a refusal means, and what to do."""
    left = "?" if tries_left is None else tries_left
    return _ADVICE[code][LANGUAGES.index(tongue)].format(tries_left=left)
