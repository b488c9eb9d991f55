"""The clock's alarms, each with its text in English and in Chinese."""

from __future__ import annotations

import enum


class Alarm(enum.Enum):
    """What an operator should know; the name is stable, the texts are for people."""

    BOARD_SILENT = ("the oscillator board is silent", "晶振板无响应")
    PULSE_UNTIED = (
        "the oscillator's pulse does not reach the host: see to its wire and its pps device",
        "晶振秒脉冲未接入主机：请检查接线与 pps 设备",
    )
    BOARD_RESTARTED = ("the oscillator board restarted", "晶振板已重启")
    BOARD_ALARM = ("the oscillator board reports an alarm", "晶振板报告告警")
    OVEN_COLD = ("the oven is not at its temperature", "恒温槽未达到温度")
    OVEN_FAULT = ("the oven has failed", "恒温槽故障")
    ANTENNA = ("an antenna is cut or shorted", "天线开路或短路")
    JAMMING = ("satellite signals are jammed", "卫星信号受到干扰")
    SPOOFING = ("satellite signals are feigned", "卫星信号疑似欺骗")
    CONSTELLATIONS_DIFFER = ("GPS and BeiDou disagree", "GPS 与北斗时间不一致")
    REFERENCE_REJECTED = ("the oscillator vetoes the satellites", "晶振否决卫星时间")
    REFERENCE_LOST = ("no satellite time", "无卫星时间")
    PULSE_MISSING = ("a receiver tells time and gives no pulse", "接收机有时间报文但无秒脉冲")
    MESSAGES_MISSING = ("a receiver gives pulses and tells no time", "接收机有秒脉冲但无时间报文")
    DATE_WRONG = ("a receiver's date cannot be", "接收机日期错误")
    WEEK_ROLLED = ("a receiver's date is 1024 weeks off", "接收机周计数翻转")
    RECEIVER_STUCK = ("a receiver's time stands still", "接收机时间停滞")
    SECOND_OFF = ("a receiver is whole seconds off its pulse", "接收机报文与秒脉冲差整秒")
    LEAP_COUNT = ("a receiver has another count of leap seconds", "接收机闰秒数不一致")
    LEAP_WARNING = ("a leap second warning is not confirmed", "闰秒预告未获证实")
    LEAP_UNKNOWN = ("whether there was a leap second is not known", "闰秒状态未知")
    LEAP_FILE_EXPIRED = ("the leap second file has expired", "闰秒文件已过期")
    LEAP_FILE_DIFFERS = ("the leap second file contradicts the satellites", "闰秒文件与卫星不符")
    NETWORK_DIFFERS = ("a network time server disagrees", "网络时间服务器不一致")
    CELLULAR_DIFFERS = ("the mobile network's time disagrees", "移动网络时间不一致")
    VOTE_LOST = ("no majority of time sources agrees", "时间源未达成多数一致")
    REACQUIRE_STUCK = (
        "satellites and oscillator do not come together: confirm or repair",
        "卫星与晶振长期不一致：请确认或检修",
    )
    HOST_CLOCK_TORN = ("the host's raw clock stood still or jumped", "主机原始时钟停顿或跳变")
    STATE_CORRUPT = ("the kept state is damaged; starting cold", "保存的状态已损坏，冷启动")
    BOUND_EXCEEDED = ("the error bound is beyond its limit", "误差界超过限值")
    CLOCK_AHEAD = ("the clock was stated ahead of the time now found", "已发布时间超前于现测时间")

    def __init__(self, english: str, chinese: str) -> None:
        self.english = english
        self.chinese = chinese
