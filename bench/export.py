"""What it costs to take rows out of the database and scores back in, beside
fitting, scoring and storing where they are.

Rows go out in the fastest way that a program in Python has, COPY in binary
into a numpy array, and as CSV read by pandas, which is the usual one; scores
come back by COPY in binary. Time is processor time of all who take part: the
backend, psql and Python; no network is between them. What Python does with
the rows is in iforest.md.
"""
import io
import resource
import subprocess
import tempfile
import time

import numpy as np

from lib import PSQL, Report, Session, interleaved, median, number, scaled

ROWS = scaled(1_000_000, 1000)
COLUMNS = [f"c{i}" for i in range(1, 11)]

session = Session()


def make_data():
    columns = ", ".join(f"ad_random({i}, r, 'normal') AS c{i}"
                        for i in range(1, 11))
    session.run(f"CREATE TABLE wide AS SELECT r::bigint AS id, {columns} "
                f"FROM generate_series(1, {ROWS}) r")
    session.run("CREATE TABLE came_back (id bigint, score float8)")
    session.run("VACUUM ANALYZE")
    session.run("SET max_parallel_workers_per_gather = 0")


class Copy:
    """One COPY by a psql of its own: what it wrote, and processor time of its
    backend, of psql and of this process since this was made."""

    def __init__(self):
        self.own = time.process_time()
        self.children = resource.getrusage(resource.RUSAGE_CHILDREN)

    def run(self, statement, given=None):
        script = ("SELECT pg_backend_pid() AS pid \\gset\n"
                  f"\\copy {statement}\n"
                  "\\setenv BACKEND :pid\n"
                  "\\! cat /proc/$BACKEND/schedstat >&2\n")
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(script)
            file.flush()
            done = subprocess.run([PSQL, "-X", "-q", "-f", file.name],
                                  input=given, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, check=True)
        self.backend = int(done.stderr.split()[0]) / 1e9
        return done.stdout

    def seconds(self):
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (time.process_time() - self.own + self.backend +
                now.ru_utime - self.children.ru_utime +
                now.ru_stime - self.children.ru_stime)


def out_binary():
    copy = Copy()
    data = copy.run("wide TO PSTDOUT WITH (FORMAT binary)")
    fields = [("n", ">i2"), ("l0", ">i4"), ("id", ">i8")]
    for name in COLUMNS:
        fields += [(f"l{name}", ">i4"), (name, ">f8")]
    rows = np.frombuffer(data, dtype=fields, count=ROWS, offset=19)
    matrix = np.empty((ROWS, len(COLUMNS)))
    for j, name in enumerate(COLUMNS):
        matrix[:, j] = rows[name]
    assert rows["id"][-1] == ROWS
    return copy.seconds()


def out_csv():
    import pandas

    copy = Copy()
    data = copy.run("wide TO PSTDOUT WITH (FORMAT csv, HEADER)")
    frame = pandas.read_csv(io.BytesIO(data))
    matrix = frame[COLUMNS].to_numpy()
    assert matrix.shape == (ROWS, len(COLUMNS))
    return copy.seconds()


def back():
    session.run("TRUNCATE came_back")
    copy = Copy()
    rows = np.empty(ROWS, dtype=[("n", ">i2"), ("l0", ">i4"), ("id", ">i8"),
                                 ("l1", ">i4"), ("score", ">f8")])
    rows["n"], rows["l0"], rows["l1"] = 2, 8, 8
    rows["id"], rows["score"] = np.arange(1, ROWS + 1), 0.5
    copy.run("came_back FROM PSTDIN WITH (FORMAT binary)",
             b"PGCOPY\n\xff\r\n\0" + b"\0" * 8 + rows.tobytes() + b"\xff\xff")
    return copy.seconds()


def here():
    session.run("DROP TABLE IF EXISTS stayed")
    columns = ", ".join(COLUMNS)
    return session.busy_seconds(
        "CREATE TABLE stayed AS SELECT id, ad_score((SELECT "
        f"ad_fit('iforest', {columns}) FROM wide), {columns}) AS score "
        "FROM wide")


make_data()
report = Report("Rows that leave, and scores that come back", session, [
    f"numpy {np.__version__}", f"{ROWS:,} rows: an id and ten float8 columns",
    "processor time of the backend, of psql and of Python together"])
times = interleaved({"out_binary": out_binary, "out_csv": out_csv,
                     "back": back, "here": here})
figure = {name: median(x) for name, x in times.items()}
report.section("Seconds")
report.table(["", "seconds"], [
    ["rows out, COPY in binary, into a numpy array",
     number(figure["out_binary"])],
    ["rows out, CSV, read by pandas", number(figure["out_csv"])],
    ["scores back, COPY in binary", number(figure["back"])],
    ["here: an isolation forest fitted, every row scored, scores stored",
     number(figure["here"])]])
for key, name in (("export_out", "out_binary"), ("export_csv", "out_csv"),
                  ("export_back", "back"), ("export_here", "here")):
    report.figure(key, figure[name])
session.close()
report.write()
