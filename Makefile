# anomaly: PGXS build.
#
# Help begins.
#   make                 builds
#   make install         into the PostgreSQL of PG_CONFIG
#   make installcheck    after it: the regression tests, on a running server, as
#                        a superuser
#   make uninstall, make clean
#   make dist            writes the archive for PGXN (.zip) and the one for
#                        packages (.tar.gz), with the generated SQL inside
#
#   make demo            shows what it is for, in a minute once it is built
#   make test            runs every test
#   make debug           builds for a debugger, with the extension's assertions
#   make site            makes a website of the documents, in the directory site
#   make style           checks the layout of the C files (pg_bsd_indent)
#   make docs            writes docs/reference.md from the comments of the objects
#   make bench           measures speed (bench/results)
#   make bench-speed     of that, the figures that have a target
#   make bench-report    measures accuracy (docs/benchmark.md), too of labeled
#                        sets of yours with BENCH_SETS=DIRECTORY
#
# The first ones need PostgreSQL's server headers and LAPACK; say
# PG_CONFIG=/path/to/pg_config if there are several. The others start from a
# fresh machine: they install the packages that are missing (test/setup.sh,
# which needs root only then), and build, install and run in a temporary copy
# of PostgreSQL. An existing server or installation is not touched.
# Help ends.

EXTENSION  = anomaly
EXTVERSION = 0.3.0
MODULE_big = anomaly

OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))

INSTALL_SQL = $(sort $(wildcard sql/install/*.sql))
# The last release. The upgrade from it is what sql/upgrade says of objects that
# move or go, then every function, aggregate, view and comment of today put in
# place of the old one (sql/upgrade/replace.awk), then what goes once nothing of
# today depends on it (.after.sql). A release freezes it in sql/released.
RELEASED    = 0.2.0
UPGRADE_AFTER = $(wildcard sql/upgrade/$(RELEASED)--$(EXTVERSION).after.sql)
UPGRADE     = sql/$(EXTENSION)--$(RELEASED)--$(EXTVERSION).sql
DATA_built  = sql/$(EXTENSION)--$(EXTVERSION).sql $(UPGRADE)
DATA        = $(wildcard sql/released/*.sql)

REGRESS      = $(sort $(basename $(notdir $(wildcard sql/*_*.sql))))
REGRESS_OPTS = --inputdir=. --load-extension=anomaly

# The server's headers are not ours to warn about. Models are stored, so scores
# must be the same on every machine: no fused multiply-add, of which clang would
# make some in the bitcode, whose compiler has only these flags.
PG_CPPFLAGS = -I$(srcdir)/src -DAD_RELEASE='"$(EXTVERSION)"' -isystem $(shell $(PG_CONFIG) --includedir-server) -ffp-contract=off
# The compiler writes which headers a file was made of.
PG_CFLAGS   = -Wall -Wextra -MMD -MP
SHLIB_LINK  = -llapack -lblas -lm

EXTRA_CLEAN = sql/$(EXTENSION)--$(EXTVERSION).sql $(UPGRADE) tmp_check log results \
	$(OBJS:.o=.d)

GOALS_WITHOUT_PG = help dist demo test site style docs bench bench-speed bench-report
PG_CONFIG ?= pg_config

ifneq ($(filter $(GOALS_WITHOUT_PG),$(MAKECMDGOALS)),)
.PHONY: $(GOALS_WITHOUT_PG)
help:
	@sed -n '/^# Help begins/,/^# Help ends/{/^# Help/d;s/^# \{0,1\}//;p}' Makefile
dist: $(DATA_built)
	packaging/dist.sh $(EXTENSION) $(EXTVERSION) $(DATA_built)
# These install what is missing first, then call make again.
demo:
	test/demo.sh
test:
	test/setup.sh test
	test/run.sh
site:
	test/setup.sh site
	docs/site/build.pl
style:
	test/setup.sh style
	PG_CONFIG='$(PG_CONFIG)' test/style.pl
docs:
	test/reference.sh
bench:
	test/setup.sh bench
	bench/run.sh
bench-speed:
	test/setup.sh bench
	bench/run.sh iforest single concurrency scale groups auto
bench-report:
	test/setup.sh bench
	bench/run.sh accuracy labels series_labeled market_judged report
else
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq ($(wildcard $(PGXS)),)
$(error $(PG_CONFIG) is not the pg_config of a PostgreSQL with its server \
headers: install them (Debian: apt-get install postgresql-server-dev-all \
liblapack-dev) or say make PG_CONFIG=/path/to/pg_config; "make help" lists \
what needs neither)
endif
include $(PGXS)

# A changed header recompiles the files that include it; of the bitcode, all.
-include $(OBJS:.o=.d)
$(OBJS:.o=.bc): $(wildcard src/*/*.h)

# Assertions of the extension need no server with assertions. "make install"
# then installs this build; "make clean" goes back.
debug:
	$(MAKE) clean
	$(MAKE) all COPT='-O0 -g3 -DUSE_ASSERT_CHECKING'
.PHONY: debug

# The loops over the features of every row; measured worth it.
src/sketch/sketch.o: CFLAGS += -O3
src/detectors/zscore.o: CFLAGS += -O3
src/detectors/loda.o: CFLAGS += -O3
src/detectors/iforest_explain.o src/detectors/iforest_score.o \
	src/detectors/iforest_axis.o src/detectors/iforest_trees.o src/detectors/iforest_blocks.o: CFLAGS += -O3
src/detectors/iforest_hyper.o: CFLAGS += -O3
# Kernels: the loops over points become vector instructions, which the
# server's compiler does only if nobody looks at the floating-point flags.
src/math/simd_kernel.o: CFLAGS += -O3 -fno-trapping-math
src/math/simd_neighbors.o src/math/simd_tree.o src/math/simd_balls.o src/math/neighbors_scan.o: CFLAGS += -O3
src/math/simd_forest.o src/math/simd_hyper.o: CFLAGS += -O3 -fno-tree-slp-vectorize
# So are these, compiled for several instruction sets.
src/math/simd_linear.o: CFLAGS += -O3
# A root of a negative number sets no errno here: vectors have none.
src/math/simd_dense.o src/math/dense.o: CFLAGS += -O3 -fno-trapping-math -fno-math-errno
src/series/stream_shape.o: CFLAGS += -O3
src/series/periods_fold.o: CFLAGS += -O3 -fno-trapping-math

# What installcheck needs is said before it fails for the lack of it.
installcheck: installcheck-needs
.PHONY: installcheck-needs
installcheck-needs:
	@$(srcdir)/test/needs.sh '$(bindir)/psql' '$(EXTENSION)' '$(EXTVERSION)' '$(MAJORVERSION)'
endif

# The install script: the topics in order.
sql/$(EXTENSION)--$(EXTVERSION).sql: $(INSTALL_SQL)
	cat $^ > $@

$(UPGRADE): sql/upgrade/$(RELEASED)--$(EXTVERSION).sql sql/upgrade/replace.awk $(INSTALL_SQL) $(UPGRADE_AFTER)
	awk -f sql/upgrade/replace.awk $< $(INSTALL_SQL) > $@
	cat $(UPGRADE_AFTER) /dev/null >> $@
