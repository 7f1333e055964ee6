#!/usr/bin/env python3
"""Delivers alerts to webhooks and by mail: listen.py ROUTES [CONNINFO]

Needs setup.sql, and psycopg2 or psycopg (Debian: python3-psycopg2). See
docs/delivery.md.
"""
import email.message, hashlib, os, re, select, subprocess, sys, time, urllib.request
try:
    import psycopg2 as pg
except ImportError:
    import psycopg as pg
look = float(os.environ.get('LOOK', 60))           # seconds until it looks without being told
longest = float(os.environ.get('LONGEST', 300))    # seconds between two tries at most

class NoRedirect(urllib.request.HTTPRedirectHandler):    # it would be a GET, without the alert
    redirect_request = lambda *arguments: None
http = urllib.request.build_opener(NoRedirect)

class Route:
    def __init__(self, line):
        self.name, self.target, *self.what = re.match(r'(\S+)\s+(\S+)\s+(.+?)\s+FROM\s+(\S+)\s+WHERE\s+(.+)', line).groups()
        self.tries = self.due = 0      # that failed since one did not; when to look again

    def send(self, alert, body):
        if self.target.startswith('mailto:'):
            mail = email.message.EmailMessage()
            mail['To'], mail['Subject'] = self.target[7:], 'alert ' + self.name
            mail.set_content(body)
            subprocess.run([os.environ.get('SENDMAIL', '/usr/sbin/sendmail'), '-t'], input=mail.as_bytes(), check=True)
        else:
            key = hashlib.sha256((self.name + alert).encode()).hexdigest()
            http.open(urllib.request.Request(self.target, body.encode(), {'Content-Type': 'application/json', 'Idempotency-Key': key}), timeout=10).close()

    def deliver(self, cur):
        try:
            cur.execute('SELECT id::text, body FROM delivery.pending(%s, %s, %s, %s)', (self.name, *self.what))
            alerts = cur.fetchall()
            for alert, body in alerts:
                self.send(alert, body)
                cur.execute('SELECT delivery.done(%s, %s::jsonb)', (self.name, alert))
            self.tries, self.due = 0, time.monotonic() + (0 if alerts else look)
        except (pg.OperationalError, pg.InterfaceError):
            raise                      # connect again
        except Exception as e:
            self.due = time.monotonic() + min(2 ** self.tries, longest)
            self.tries = min(self.tries + 1, 30)
            print(f'route {self.name}:', str(e).split('\n')[0], file=sys.stderr, flush=True)

routes, tries = [Route(line) for line in open(sys.argv[1]) if re.match(r'[^#\s]', line)], 0
while True:
    try:
        conn = pg.connect(sys.argv[2] if len(sys.argv) > 2 else '')
        conn.autocommit = True
        told = conn.notifies = [True]                      # of what there is; a notification comes with any answer
        if hasattr(conn, 'add_notify_handler'):            # psycopg 3
            conn.add_notify_handler(told.append)
        cur = conn.cursor()
        cur.execute("SELECT pg_advisory_lock(hashtext('delivery.sent'))")    # a second listener waits here
        cur.execute('LISTEN ad_alert; LISTEN ad_health')
        while True:
            for route in routes:
                route.due = 0 if told and not route.tries else route.due
            told.clear()
            for route in routes:
                if route.due <= time.monotonic():
                    route.deliver(cur)
            tries = 0
            if not told and select.select([conn], [], [], max(0, min(route.due for route in routes) - time.monotonic()))[0]:
                cur.execute('SELECT')                      # or an error, if the server is gone
    except pg.Error as e:                                  # a server that goes away is any of them
        print(e, file=sys.stderr, flush=True)
        time.sleep(min(2 ** tries, longest))
        tries = min(tries + 1, 30)
