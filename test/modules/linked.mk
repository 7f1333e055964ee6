# The functions of the extension that a module of the tests calls are linked
# into it, for from 16 on a library shows others no more than what SQL calls:
# those of the ROOMS of src, except what makes SQL functions, and of other files
# NEEDED. Where the extension was built, they are the objects that it consists
# of: compiling them again takes a minute.
NEEDED += $(foreach room,$(ROOMS),$(filter-out $(ANOMALY_SRC)/$(room)/sql_%, \
	$(wildcard $(ANOMALY_SRC)/$(room)/*.c)))
BUILT = $(wildcard $(NEEDED:.c=.o))
ifeq ($(words $(BUILT)),$(words $(NEEDED)))
LINKED = $(BUILT)
else
OBJS += $(notdir $(NEEDED:.c=.o))
vpath %.c $(sort $(dir $(NEEDED)))
endif
SHLIB_LINK = $(LINKED) -llapack -lblas -lm
PG_CPPFLAGS = -I$(ANOMALY_SRC)
PG_CFLAGS = -ffp-contract=off

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
