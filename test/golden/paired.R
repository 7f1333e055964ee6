# Makes the figures of sql/evaluate_paired.sql with R 4.2 (Debian 12's
# r-base-core): Rscript test/golden/paired.R
#
# The corrected resampled t test (Nadeau and Bengio 2003) is in no package of
# R's; the formula is written out here, over R's Student distribution.
options(digits = 12)

test <- function(d, ratio) {
  n <- length(d)
  t <- mean(d) / sqrt(var(d) * (1 / n + ratio))
  cat(n, mean(d), sd(d), t, 2 * pt(-abs(t), n - 1), sep = " | ", fill = TRUE)
}

test(c(0.03, 0.01, -0.02, 0.05, 0.02), 0.25)
test(c(0.1, 0.12, 0.09, 0.11, 0.1, 0.13, 0.08, 0.1, 0.1, 0.11), 1 / 9)
test(c(1, -2), 1)
test(c(0.2, 0.25, 0.3), 0.5)
test(c(0.0501, 0.05, 0.0502, 0.0499, 0.05, 0.05, 0.05, 0.0501, 0.05, 0.05), 0.25)
test(c(0.001, rep(c(1, -1), 500)), 0)
