#!/usr/bin/Rscript
# Makes test/data/golden/metrics_fdr_online.csv.gz: the levels of LORD++ and
# SAFFRON by the formulas of their papers, summed over all past discoveries
# (Ramdas, Yang, Wainwright and Jordan 2017; Ramdas, Zrnic, Wainwright and
# Jordan 2018, algorithm 1, candidates counted anew for each sum), with the
# sequence gamma and the w0 of src/evaluate/fdr_online.c.
#
#   Rscript test/golden/metrics_fdr_online.R test/data/golden/metrics_fdr_online.csv

set.seed(20261127)

gamma <- function(i) {
    pace <- 2^-(3 + 2 * 0:9)
    sapply(i, function(x) sum(pace * (1 - pace)^(x - 1)) / 10)
}

lord <- function(p, q) {
    w0 <- q / 2
    level <- numeric(length(p))
    tau <- integer(0)
    for (t in seq_along(p)) {
        level[t] <- w0 * gamma(t)
        if (length(tau) >= 1)
            level[t] <- level[t] + (q - w0) * gamma(t - tau[1])
        if (length(tau) >= 2)
            level[t] <- level[t] + q * sum(gamma(t - tau[-1]))
        if (p[t] <= level[t])
            tau <- c(tau, t)
    }
    level
}

saffron <- function(p, q, lambda = 0.5) {
    w0 <- q / 2
    level <- numeric(length(p))
    tau <- integer(0)
    candidate <- p <= lambda
    # candidates after the j-th discovery and before t
    after <- function(j, t) if (t - 1 > j) sum(candidate[(j + 1):(t - 1)]) else 0
    for (t in seq_along(p)) {
        sum <- w0 * gamma(t - after(0, t))
        if (length(tau) >= 1)
            sum <- sum + (q - w0) * gamma(t - tau[1] - after(tau[1], t))
        for (j in tau[-1])
            sum <- sum + q * gamma(t - j - after(j, t))
        level[t] <- min(lambda, (1 - lambda) * sum)
        if (p[t] <= level[t])
            tau <- c(tau, t)
    }
    level
}

rare <- function(n, share, power) ifelse(runif(n) < share, runif(n)^power, runif(n))
streams <- list(
    nulls = runif(300),
    rare = rare(1200, 0.03, 8),
    common = rare(400, 0.3, 6),
    burst = c(runif(200), runif(20)^10, runif(200), runif(20)^10),
    discrete = pmin(1, (1 + floor(rare(600, 0.08, 12) * 9999)) / 10000),
    missing = ifelse(runif(300) < 0.2, NA, rare(300, 0.1, 8)),
    extremes = c(0, 1, 1, 5e-324, 1e-300, 1 - 2^-53, 0.5, 0),
    one = 0.0001,
    all_ones = rep(1, 20))

number <- function(x) ifelse(is.na(x), "", sprintf("%.17g", x))
lines <- unlist(lapply(names(streams), function(name) {
    p <- streams[[name]]
    of <- function(rule, q) {
        level <- rep(NA_real_, length(p))
        level[!is.na(p)] <- rule(p[!is.na(p)], q)
        level
    }
    paste(name, seq_along(p), number(p), number(of(lord, 0.05)), number(of(lord, 0.2)),
          number(of(saffron, 0.05)), number(of(saffron, 0.2)), sep = ",")
}))
path <- commandArgs(TRUE)[1]
writeLines(lines, path)
system2("gzip", c("-9nf", path))
