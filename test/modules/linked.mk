# The functions of the extension that a module of the tests calls are linked
# into it, for from 16 on a library shows others no more than what SQL calls.
# NEEDED are their sources. Where the extension was built, they are the objects
# that it consists of: compiling them again takes a minute.
BUILT = $(wildcard $(NEEDED:.c=.o))
ifeq ($(words $(BUILT)),$(words $(NEEDED)))
SHLIB_LINK = $(BUILT) -llapack -lblas -lm
else
OBJS += $(notdir $(NEEDED:.c=.o))
SHLIB_LINK = -llapack -lblas -lm
vpath %.c $(sort $(dir $(NEEDED)))
endif
PG_CPPFLAGS = -I$(ANOMALY_SRC)
PG_CFLAGS = -ffp-contract=off

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
