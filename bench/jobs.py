"""Jobs: rows a second of a backlog, ten new rows, one at a time, alerts.

A plain isolation forest over four columns of a plain table. Processor time is
that of the session that runs the job; the clock stands beside it.
"""
import time

from lib import (ONLY, ROUNDS, Report, Session, median, number, progress,
                 scaled)

ROWS = scaled(1_000_000, 20_000)
BACKLOG = scaled(10_000_000, 50_000)
DATES = scaled(400_000, 8_000)
UNSORTED = scaled(100_000, 5_000)
ALERTS = scaled(1_000_000, 20_000)
LIMIT = scaled(100_000, 1_000)
RUNS = max(9, ROUNDS)
TRICKLE = scaled(200, 20)

NEVER = '{"score": 1.5}'
ALERTING = '{"p_value": 0.001}'
RULES = {"no alerts": NEVER, "alerts, explained": ALERTING}

session = Session()
session.run("SET timezone = 'UTC'")
report = Report("Jobs", session, [
    "isolation forest of 100 trees over four float8 columns, calibrated; "
    f"`explain => 3`; \"alerts\" is the rule `{ALERTING}`, \"no alerts\" one "
    "that no row meets",
    "log without full pages, fsync off, autovacuum off"],
    "by `bench/run.sh jobs`: processor time of the session that runs the job, "
    f"and the clock beside it; medians of {ROUNDS} runs.")


def busy(s, statement):
    """Processor time and clock of a statement, in seconds."""
    before = s.processor_time()
    seconds = s.seconds(statement)
    return s.processor_time() - before, seconds


def wanted(name):
    return not ONLY or ONLY in name


def make_table(name, rows, watermark="timestamptz '2026-01-01' + "
               "i * interval '1 s'", indexed=True, columns=None):
    """Rows of four columns; a watermark column "at"."""
    progress(f"making {rows:,} rows of {name}")
    session.run("SELECT setseed(0.5)")
    session.run(f"""
        CREATE TABLE {name} AS SELECT i AS id, {watermark} AS at,
            'k' || i % 1000 AS who, random() + random() + random() AS a,
            10 * random() + random() AS b, random() + random() AS c,
            random() AS d
        FROM generate_series(1, {rows}) i""")
    session.run(f"ALTER TABLE {name} ADD PRIMARY KEY (id), "
                "ALTER at SET NOT NULL")
    if indexed:
        session.run(f"CREATE INDEX ON {name} (at)")
    session.run(f"VACUUM ANALYZE {name}")


def create_job(name, table, rule, **options):
    more = "".join(f", {k} => {v!r}" if v is not None else ""
                   for k, v in options.items())
    session.run(f"SELECT ad_create_job('{name}', 'bench', '{table}', 'id', "
                f"'at', '{rule}', entity => 'who'{more})")


def alerts_of(name):
    return int(session.value("SELECT count(*) FROM _anomaly._ad_alert "
                             f"WHERE job = '{name}'"))


def backlog(table, rule, keep=False, **options):
    """Seconds of a whole table, by a new job each time, and its alerts. The
    last job can be kept."""
    times = []
    for i in range(ROUNDS):
        create_job("backlog", table, rule, **options)
        times.append(busy(session, "CALL ad_run_job('backlog')"))
        alerts = alerts_of("backlog")
        if not keep or i < ROUNDS - 1:
            session.run("SELECT ad_drop_job('backlog')")
        progress(f"{table} {rule} {options}: {times[-1][0]:.2f} s")
    return [median([t[i] for t in times]) for i in (0, 1)] + [alerts]


def rate(name, rows, times, verdict=""):
    cpu, wall, alerts = times
    return [name, f"{rows:,}", f"{alerts:,}", f"{rows / cpu:,.0f}",
            f"{rows / wall:,.0f}", verdict]


RATES = ["", "rows", "alerts", "rows/s of processor time", "by the clock", ""]


def bench_throughput():
    rows = []
    tables = {
        "timestamptz": ("by_time", "timestamptz '2026-01-01' + "
                        "i * interval '1 s'"),
        "bigint": ("by_number", "i::bigint"),
        "date": ("by_date", "date '2000-01-01' + i / 1000")}
    for name, (table, watermark) in tables.items():
        make_table(table, ROWS, watermark)
        if name == "timestamptz":
            session.run(f"SELECT ad_train('bench', 'SELECT a, b, c, d FROM "
                        f"{table} LIMIT 20000', ad_iforest() || "
                        "ad_calibrate())")
        for rule, what in RULES.items():
            times = backlog(table, what)
            verdict = ""
            if name == "timestamptz":
                key = "job_rows" if what == NEVER else "job_rows_alerts"
                verdict = report.figure(key, ROWS / times[0])
            rows.append(rate(f"{name}, {rule}", ROWS, times, verdict))
    for size in (1000, 100_000):
        for rule, what in RULES.items():
            rows.append(rate(f"timestamptz, batches of {size:,}, {rule}",
                             ROWS, backlog("by_time", what,
                                           batch_size=size)))
    make_table("no_index", UNSORTED, indexed=False)
    for size in (10_000, 100_000):
        rows.append(rate(f"timestamptz, no index, batches of {size:,}",
                         UNSORTED, backlog("no_index", ALERTING,
                                           batch_size=size)))
    report.section("A backlog", "All rows of a table, batches of 10,000 where "
                   "nothing else is said. Without an index of the watermark "
                   "a batch reads the whole table.")
    report.table(RATES, rows)


def outlying(table, first, n):
    return (f"INSERT INTO {table} SELECT {first} + i, (SELECT max(at) FROM "
            f"{table}) + i * interval '1 s', 'k' || i, 9, 90, 9, 9 "
            f"FROM generate_series(1, {n}) i")


def ordinary(table, first, n):
    return outlying(table, first, n).replace("9, 90, 9, 9",
                                             "1.5, 5.5, 1, 0.5")


def new_rows(table, job, add, first, n=10):
    """(first call, warm) of runs that find n new rows: CPU and clock in ms."""
    cold, warm = [], []
    for _ in range(RUNS):
        other = Session()
        other.run("SET timezone = 'UTC'")
        for times in (cold, warm):
            session.run(add(table, first, n))
            first += n
            times.append(busy(other, f"CALL ad_run_job('{job}')"))
        other.close()
    return [[1000 * median([t[i] for t in times]) for i in (0, 1)]
            for times in (cold, warm)], first


def bench_ten():
    make_table("large", BACKLOG)
    rows, rates = [], []
    first = BACKLOG
    for rule, what in RULES.items():
        times = backlog("large", what, keep=True)
        progress(f"large {rule}: {times[0]:.1f} s")
        key = "job_large" if what == NEVER else "job_large_alerts"
        rates.append(rate(rule, BACKLOG, times,
                          report.figure(key, BACKLOG / times[0])))
        # settles what the end of the backlog left open
        session.run("CALL ad_run_job('backlog')")
        add = ordinary if what == NEVER else outlying
        (cold, warm), first = new_rows("large", "backlog", add, first)
        key = "job_ten" if what == NEVER else "job_ten_alerts"
        rows.append([f"{rule}, a warm session", number(warm[0]),
                     number(warm[1]), report.figure(key, warm[0])])
        rows.append([f"{rule}, the first call of a session", number(cold[0]),
                     number(cold[1]), ""])
        session.run("SELECT ad_drop_job('backlog')")
    report.section("A backlog of ten million", f"{BACKLOG:,} rows.")
    report.table(RATES, rates)
    report.section("Ten new rows", f"In a job over {BACKLOG:,} rows; with "
                   "alerts, all ten do. The first call of a session loads the "
                   f"library and the model. Medians of {RUNS}.")
    report.table(["", "ms of processor time", "by the clock", ""], rows)


def bench_dates():
    rows = []
    make_table("days", DATES // 2, "date '2026-01-01' + i / 20000")
    half = backlog("days", NEVER)
    session.run("DROP TABLE days")
    make_table("days", DATES, "date '2026-01-01' + i / 20000")
    whole = backlog("days", NEVER)
    for n, times in ((DATES // 2, half), (DATES, whole)):
        rows.append([f"{n:,}", f"{times[0]:.2f}", f"{times[1]:.2f}"])
    figure = whole[0] / half[0]
    report.section("A date as watermark", "20,000 rows a day; twice the "
                   f"rows take {figure:.2f} times the processor time "
                   f"({report.figure('job_dates', figure)}).")
    report.table(["rows", "seconds of processor time", "by the clock"], rows)


def bench_trickle():
    rows = []
    for rule, what in RULES.items():
        make_table("trickle", 1000)
        create_job("trickle", "trickle", what)
        session.run("CALL ad_run_job('trickle')")
        add = ordinary if what == NEVER else outlying
        times, logs = [], []
        for i in range(TRICKLE):
            session.run(add("trickle", 1000 + i, 1))
            before = session.value("SELECT pg_current_wal_insert_lsn()")
            times.append(busy(session, "CALL ad_run_job('trickle')"))
            logs.append(float(session.value(
                "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), "
                f"'{before}')")))
        progress(f"trickle, {rule}: {1000 * median([t[0] for t in times]):.2f} ms")
        rows.append([rule] + [number(1000 * median([t[i] for t in times]))
                              for i in (0, 1)] + [f"{median(logs):,.0f}"])
        session.run("SELECT ad_drop_job('trickle')")
        session.run("DROP TABLE trickle")
    report.section("One new row a run", f"{TRICKLE} runs in one session; "
                   "median run.")
    report.table(["", "ms of processor time", "by the clock",
                  "bytes of write-ahead log"], rows)


def fill_alerts(job, n, hour):
    """Alerts of a job, an hour's or one each second, written as it does."""
    session.run(f"""
        INSERT INTO _anomaly._ad_alert (job_id, job, key, entity, score,
            explanation, "row", model_version, event_at, scored_at, place)
        SELECT j.id, j.name, 'x' || i, 'k' || i % 1000, 0.7,
            '[{{"feature": "a", "value": 9}}]',
            jsonb_build_object('id', i, 'a', 9),
            1, timestamptz '2026-02-01' + i * interval '{hour}',
            timestamptz '2026-02-02' + i * interval '{hour}', i
        FROM _anomaly._ad_job j, generate_series(1, {n}) i
        WHERE j.name = '{job}'""")
    session.run("VACUUM ANALYZE _anomaly._ad_alert")


def bench_latest():
    make_table("latest", 1000)
    for job in ("latest", "other"):
        create_job(job, "latest", NEVER)
    progress(f"writing {ALERTS:,} alerts")
    fill_alerts("latest", ALERTS, "1 s")
    fill_alerts("other", ALERTS // 10, "1 s")
    rows = []
    for column in ("scored_at", "event_at"):
        query = (f"SELECT * FROM ad_alerts WHERE job = 'latest' "
                 f"ORDER BY {column} DESC LIMIT 10")
        session.run(query)
        times = [busy(session, query) for _ in range(RUNS)]
        cpu = 1000 * median([t[0] for t in times])
        rows.append([f"`ORDER BY {column} DESC LIMIT 10`", number(cpu),
                     number(1000 * median([t[1] for t in times])), ""])
    report.section("The latest alerts", f"Ten of a job's {ALERTS:,}, from "
                   "`ad_alerts`.")
    report.table(["", "ms of processor time", "by the clock", ""], rows)
    for job in ("latest", "other"):
        session.run(f"SELECT ad_drop_job('{job}')")


def bench_limit():
    rows = []
    # all alerts of the runs lie in the hour that the others are in
    for limit, name in ((None, "no limit"), (LIMIT, f"{LIMIT:,}")):
        table = "limited"
        make_table(table, 1000, "timestamptz '2026-02-01' + i * interval '1 ms'")
        create_job(table, table, ALERTING, limit_per_hour=limit)
        session.run(f"CALL ad_run_job('{table}')")
        fill_alerts(table, LIMIT * 9 // 10, "1 ms")
        (_, warm), _ = new_rows(table, table, outlying, 1000)
        rows.append([name, number(warm[0]), number(warm[1])])
        session.run(f"SELECT ad_drop_job('{table}')")
        session.run(f"DROP TABLE {table}")
    report.section("A limit an hour", f"Ten new alerts in an hour that has "
                   f"{LIMIT * 9 // 10:,}, a warm session.")
    report.table(["limit_per_hour", "ms of processor time", "by the clock"],
                 rows)


def trades(accounts, first, n):
    """
    Trades of accounts in turn, a tenth of a second apart, the sides of each
    changing but for one time in ten; every hundredth account washes.
    """
    return (f"SELECT i AS id, 'A' || i % {accounts} AS account_id, "
            "'P' AS product_id, 'FILL' AS event_type, "
            f"CASE WHEN (i / {accounts} + (i / {accounts} % 10 = 0)::int) % 2 "
            "= 0 THEN 'BUY' ELSE 'SELL' END AS side, "
            f"(100 + i % 50)::numeric AS price, CASE WHEN i % {accounts} % 100 "
            "= 0 THEN 2000 ELSE 50 END AS quantity, "
            "timestamptz '2026-03-02' + i * interval '0.1 s' AS ts "
            f"FROM generate_series({first}, {first} + {n} - 1) i")


def bench_wash():
    rows = []
    for accounts in (1000, 1):
        session.run("CREATE TABLE fills AS " + trades(accounts, 1, ROWS))
        session.run("ALTER TABLE fills ADD PRIMARY KEY (id), "
                    "ALTER ts SET NOT NULL")
        session.run("CREATE INDEX ON fills (ts)")
        session.run("VACUUM ANALYZE fills")
        ways = {"per burst": "", "joined":
                ", ad_wash_trade_options(merge => true)"}
        if accounts > 1:
            ways["each window"] = ", per_burst => false"
        for what, more in ways.items():
            session.run("SELECT ad_create_wash_trade_job('wash', 'fills'"
                        f"{more})")
            until = session.value("SELECT max(ts) + '61 s' FROM fills")
            cpu, wall = busy(session,
                             f"CALL ad_run_job('wash', until => '{until}')")
            kept = session.value("SELECT coalesce(sum(length(state)), 0) "
                                 "FROM _anomaly._ad_job_part")
            alerts = alerts_of("wash")
            times = []
            for i in range(RUNS):
                session.run("INSERT INTO fills " +
                            trades(accounts, ROWS + 1 + 10 * i, 10))
                until = session.value("SELECT max(ts) + '61 s' FROM fills")
                times.append(busy(session, "CALL ad_run_job('wash', "
                                  f"until => '{until}')"))
            session.run(f"DELETE FROM fills WHERE id > {ROWS}")
            rows.append([f"{accounts:,}", what,
                         f"{alerts:,}", f"{ROWS / cpu:,.0f}",
                         f"{ROWS / wall:,.0f}",
                         number(1000 * median([t[0] for t in times])),
                         f"{int(kept):,}"])
            progress(f"wash trades, {accounts} accounts, {what}: {cpu:.1f} s")
            session.run("SELECT ad_drop_job('wash')")
        session.run("DROP TABLE fills")
    report.section("Wash trades", f"{ROWS:,} trades, ten a second, in windows "
                   "of 30 minutes; then ten new ones a run. What is kept is "
                   "that of the partitions between runs.")
    report.table(["partitions", "alerts", "of them", "trades/s of processor "
                  "time", "by the clock", "ms for ten new", "bytes kept"],
                 rows)


def points(series, first, n):
    """The query of n points of so many series, of five minutes each."""
    return (f"SELECT h AS host, timestamptz '2010-01-01' + i * interval '5 min'"
            " + h % 60 * interval '1 s' AS ts, 20 + 5 * sin(i * pi() / 144) + "
            f"0.3 * ad_random(1, h * 100000 + i, 'normal') AS v FROM "
            f"generate_series({first}, {first + n - 1}) i, "
            f"generate_series(1, {series}) h")


def bench_series():
    """Series as a job: a backlog, then one point of each a run."""
    rows = []
    for series in (1, 100, 10000):
        n = max(ROWS // series, 1)
        session.run(f"CREATE TABLE readings AS {points(series, 1, n)}")
        session.run("ALTER TABLE readings ALTER ts SET NOT NULL")
        session.run("CREATE INDEX ON readings (ts)")
        session.run("VACUUM ANALYZE readings")
        ways = {"stream": "", "stream, 1 day": ", ad_stream_options("
                "period => '1 day')"}
        if series == 100:
            ways["stream, 1 day, shape"] = (
                ", ad_stream_options(period => '1 day', shape => 16)")
            ways["series"] = (", ad_series_score_options(period => '1 day'), "
                              "method => 'series'")
        for what, more in ways.items():
            session.run("SELECT ad_create_series_job('series', 'readings', 'v'"
                        f", 'ts', '{{host}}'{more}, lag => '0')")
            cpu, wall = busy(session, "CALL ad_run_job('series')")
            kept = session.value("SELECT avg(bytes)::int FROM ad_job_series")
            times = []
            for i in range(RUNS):
                session.run("INSERT INTO readings " +
                            points(series, n + 1 + i, 1))
                times.append(busy(session, "CALL ad_run_job('series')"))
            session.run("DELETE FROM readings WHERE ts >= timestamptz "
                        f"'2010-01-01' + {n + 1} * interval '5 min'")
            rows.append([f"{series:,}", what, number(1e6 * cpu / (n * series)),
                         number(1e6 * wall / (n * series)),
                         number(1000 * median([t[0] for t in times])),
                         number(1000 * median([t[1] for t in times])),
                         f"{int(kept):,}"])
            progress(f"{series} series, {what}: {cpu:.1f} s")
            session.run("SELECT ad_drop_job('series')")
        session.run("DROP TABLE readings")
    report.section("Series", f"{ROWS:,} points of some series; then one new "
                   "point of each a run.")
    report.table(["series", "method", "us of processor time per point",
                  "by the clock", "ms for one new point of each",
                  "by the clock", "bytes of a state"], rows)


def bench_watch():
    rows = []
    session.run(f"""
        CREATE TABLE watched AS
        SELECT timestamptz '2026-01-01' + i * interval '1 day' / {ROWS} AS ts,
            i AS id, md5(i::text) AS token, 'C' || i % 5000 AS customer,
            (ARRAY['AT', 'DE', 'CH'])[1 + i % 3] AS country,
            ad_random(1, i, 'normal') AS a, ad_random(2, i, 'normal') AS b,
            (100 * ad_random(3, i))::numeric(9, 2) AS amount,
            nullif(i % 100, 0) AS percent, i % 2 = 0 AS flag,
            timestamptz '2026-01-01' + i * interval '1 s' AS due
        FROM generate_series(0, {ROWS - 1}) i""")
    session.run("CREATE INDEX ON watched (ts)")
    session.run("VACUUM ANALYZE watched")
    session.run("SELECT ad_create_watch('watched', 'watched', 'ts', "
                "since => '2026-01-01')")
    run = "CALL ad_run_job('watched', until => '2026-01-02 00:10')"
    times = []
    for _ in range(ROUNDS):
        session.run("SELECT ad_rescan('watched', '2026-01-01')")
        times.append(busy(session, run))
    rows.append([f"{ROWS:,} rows of 10 columns, one period"] +
                [number(1000 * median([t[i] for t in times])) for i in (0, 1)])
    times = [busy(session, run) for _ in range(TRICKLE)]
    rows.append(["nothing to do"] +
                [number(1000 * median([t[i] for t in times])) for i in (0, 1)])
    report.section("A watch", "Ten columns of numbers, texts and times, all "
                   "metrics; then runs between periods.")
    report.table(["", "ms of processor time", "by the clock"], rows)
    session.run("SELECT ad_drop_job('watched')")
    session.run("DROP TABLE watched")


def train():
    """The model of sections that run without the first."""
    if not wanted("throughput") and ONLY not in ("wash", "series"):
        make_table("by_time", ROWS)
        session.run("SELECT ad_train('bench', 'SELECT a, b, c, d FROM by_time "
                    "LIMIT 20000', ad_iforest() || ad_calibrate())")


began = time.time()
train()
for section, bench in {"throughput": bench_throughput, "ten": bench_ten,
                       "dates": bench_dates, "trickle": bench_trickle,
                       "latest": bench_latest, "limit": bench_limit,
                       "wash": bench_wash, "series": bench_series,
                       "watch": bench_watch}.items():
    if wanted(section):
        bench()
session.close()
progress(f"{time.time() - began:.0f} s")
report.write()
