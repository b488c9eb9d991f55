"""A modem is asked once a minute; it may decline, restart, fall silent or interrupt itself."""

import pytest
from kit.lines import MemoryLine, converse
from kit.serial import PumpedReactor, Tty

from drivers.api import ModemReport
from drivers.modem.modem import (
    ANSWER_S,
    NTP_EVERY_ROUNDS,
    RETRY_S,
    ROUND_S,
    Modem,
    ModemSettings,
    modem_line,
)
from drivers.serial_line import LinePlace

PLACE = LinePlace("modem", "/dev/modem", 115_200)
UTC_S = 1_795_396_504
QUECTEL = {
    "I": ["Quectel", "EC25"],
    "+CPIN?": ["+CPIN: READY"],
    "+C5GREG?": None,
    "+CEREG?": ["+CEREG: 0,1"],
    "+CREG?": ['+CREG: 2,0,"550A","1684B3E",7'],
    "+COPS?": ['+COPS: 0,0,"CHINA MOBILE",7'],
    '+QENG="servingcell"': ['+QENG: "servingcell","SEARCH"'],
    "+QCSQ": ['+QCSQ: "LTE",-47,-83,140,-14'],
    "+QLTS=1": ['+QLTS: "2026/11/23,01:15:04+32,0"'],
}
SIMCOM = {
    "+CREG?": ["+CREG: 0,1"],
    "+CEREG?": None,
    "+C5GREG?": None,
    "+COPS?": ['+COPS: 0,0,"CHN-UNICOM",7'],
    '+QENG="servingcell"': None,
    "+QCSQ": None,
    "+CSQ": ["+CSQ: 17,99"],
    "+QLTS=1": None,
    "+CCLK?": ['+CCLK: "26/11/23,09:15:04+32"'],
}


class Bench:
    """A modem's driver on a line in memory, and the modem that answers it."""

    def __init__(self, answers, ntp_server=""):
        self.line = MemoryLine()
        self.answers = dict(answers)
        self.asked = []
        self.modem = Modem(
            ModemSettings(line=PLACE, ntp_server=ntp_server),
            sink=self.line.readings.append,
            reactor=self.line.reactor,
        )

    def open(self):
        self.modem.opened(self.line)
        self.answer()

    def advance(self, seconds):
        self.line.reactor.advance(seconds)
        self.answer()

    def say(self, *lines):
        for line in lines:
            self.modem.received(line.encode(), 77)

    def answer(self):
        while said := self.line.said():
            for octets in said:
                command = octets.decode().removeprefix("AT").removesuffix("\r")
                self.asked.append(command)
                answer = self.answers.get(command, [])
                if answer is not Ellipsis:
                    self.say(*(["ERROR"] if answer is None else [*answer, "OK"]))

    def reports(self):
        return self.line.of(ModemReport)


def test_a_quectel_modem_tells_network_time_in_utc():
    bench = Bench(QUECTEL)
    bench.open()
    assert bench.reports() == [
        ModemReport(
            source="modem",
            raw_ns=77,
            is_simulated=False,
            is_registered=True,
            technology="LTE",
            operator="CHINA MOBILE",
            signal_dbm=-83,
            utc_s=UTC_S,
        )
    ]
    assert "+CCLK?" not in bench.asked


def test_a_modem_without_qlts_tells_its_clock():
    bench = Bench(SIMCOM)
    bench.open()
    (report,) = bench.reports()
    assert (report.utc_s, report.signal_dbm, report.technology) == (UTC_S, -79, "LTE")


def test_the_clock_is_not_asked_where_network_time_never_came():
    bench = Bench({**QUECTEL, "+QLTS=1": ['+QLTS: ""'], "+CCLK?": ['+CCLK: "26/11/23,01:15:04"']})
    bench.open()
    assert [each.utc_s for each in bench.reports()] == [None]


def test_what_a_modem_declines_is_not_asked_again():
    bench = Bench(SIMCOM)
    bench.open()
    bench.asked.clear()
    bench.advance(ROUND_S)
    assert bench.asked == ["+CREG?", "+COPS?", "+CSQ", "+CCLK?"]
    assert len(bench.reports()) == 2


def test_an_answer_in_an_unknown_form_is_not_told():
    bench = Bench({**QUECTEL, "+COPS?": ['+COPS: what,ever,"x'], "+QCSQ": ["+QCSQ: LTE,strong"]})
    bench.open()
    (report,) = bench.reports()
    assert (report.operator, report.signal_dbm, report.utc_s) == ("", None, UTC_S)


def test_a_modem_that_falls_silent_is_asked_again_soon():
    bench = Bench({**QUECTEL, "+COPS?": ...})
    bench.open()
    bench.advance(ANSWER_S)
    assert bench.reports() == []
    bench.answers = QUECTEL
    bench.advance(RETRY_S)
    assert len(bench.reports()) == 1


def test_a_modem_that_restarts_in_the_middle_of_a_command_is_set_up_anew():
    bench = Bench({**QUECTEL, "+COPS?": ...})
    bench.open()
    bench.asked.clear()
    bench.say("RDY", "+CFUN: 1")
    bench.answers = QUECTEL
    bench.advance(RETRY_S)
    assert bench.asked[:4] == ["", "E0", "+CTZU=1", "+CTZR=2"]
    assert len(bench.reports()) == 1


def test_codes_in_the_middle_of_an_answer_do_not_spoil_it():
    lines = ["RING", '+QLTS: "2026/11/23,01:15:04+32,0"', '+CTZE: "+32",0,"2026/11/23,09:15:05"']
    bench = Bench({**QUECTEL, "+QLTS=1": lines})
    bench.open()
    assert [each.utc_s for each in bench.reports()] == [UTC_S + 1, UTC_S]


def test_time_that_comes_unasked_is_told_with_what_is_known():
    bench = Bench(QUECTEL)
    bench.open()
    bench.say('+CTZEU: "+32",0,"2026/11/23,01:15:09"')
    report = bench.reports()[-1]
    assert (report.utc_s, report.operator, report.is_registered) == (
        UTC_S + 5,
        "CHINA MOBILE",
        True,
    )


def test_the_modem_s_own_ntp_is_a_report_like_any_other():
    bench = Bench(QUECTEL, ntp_server="ntp.example")
    bench.open()
    bench.say('+QNTP: 0,"2026/11/23,09:15:10+32"', "+QNTP: 565")
    assert [each.utc_s for each in bench.reports()] == [UTC_S, UTC_S + 6]
    for _ in range(NTP_EVERY_ROUNDS):
        bench.advance(ROUND_S)
    assert bench.asked.count('+QNTP=1,"ntp.example"') == 2


def test_a_modem_by_simcom_sets_its_clock_by_ntp():
    bench = Bench({**SIMCOM, '+QNTP=1,"ntp.example"': None}, ntp_server="ntp.example")
    bench.open()
    assert bench.asked[-2:] == ['+CNTP="ntp.example",0', "+CNTP"]


def test_an_unregistered_modem_asks_no_server():
    bench = Bench({**QUECTEL, "+CEREG?": ["+CEREG: 0,2"]}, ntp_server="ntp.example")
    bench.open()
    assert not bench.reports()[0].is_registered
    assert '+QNTP=1,"ntp.example"' not in bench.asked


@pytest.mark.parametrize(("identity", "is_pty"), [("Simulated modem", False), ("EC25", True)])
def test_a_modem_is_simulated_by_its_word_or_by_its_line(identity, is_pty):
    bench = Bench({**QUECTEL, "I": [identity]})
    bench.line.is_simulated = is_pty
    bench.open()
    assert bench.reports()[0].is_simulated


def test_a_modem_by_simcom_is_not_taken_for_simulated():
    bench = Bench(
        {**SIMCOM, "I": ["Manufacturer: SIMCOM INCORPORATED", "Model: SIMCOM_SIM7600E-H"]}
    )
    bench.open()
    assert not bench.reports()[0].is_simulated


def test_a_line_that_goes_and_comes_begins_a_new_round():
    bench = Bench({**QUECTEL, "+COPS?": ...})
    bench.open()
    bench.modem.lost()
    bench.answers = QUECTEL
    bench.open()
    assert len(bench.reports()) == 1
    bench.advance(ROUND_S)
    assert len(bench.reports()) == 2


def test_the_driver_reads_a_modem_behind_a_pseudo_terminal(tmp_path):
    reactor = PumpedReactor()
    tty = Tty(tmp_path / "modem")
    readings = []
    place = LinePlace("modem", str(tty.link), 115_200)
    line = modem_line(
        ModemSettings(line=place), sink=readings.append, reactor=reactor, raw_ns=reactor.raw_ns
    )
    line.start()

    def answer(asked):
        lines = QUECTEL.get(asked.decode().removeprefix("AT").removesuffix("\r"), [])
        ended = ["ERROR"] if lines is None else [*lines, "OK"]
        return "\r\n".join([asked.decode(), *ended, ""]).encode()

    converse(tty, reactor, answer, lambda: isinstance(readings[-1], ModemReport))
    line.stop()
    assert (readings[-1].is_simulated, readings[-1].utc_s) == (True, UTC_S)
