"""What `shiyind run` prints when the box is ready: lines to copy, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_BANNER = """
Shiyin 时印 is ready (demo mode: its time is simulated, its certificates are its own).
时印已就绪（演示模式：时间为模拟，证书自签）。

Stamp a file and verify it, SM2/SM3 / 加盖时间戳并验证：
  {cli} stamp README.md --state {state}
  {cli} verify README.md.tsr --document README.md --state {state}

The same over P-256, judged by stock OpenSSL (which cannot verify SM2 tokens) / 用 OpenSSL 验证：
  openssl ts -query -data README.md -sha256 -cert -out q.tsq
  curl -s -H 'Content-Type: application/timestamp-query' --data-binary @q.tsq \\
    {tsp_http}/p256 -o r.tsr
  openssl ts -verify -queryfile q.tsq -in r.tsr -CAfile {ca_cert}

More / 更多： {cli} status --state {state}     {cli} --help
Stop with Ctrl-C / 按 Ctrl-C 停止。
"""


def render_banner(facts: Mapping[str, object], alarms: Sequence[str]) -> str:
    """Fill in the addresses of this box; alarms stand before everything else."""
    shouted = "".join(f"\n!! ALARM 告警: {alarm}\n" for alarm in alarms)
    return shouted + _BANNER.format_map(facts)
