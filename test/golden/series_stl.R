# Reference decompositions by R's stl() (package stats), as CSV.
#
#   Rscript series_stl.R > part1.csv; python3 series_stl.py < part1.csv > part2.csv
#   cat part1.csv part2.csv | gzip -9n > series_stl.csv.gz
#
# The robust fit of R's stl() takes a wrong median when n is even; those
# cases come from statsmodels (series_stl.py).  Also here: MSTL as Bandara,
# Hyndman & Bergmeir (2021) define it, with stl() inside (series_mstl.csv.gz
# is the output of "Rscript series_stl.R mstl").
num <- function(x) formatC(x, digits = 17, format = "g")
out <- function(name, y, f) {
  s <- f$time.series
  cat(paste(name, length(y), sprintf("%d", seq_along(y) - 1L), num(as.numeric(y)),
            num(s[, 1]), num(s[, 2]), num(s[, 3]), num(f$weights),
            sep = ","), sep = "\n")
}
series <- list(co2 = co2, nottem = nottem, airpassengers = log(AirPassengers))

if (length(commandArgs(TRUE)) == 0) {
  for (name in names(series)) for (odd in c(FALSE, TRUE)) {
    y <- as.numeric(series[[name]])
    if (odd) y <- y[-length(y)]
    y <- ts(y, frequency = 12)
    case <- function(letter, ...) out(paste(name, letter, sep = ","), y, stl(y, ...))
    case("A", "periodic")
    case("B", 7)
    case("D", 13, s.degree = 1, s.jump = 1, t.jump = 1, l.jump = 1, inner = 5)
    if (odd) {
      case("C", 7, robust = TRUE)
      case("E", 13, s.degree = 1, s.jump = 1, t.jump = 1, l.jump = 1,
           robust = TRUE, inner = 2)
      case("F", 35, s.degree = 1, robust = TRUE, inner = 1, outer = 6)
      case("G", "periodic", robust = TRUE)
    }
  }
} else {
  # two seasons, a trend, and noise without a random number generator
  n <- 1000
  i <- 0:(n - 1)
  u <- function(k) (((i * 7919 + k * 104729) * 1103515245) %% 2147483648) / 2147483648
  y <- 50 + 0.01 * i + 5 * sin(2 * pi * i / 24) + 3 * cos(2 * pi * i / 12) +
    4 * (((i %% 168) / 168) - 0.5) + (u(1) + u(2) + u(3) - 1.5)
  periods <- c(24, 168)
  windows <- c(11, 15)
  season <- list(0 * y, 0 * y)
  rest <- y
  for (round in 1:2) for (s in 1:2) {
    rest <- rest + season[[s]]
    f <- stl(ts(rest, frequency = periods[s]), s.window = windows[s])
    season[[s]] <- as.numeric(f$time.series[, 1])
    rest <- rest - season[[s]]
  }
  trend <- as.numeric(f$time.series[, 2])
  cat(paste(sprintf("%d", i), num(y), num(season[[1]]), num(season[[2]]), num(trend),
            num(rest - trend), sep = ","), sep = "\n")
}
