"""What the market rules catch and miss: made-up days with planted cases.

Every seed makes, at each of four noise levels, the log of three hours of accounts
that do something wrong and of accounts that look like it: market makers, who
quote both sides and cancel; traders who scale in, reprice and cancel for good
reasons; lookalikes of momentum ignition; fast quoting; books that are set up
and cleared; funds that trade at the close. Noise 0 has the planted cases
alone; 1 to 3 have more and more of other orders of the same accounts in
between, partial fills of what was meant to be cancelled, and jitter.

A report is right if it overlaps a planted case of its account, for layering
and the close of its side. Recall is the share of the planted cases that some
report overlaps, precision the share of reports that are right.

    bench/run.sh market_judged          50 seeds
    BENCH_SCALE=0.1 bench/run.sh market_judged      5 seeds
    BENCH_SEEDS=5 BENCH_TERMINAL=1 bench/run.sh market_judged

Writes bench/results/market_judged.tsv, and a page whose tables are those
of docs/market-judged.md.
"""
import multiprocessing
import os
import random
import subprocess
import sys

from lib import KEEPS, PSQL, Session, progress, scaled

SEEDS = int(os.environ.get("BENCH_SEEDS", scaled(50)))
NOISE = (0, 1, 2, 3)
DAY = 3 * 3600                  # from 13:30 to the close at 16:30
TICK = 0.01
GAP = {0: None, 1: 60, 2: 15, 3: 4}     # seconds between other orders
OTHER = {"BUY": "SELL", "SELL": "BUY"}
SIGN = {"BUY": -1, "SELL": 1}           # where passive orders lie


class Account:
    """The events of one account, and what was planted among them."""

    def __init__(self, r, noise, ids):
        self.r, self.noise, self.ids = r, noise, ids
        self.events, self.truth = [], []
        self.orders = 0

    def add(self, t, kind, side, price, quantity, order=None):
        self.events.append((t, kind, side, round(price, 2), quantity,
                            f"o{order}" if self.ids and order else None))

    def order(self, t, side, price, quantity):
        self.orders += 1
        self.add(t, "NEW", side, price, quantity, self.orders)
        return self.orders, side, price, quantity

    def cancel(self, t, order):
        number, side, price, quantity = order
        self.add(t, "CANCEL", side, price, quantity, number)

    def fill(self, t, side, price, quantity, order=None):
        self.add(t, "FILL", side, price, quantity, order)

    def other_orders(self, fills=0.3):
        """What an account does besides, on both sides."""
        r, gap = self.r, GAP[self.noise]
        t = 0
        while gap and (t := t + r.expovariate(1 / gap)) < DAY - 60:
            side = r.choice(("BUY", "SELL"))
            price = 100 + SIGN[side] * r.randint(1, 5) * TICK
            order = self.order(t, side, price, 100 * r.randint(1, 5))
            end = t + r.expovariate(1 / 20)
            fate = r.random()
            if fate < fills:
                self.fill(end, side, price, order[3], order[0])
            elif fate < 0.9:
                self.cancel(end, order)


def times(r, n, gap=600):
    """Beginnings of n episodes, well apart."""
    step = (DAY - 2 * gap) / n
    return [gap + i * step + r.uniform(0, step - gap / 2) for i in range(n)]


def spoofer(a):
    """Orders of one side, a trade on the other, and the orders are gone."""
    a.other_orders()
    r = a.r
    for t in times(r, 4):
        side = r.choice(("BUY", "SELL"))
        n = r.randint(3, 8)
        at = sorted(t + r.uniform(0, 4) for _ in range(n))
        orders = [a.order(u, side, 100 + SIGN[side] * (i + 1) * TICK,
                          1000 * r.randint(2, 9)) for i, u in enumerate(at)]
        if r.random() < 0.1 * a.noise:
            part = r.choice(orders)
            a.fill(at[-1] + 0.1, side, part[2], 100, part[0])
            orders.remove(part)
            a.cancel(at[-1] + r.uniform(1, 2), (part[0], side, part[2],
                                                part[3] - 100))
        if r.random() < 0.5:    # the trade first
            end = at[-1] + r.uniform(0.2, 1)
            a.fill(end, OTHER[side], 100, 100 * r.randint(2, 6))
            for o in orders:
                a.cancel(end + r.uniform(0.1, 2), o)
            end += 2
        else:
            for o in orders:
                a.cancel(at[-1] + r.uniform(0.5, 2.5), o)
            end = at[-1] + 2.5 + r.uniform(0.05, 1)
            a.fill(end, OTHER[side], 100, 100 * r.randint(2, 6))
        a.truth.append(("layering", side, at[0], end))


def maker(a, gap=4.0, until=DAY):
    """Quotes of both sides that follow the market; some are filled."""
    r, t, mid = a.r, 60.0, 100.0
    quotes = []
    while t < min(until, DAY - 60):
        mid += r.choice((-1, 0, 1)) * TICK
        for o in quotes:
            if r.random() < 0.08:
                a.fill(t, o[1], o[2], o[3], o[0])
            else:
                a.cancel(t, o)
        quotes = [a.order(t + 0.01, s, mid + SIGN[s] * (k + 1) * TICK, 500)
                  for s in ("BUY", "SELL") for k in range(2)]
        t += r.expovariate(1 / gap) + 0.05
    for o in quotes:
        a.cancel(t, o)


def scaler(a):
    """A ladder into a position; what is not filled is cancelled later."""
    a.other_orders()
    r = a.r
    for t in times(r, 6):
        side = r.choice(("BUY", "SELL"))
        orders = [a.order(t + k * r.uniform(0.2, 1), side, 100 + SIGN[side] *
                          (k + 1) * TICK, 400) for k in range(5)]
        for o in orders:
            end = t + r.uniform(10, 300)
            if r.random() < 0.5:
                a.fill(end, side, o[2], o[3], o[0])
            else:
                a.cancel(end, o)


def repricer(a):
    """One order that chases the market, filled on its own side; now and then
    something else is bought or sold at that moment."""
    a.other_orders()
    r = a.r
    for t in times(r, 6):
        side = r.choice(("BUY", "SELL"))
        order = a.order(t, side, 100 + SIGN[side] * 5 * TICK, 600)
        for k in range(r.randint(3, 6)):
            t += r.uniform(0.3, 1.2)
            a.cancel(t, order)
            order = a.order(t + 0.001, side, order[2] - SIGN[side] * TICK, 600)
        t += r.uniform(0.1, 1)
        a.fill(t, side, order[2], 600, order[0])
        if r.random() < 0.3:
            a.fill(t + 0.2, OTHER[side], 100, 100)


def momentum(a):
    """A lookalike of momentum ignition: a burst of aggressive trades, a few
    orders in their direction cancelled, the position sold later."""
    a.other_orders()
    r = a.r
    for t in times(r, 5):
        side = r.choice(("BUY", "SELL"))
        for k in range(6):
            t += r.uniform(0.05, 0.3)
            order = a.order(t, side, 100 - SIGN[side] * k * TICK, 300)
            if r.random() < 0.6:
                a.fill(t + 0.02, side, order[2], 300, order[0])
            else:
                a.cancel(t + r.uniform(0.1, 1), order)
        a.fill(t + r.uniform(1, 40), OTHER[side], 100 - SIGN[side] * 7 * TICK,
               900)


def washer(a):
    """Buys and sells in turn that leave nothing."""
    a.other_orders(0.1)
    r = a.r
    for t in times(r, 2, 3600):
        n = r.randint(7, 12)
        start, side = t, r.choice(("BUY", "SELL"))
        for k in range(n):
            a.fill(t, side, 100 + r.choice((-1, 0, 1)) * TICK, 2000)
            side = OTHER[side] if r.random() > 0.05 * a.noise else side
            end, t = t, t + r.uniform(20, 140)
        a.truth.append(("wash", None, start, end))


def daytrader(a):
    """In and out all day, in size."""
    r, t = a.r, 0
    while (t := t + r.expovariate(1 / 240)) < DAY - 60:
        a.fill(t, r.choice(("BUY", "SELL")), 100 + r.gauss(0, 0.3),
               100 * r.randint(2, 12))


def stuffer(a):
    """Bursts of orders that are cancelled at once."""
    a.other_orders()
    r = a.r
    for t in times(r, 3):
        start, n = t, r.randint(70, 200)
        for k in range(n):
            order = a.order(t, r.choice(("BUY", "SELL")), 100, 100)
            if r.random() > 0.02 * a.noise:
                a.cancel(t + r.uniform(0.0005, 0.002), order)
            t += r.uniform(0.001, 0.006)
        a.truth.append(("stuffing", None, start, t))


def fast_maker(a):
    """Quotes that follow a fast market for some seconds."""
    for start in times(a.r, 3):
        t = start
        while t < start + 5:
            order = a.order(t, a.r.choice(("BUY", "SELL")), 100, 100)
            t += a.r.expovariate(25)
            a.cancel(t, order)


def clearer(a):
    """A book that is set up in the morning and cleared at night."""
    orders = [a.order(30 + k * 0.003, s, 100 + SIGN[s] * k * TICK, 100)
              for k in range(1, 121) for s in ("BUY", "SELL")]
    for k, o in enumerate(orders):
        a.cancel(DAY - 30 + k * 0.002, o)


def marker(a):
    """A session's last minutes, bought up or sold down."""
    a.other_orders(0.5)
    r, side = a.r, a.r.choice(("BUY", "SELL"))
    for t in times(r, 8):
        a.fill(t, r.choice(("BUY", "SELL")), 100, 200)
    n, price = r.randint(4, 10), 100
    volume = sum(e[4] for e in a.events if e[1] == "FILL")
    at = sorted(DAY - r.uniform(2, 500) for _ in range(n))
    for t in at:
        price -= SIGN[side] * r.uniform(0.02, 0.15)
        a.fill(t, side, price, int(volume * r.uniform(0.6, 1.6) / n) + 100)
    if a.noise > 1:             # and a little of the other side
        a.fill(DAY - 100, OTHER[side], price, int(volume * 0.05) + 1)
    a.truth.append(("closing", side, at[0], at[-1]))


def vwap(a):
    """One side all day, more of it at the close; the price goes its way."""
    r, side = a.r, a.r.choice(("BUY", "SELL"))
    price = 100
    for t in sorted([r.uniform(0, DAY) for _ in range(40)] +
                    [DAY - r.uniform(0, 600) for _ in range(8)]):
        price += r.gauss(0, 0.05)
        a.fill(t, side, price, 300)


def fund(a):
    """Trades at the close and nowhere else."""
    r, side = a.r, a.r.choice(("BUY", "SELL"))
    price = 100
    for k in range(5):
        price += r.gauss(0, 0.03)
        a.fill(DAY - 300 + k * 60, side, price, 1000)


ACCOUNTS = [("spoofer", spoofer, 4), ("market maker", maker, 1),
            ("scaling in", scaler, 2), ("repricing", repricer, 2),
            ("momentum", momentum, 2), ("washer", washer, 2),
            ("day trader", daytrader, 2), ("stuffer", stuffer, 2),
            ("fast quotes", fast_maker, 1), ("book cleared", clearer, 1),
            ("marker", marker, 3), ("vwap", vwap, 2), ("fund", fund, 1)]
OPENING = 1761571800            # 2025-10-27 13:30 in UTC


def load(noise):
    """Copies the days of a noise level into the server, and returns what was
    planted."""
    copy = subprocess.Popen(
        [PSQL, "-X", "-q", "-c", "\\copy made FROM STDIN"],
        stdin=subprocess.PIPE, text=True)
    truth, row = {}, 0
    for seed in range(SEEDS):
        r = random.Random(f"{seed} {noise}")
        for name, make, n in ACCOUNTS:
            for k in range(n):
                a = Account(r, noise, k % 2 == 0)
                make(a)
                account = f"{seed}/{name}/{k}"
                truth[noise, account] = a.truth
                for e in sorted(a.events, key=lambda e: e[0]):
                    row += 1
                    copy.stdin.write("\t".join(map(str, (
                        row, noise, account, e[1], e[2], e[3], e[4],
                        round(e[0], 6), e[5] or "\\N"))) + "\n")
    copy.stdin.close()
    if copy.wait() != 0:
        raise RuntimeError("could not load")
    return truth


EVENT = "ad_order_event(event_type, side, price, quantity, ts, order_id)"
CLOSE = f"to_timestamp({OPENING + DAY:.0f})"
LAYERING = [
    ("window, after", "rule => 'window'"),
    ("window, before", "rule => 'window', trade_rule => 'before'"),
    ("window, either", "rule => 'window', trade_rule => 'either'"),
    ("strict", "rule => 'strict'"),
    ("anchored", "rule => 'anchored'")]


def rules():
    """(rule, pattern, function, columns of side, start, end and severity)."""
    places = "(f).side, (f).start_time, (f).end_time"
    out = []
    for name, options in LAYERING:
        out.append((name, "layering",
                    f"ad_layering({EVENT}, ad_layering_options({options}))",
                    places + ", (f).severity, (f).own_order_imbalance"))
    return out + [
        ("wash trades", "wash",
         f"ad_wash_trade({EVENT}, ad_wash_trade_options(merge => true))",
         "NULL, (f).start_time, (f).end_time, NULL, NULL"),
        ("quote stuffing", "stuffing", f"ad_quote_stuffing({EVENT})",
         "NULL, (f).start_time, (f).end_time, NULL, NULL"),
        ("marking the close", "closing",
         f"ad_marking_close({EVENT}, ad_marking_close_options({CLOSE}))",
         places + ", NULL, NULL")]


def reports(session, function, columns):
    """What a rule says: (noise, account, side, start, end, severity,
    imbalance)."""
    side, start, end, *rest = columns.split(", ")
    lines, _ = session.run(
        f"SELECT noise, account, {side}, extract(epoch FROM {start}) - "
        f"{OPENING}, extract(epoch FROM {end}) - {OPENING}, {', '.join(rest)} "
        f"FROM (SELECT noise, account, {function} OVER (PARTITION BY noise, "
        f"account ORDER BY ts, id) AS f FROM judged) x WHERE (f).start_time "
        "IS NOT NULL ORDER BY 1, 2, 4")
    for line in lines:
        noise, account, side, start, end, severity, imbalance = line.split("|")
        yield (int(noise), account, side or None, float(start), float(end),
               float(severity or 0), float(imbalance or 0))


def judge(truth, pattern, found):
    """Counts by noise: planted, caught, reports, right; wrong by account."""
    out = {n: {"planted": 0, "caught": 0, "reports": 0, "right": 0,
               "wrong": {}} for n in NOISE}
    caught = set()
    for noise, account, side, start, end, *_ in found:
        o = out[noise]
        o["reports"] += 1
        hits = [(noise, account, i)
                for i, (p, s, t0, t1) in enumerate(truth[noise, account])
                if p == pattern and s in (None, side) and
                t0 <= end + 1e-6 and start <= t1 + 1e-6]
        caught.update(hits)
        if hits:
            o["right"] += 1
        else:
            kind = account.split("/")[1]
            o["wrong"][kind] = o["wrong"].get(kind, 0) + 1
    for (noise, account), planted in truth.items():
        for i, case in enumerate(planted):
            if case[0] == pattern:
                out[noise]["planted"] += 1
                out[noise]["caught"] += (noise, account, i) in caught
    return out


def share(part, whole):
    return f"{100 * part / whole:.1f}" if whole else "-"


def main():
    session = Session()
    session.run("SET client_min_messages = warning")
    session.run("SET timezone = 'UTC'")
    session.run("CREATE UNLOGGED TABLE made (id bigint, noise int, account "
                "text, event_type text, side text, price float8, quantity "
                "bigint, seconds float8, order_id text)")
    progress(f"making {SEEDS} days at {len(NOISE)} noise levels")
    truth = {}
    # the noisiest, which has most events, first
    with multiprocessing.Pool() as pool:
        for planted in pool.imap(load, reversed(NOISE), 1):
            truth.update(planted)
    progress("sorting")
    session.run("SET work_mem = '1GB'")
    session.run("SET maintenance_work_mem = '1GB'")
    session.run("SET max_parallel_workers_per_gather = 0")
    session.run("SET jit = off")
    session.run("CREATE UNLOGGED TABLE judged AS SELECT noise, account, id, "
                "event_type, side, price, quantity, order_id, "
                f"to_timestamp({OPENING}) + seconds * interval '1 second' AS ts "
                "FROM made ORDER BY noise, account, ts, id")
    session.run("CREATE INDEX ON judged (noise, account, ts, id)")
    session.run("DROP TABLE made")
    session.run("VACUUM ANALYZE judged")
    # the table has the order of the index
    session.run("SET enable_sort = off")
    session.run("SET enable_seqscan = off")
    events = session.value("SELECT count(*) FROM judged")

    lines, tables, wrong = [], [], []
    for rule, pattern, function, columns in rules():
        progress(rule)
        found = list(reports(session, function, columns))
        variants = [(rule, found)]
        if pattern == "layering":
            variants.append((rule + ", imbalance >= 0.6",
                             [f for f in found if f[6] >= 0.6]))
            variants.append((rule + ", severity >= 60",
                             [f for f in found if f[5] >= 60]))
        for name, some in variants:
            judged = judge(truth, pattern, some)
            cells, kinds = [], {}
            for noise, o in judged.items():
                lines.append((name, noise, o["planted"], o["caught"],
                              share(o["caught"], o["planted"]), o["reports"],
                              o["right"], share(o["right"], o["reports"])))
                cells += [share(o["caught"], o["planted"]),
                          share(o["right"], o["reports"])]
                for kind, n in o["wrong"].items():
                    kinds[kind] = kinds.get(kind, 0) + n
            tables.append("| " + " | ".join([name] + [
                f"{cells[i]} / {cells[i + 1]}" for i in range(0, 8, 2)]) + " |")
            days = SEEDS * len(NOISE)
            per = {kind: n for kind, _, n in ACCOUNTS}
            wrong.append(f"| {name} | " + (", ".join(
                f"{kind} {n / days / per[kind]:.2f}" for kind, n in
                sorted(kinds.items(), key=lambda k: -k[1] / per[k[0]])
                if n / days / per[kind] >= 0.005) or "none") + " |")
    text = "\n".join(
        ["# The market rules, judged", "",
         f"At {os.environ['BENCH_COMMIT']} by `bench/run.sh market_judged`; what "
         "is caught does not depend on the processor.", "",
         f"{SEEDS} seeds, {int(events):,} events; recall / precision in percent.", "", "| rule | noise 0 | 1 | 2 | 3 |",
         "|---|---|---|---|---|"] + tables +
        ["", "False reports of an account in three hours, over all noise levels, where "
         "there are 0.01 or more:", "", "| rule | by whom |", "|---|---|"] +
        wrong) + "\n"
    sys.stdout.write(text)
    if KEEPS:
        here = os.path.dirname(os.path.abspath(__file__)) + "/results/"
        with open(here + "market_judged.tsv", "w") as out:
            out.write("rule\tnoise\tplanted\tcaught\trecall\treports\tright\t"
                      "precision\n")
            for line in lines:
                out.write("\t".join(map(str, line)) + "\n")
    session.close()


main()
