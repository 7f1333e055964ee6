# Shared by the scripts in test/fuzz (sourced, bash, after lib.sh): the build
# with sanitizers, and Perl with the server's test modules.
#
# The server is not instrumented and the sanitizer's library is not preloaded
# (Debian 12's server hangs at start if it is): the library comes with the
# extension, and guard.h does what an intercepted malloc and memcpy would do.
# Arrays on the stack are left to UndefinedBehaviorSanitizer, since nothing
# intercepts the server's longjmp either. Leaks are not looked for: memory
# contexts free what is left (test/t/model_memory.pl looks for those).

# Builds the extension for AddressSanitizer and UndefinedBehaviorSanitizer and
# installs it into the private PostgreSQL.
ad_build_sanitized() {
	ad_build with_llvm=no COPT="-O1 -g -fno-omit-frame-pointer -include $ad_root/test/fuzz/guard.h \
-fsanitize=address,undefined,float-cast-overflow --param asan-stack=0 -fno-sanitize-recover=all"
	ad_install with_llvm=no
}

# Runs a Perl script of test/ in the copy; as run.sh runs TAP tests. With
# AD_PERL="prove ..." that instead of perl.
ad_perl() {
	local pgxs script=$1
	shift

	pgxs=$(dirname "$("$PG_CONFIG" --pgxs)")/../..
	cd "$ad_work/src/test"
	ad_as_user env -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE \
		PATH="$ad_bindir:$PATH" PG_CONFIG="$PG_CONFIG" PGPORT=65431 \
		PG_TEST_PORT_DIR="$ad_work" TESTDIR="$ad_work/src/test" \
		TESTDATADIR="$ad_work/src/test/tmp_check" \
		TESTLOGDIR="$ad_work/src/test/tmp_check/log" \
		top_builddir="$pgxs" PG_REGRESS="$pgxs/src/test/regress/pg_regress" \
		${AD_PERL:-perl} -I "$pgxs/src/test/perl" -I t "$script" "$@"
}

# Prints what sanitizers have found; false if that is nothing. Reports stand in
# the servers' logs.
ad_reports() {
	grep -hE -A 30 'ERROR: AddressSanitizer|runtime error' \
		"$ad_work"/src/test/tmp_check/log/*.log "$ad_work"/server.log 2>/dev/null
}
