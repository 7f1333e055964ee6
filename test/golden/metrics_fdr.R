#!/usr/bin/Rscript
# Makes test/data/golden/metrics_fdr.csv.gz with R's p.adjust (R 4.2.2 of
# Debian 12's r-base-core): sets of p-values and their adjusted values.
#
#   Rscript test/golden/metrics_fdr.R test/data/golden/metrics_fdr.csv

set.seed(20260101)
sets <- list(
    uniform = runif(1000),
    mixed = c(runif(700), rbeta(300, 0.2, 20)),
    ties = round(c(runif(300), rbeta(100, 0.5, 10)), 2),
    missing = ifelse(runif(400) < 0.2, NA, rbeta(400, 0.5, 3)),
    extremes = c(0, 1, 1, 5e-324, 1e-300, 1 - 2^-53, 0.5, 0),
    one = 0.03,
    one_and_missing = c(NA, 0.03, NA),
    all_ones = rep(1, 20),
    long = rbeta(1500, 0.3, 2))

number <- function(x) ifelse(is.na(x), "", sprintf("%.17g", x))
lines <- unlist(lapply(names(sets), function(name) {
    p <- sets[[name]]
    paste(name, seq_along(p), number(p), number(p.adjust(p, "BH")),
          number(p.adjust(p, "BY")), sep = ",")
}))
path <- commandArgs(TRUE)[1]
writeLines(lines, path)
system2("gzip", c("-9nf", path))
