/*
 * Clients that run one prepared statement again and again, each in a thread
 * and a session of its own: calls a second, percentiles of what a call took, in
 * microseconds, and the mean of the fastest 99 %. pgbench reads the clock once for all that a client
 * does before it waits, so that where a row comes back at once, as when the
 * machine has other work, it notes a latency of 0.
 *
 *	clients CLIENTS SECONDS STATEMENT		(libpq's environment variables)
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_CLIENTS 64

typedef struct Client
{
	pthread_t	thread;
	PGconn	   *conn;
	uint32_t   *took;			/* nanoseconds of each call */
	size_t		calls;
	size_t		allocated;
} Client;

static const char *statement;
static uint64_t until;			/* when to stop, by now_ns() */

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
die(const char *what)
{
	fprintf(stderr, "clients: %s\n", what);
	exit(1);
}

static void
call(PGconn *conn, const char *sql)
{
	PGresult   *result = sql ? PQprepare(conn, "s", sql, 0, NULL) :
		PQexecPrepared(conn, "s", 0, NULL, NULL, NULL, 1);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		die(PQerrorMessage(conn));
	PQclear(result);
}

static void *
run(void *arg)
{
	Client	   *client = arg;
	uint64_t	before = now_ns();

	while (before < until)
	{
		uint64_t	after;

		call(client->conn, NULL);
		after = now_ns();
		if (client->calls == client->allocated)
		{
			client->allocated = client->allocated * 2 + 65536;
			client->took = realloc(client->took,
								   client->allocated * sizeof(uint32_t));
			if (client->took == NULL)
				die("out of memory");
		}
		client->took[client->calls++] =
			after - before > UINT32_MAX ? UINT32_MAX : after - before;
		before = now_ns();
	}
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	uint32_t	x = *(const uint32_t *) a;
	uint32_t	y = *(const uint32_t *) b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	static const double percents[] = {50, 95, 99};
	static Client clients[MOST_CLIENTS];
	int			n = argc == 4 ? atoi(argv[1]) : 0;
	size_t		calls = 0;
	uint32_t   *took;
	uint64_t	start;
	uint64_t	sum = 0;

	if (n < 1 || n > MOST_CLIENTS)
		die("usage: clients CLIENTS SECONDS STATEMENT");
	statement = argv[3];
	for (int i = 0; i < n; i++)
	{
		clients[i].conn = PQconnectdb("");
		if (PQstatus(clients[i].conn) != CONNECTION_OK)
			die(PQerrorMessage(clients[i].conn));
		call(clients[i].conn, statement);
		/* the sixth call of a statement has its final plan */
		for (int j = 0; j < 10; j++)
			call(clients[i].conn, NULL);
	}
	start = now_ns();
	until = start + (uint64_t) (atof(argv[2]) * 1e9);
	for (int i = 0; i < n; i++)
		if (pthread_create(&clients[i].thread, NULL, run, &clients[i]) != 0)
			die("could not start a thread");
	for (int i = 0; i < n; i++)
	{
		pthread_join(clients[i].thread, NULL);
		calls += clients[i].calls;
	}
	printf("%.1f", calls / ((now_ns() - start) / 1e9));
	if (calls == 0 || (took = malloc(calls * sizeof(uint32_t))) == NULL)
		die("no calls, or out of memory");
	calls = 0;
	for (int i = 0; i < n; i++)
	{
		memcpy(took + calls, clients[i].took, clients[i].calls * sizeof(uint32_t));
		calls += clients[i].calls;
		PQfinish(clients[i].conn);
	}
	qsort(took, calls, sizeof(uint32_t), compare);
	for (int i = 0; i < 3; i++)
		printf(" %.2f", took[(size_t) (percents[i] / 100 * (calls - 1))] / 1e3);
	calls -= calls / 100;
	for (size_t i = 0; i < calls; i++)
		sum += took[i];
	printf(" %.3f\n", sum / 1e3 / calls);
	return 0;
}
