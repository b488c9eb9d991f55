"""The simulated modem, asked through the dialogue that real ones are asked through."""

import pytest

from drivers.modem import at
from drivers.modem.at import Command, Dialogue, Kind
from drivers.serial_line import Lines
from drivers.simulated import faults
from drivers.simulated.faults import Fault
from drivers.simulated.rig import MemoryRig
from drivers.simulated.stage import MODEM
from drivers.simulated.world import WorldSettings


class Asker:
    """Asks the modem of a rig, one command after the other."""

    def __init__(self):
        self.rig = MemoryRig(WorldSettings())
        self.modem = self.rig.stage.devices[MODEM]
        self.dialogue = Dialogue()
        self.unasked = []
        self.restarts = 0
        self._lines = Lines(at.MAX_LINE_OCTETS)

    def listen(self, seconds):
        """Listen; gives the last kind of line that ended a command."""
        ended = None
        for _ in range(seconds):
            for heard in self.rig.second():
                if heard.source == MODEM:
                    for line in self._lines.feed(heard.octets):
                        ended = self._sort(line) or ended
        return ended

    def _sort(self, line):
        kind, text = self.dialogue.take(line)
        if kind is Kind.UNSOLICITED:
            self.unasked.append(text)
        self.restarts += kind is Kind.RESTART
        return kind if kind in {Kind.DONE, Kind.ERROR} else None

    def ask(self, text, prefix=None):
        """Ask; gives the lines of the answer, None for an ERROR."""
        self.dialogue.begin(Command(text, prefix))
        self.rig.write(MODEM, Command(text, prefix).octets())
        ended = self.listen(1)
        assert ended is not None
        return self.dialogue.lines if ended is Kind.DONE else None

    def true_utc_s(self):
        return self.rig.world.utc_ns(self.rig.stage.now_tai_ns) // 10**9


@pytest.fixture
def asker():
    made = Asker()
    made.listen(12)
    made.ask("E0")
    return made


def qlts(asker):
    return at.read_qlts_utc(asker.ask("+QLTS=1", "+QLTS:")[0])


def cclk(asker):
    return at.read_cclk(asker.ask("+CCLK?", "+CCLK:")[0])


def test_the_modem_boots_with_a_word(asker):
    assert asker.restarts == 1
    assert "+CEREG: 1" in asker.unasked


def test_it_says_that_it_is_simulated(asker):
    assert any("SIMULATED" in line for line in asker.ask("I", ""))


def test_it_echoes_until_it_is_told_not_to():
    asker = Asker()
    asker.listen(12)
    asker.rig.write(MODEM, b"AT\r")
    said = b"".join(each.octets for each in asker.rig.second() if each.source == MODEM)
    assert said == b"AT\r\r\nOK\r\n"
    asker.rig.write(MODEM, b"ATE0\r")
    asker.rig.second()
    asker.rig.write(MODEM, b"AT\r")
    said = b"".join(each.octets for each in asker.rig.second() if each.source == MODEM)
    assert said == b"\r\nOK\r\n"


def test_network_signal_and_operator_are_told(asker):
    assert at.read_is_ready(asker.ask("+CPIN?", "+CPIN:")[0])
    assert at.read_is_registered(asker.ask("+CEREG?", "+CEREG:")[0])
    assert at.read_qeng(asker.ask('+QENG="servingcell"', "+QENG:")) == at.Signal("LTE", -95)
    assert at.read_qcsq(asker.ask("+QCSQ", "+QCSQ:")[0]).dbm == -95
    assert at.read_csq_dbm(asker.ask("+CSQ", "+CSQ:")[0]) == -65
    assert at.read_operator(asker.ask("+COPS?", "+COPS:")[0]).technology == "LTE"


def test_what_it_does_not_know_is_an_error(asker):
    assert asker.ask("+C5GREG?", "+C5GREG:") is None


def test_network_time_is_right_within_two_seconds(asker):
    for read in (qlts, cclk):
        assert abs(read(asker) - asker.true_utc_s()) <= 2


def test_a_time_report_comes_unasked_once_it_was_switched_on():
    asker = Asker()
    asker.listen(6)
    asker.ask("+CTZR=2")
    asker.listen(6)
    reports = [line for line in asker.unasked if line.startswith("+CTZE:")]
    assert [abs(at.read_ctze(line) - asker.true_utc_s()) <= 5 for line in reports] == [True]


def test_it_asks_an_ntp_server_itself_and_tells_later(asker):
    asker.ask('+QNTP=1,"ntp.example"')
    asker.listen(4)
    done = [line for line in asker.unasked if line.startswith("+QNTP:")]
    assert [abs(at.read_qntp(line) - asker.true_utc_s()) <= 8 for line in done] == [True]


def test_a_wrong_network_time_is_wrong_by_so_much(asker):
    asker.modem.begin(Fault.NITZ_WRONG, faults.Shift(shift_s=3600))
    for read in (qlts, cclk):
        assert abs(read(asker) - asker.true_utc_s() - 3600) <= 2


def test_a_wrong_zone_moves_utc_by_its_quarters(asker):
    asker.modem.begin(Fault.NITZ_ZONE, faults.Zone(quarters=-32))
    for read in (qlts, cclk):
        assert abs(read(asker) - asker.true_utc_s() - 32 * 900) <= 2


def test_a_network_that_never_told_the_time_gives_none(asker):
    asker.modem.begin(Fault.NITZ_NEVER, faults.Nothing())
    assert qlts(asker) is None
    assert cclk(asker) is None


def test_a_reboot_swallows_the_command_and_ends_with_a_word(asker):
    asker.rig.write(MODEM, b"AT+CC")
    asker.modem.begin(Fault.MODEM_REBOOT, faults.Nothing())
    asker.rig.write(MODEM, b"LK?\r")
    assert asker.listen(3) is None
    asker.modem.end(Fault.MODEM_REBOOT)
    asker.listen(6)
    assert asker.restarts == 2


def test_unsolicited_codes_come_in_the_middle_of_answers(asker):
    asker.modem.begin(Fault.MODEM_URC, faults.Nothing())
    assert abs(qlts(asker) - asker.true_utc_s()) <= 2
    assert '+QIND: "csq",28,99' in asker.unasked


def test_without_a_network_it_is_not_registered(asker):
    asker.modem.begin(Fault.NO_NETWORK, faults.Nothing())
    assert not at.read_is_registered(asker.ask("+CREG?", "+CREG:")[0])
    assert at.read_csq_dbm(asker.ask("+CSQ", "+CSQ:")[0]) is None
    assert at.read_qeng(asker.ask('+QENG="servingcell"', "+QENG:")).dbm is None
