/*-------------------------------------------------------------------------
 *
 * guard.h
 *		Red zones behind arrays, for builds with AddressSanitizer.
 *
 * The server's allocator hands out parts of larger blocks, so the sanitizer
 * cannot see an array overrun.  sanitize.sh compiles the extension with this
 * header included first: arrays (all go through MemoryContextAllocHuge,
 * MemoryContextAllocZero, repalloc_huge and pfree) get a poisoned tail, which
 * a callback clears before the context is reset.  memcpy and its kin, which
 * the sanitizer would intercept, are called by the names of its checks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GUARD_H
#define GUARD_H

#include "postgres.h"

#include <sanitizer/asan_interface.h>

#include "utils/memutils.h"

/*
 * The sanitizer reads its options from memory that a server process has long
 * used for its title, so they come from here.
 */
extern const char *__asan_default_options(void);
__attribute__((weak)) const char *
__asan_default_options(void)
{
	return "verify_asan_link_order=0:detect_leaks=0:"
		"detect_stack_use_after_return=0:abort_on_error=1";
}

extern const char *__ubsan_default_options(void);
__attribute__((weak)) const char *
__ubsan_default_options(void)
{
	return "print_stacktrace=1:abort_on_error=1";
}

typedef struct Guard
{
	MemoryContextCallback callback;
	char	   *start;
	Size		size;			/* asked for */
} Guard;

#define GUARD_ROUND(size) (((size) + 7) & ~(Size) 7)

/* Not static: one address in all files, by which guards are known. */
extern void guard_clear(void *arg);
__attribute__((weak)) void
guard_clear(void *arg)
{
	Guard	   *g = arg;
	char	   *start;
	Size		size;

	__asan_unpoison_memory_region(g, sizeof(Guard));
	start = g->start;
	size = g->size;
	__asan_unpoison_memory_region(start, GUARD_ROUND(size) + sizeof(Guard));
}

static inline void *
guard_alloc(MemoryContext context, Size size)
{
	char	   *p = (MemoryContextAllocHuge) (context, GUARD_ROUND(size) + sizeof(Guard));
	Guard	   *g = (Guard *) (p + GUARD_ROUND(size));

	g->start = p;
	g->size = size;
	g->callback.func = guard_clear;
	g->callback.arg = g;
	MemoryContextRegisterResetCallback(context, &g->callback);
	__asan_poison_memory_region(p + size, GUARD_ROUND(size) - size + sizeof(Guard));
	return p;
}

static inline void *
guard_alloc_zero(MemoryContext context, Size size)
{
	return memset(guard_alloc(context, size), 0, size);
}

/* Forget an allocation's guard; NULL if it has none. */
__attribute__((no_sanitize("address")))
static inline bool
guard_forget(void *p, Size *size)
{
	MemoryContextCallback **link;

	for (link = &GetMemoryChunkContext(p)->reset_cbs; *link; link = &(*link)->next)
	{
		Guard	   *g;

		if ((*link)->func != guard_clear)
			continue;
		g = (Guard *) *link;
		if (g->start != (char *) p)
			continue;
		*link = g->callback.next;
		*size = g->size;
		guard_clear(g);
		return true;
	}
	return false;
}

static inline void
guard_free(void *p)
{
	Size		size;

	guard_forget(p, &size);
	(pfree) (p);
}

static inline void *
guard_realloc(void *p, Size size)
{
	MemoryContext context = GetMemoryChunkContext(p);
	Size		old;
	void	   *q;

	if (!guard_forget(p, &old))
		return (repalloc_huge) (p, size);
	q = guard_alloc(context, size);
	memcpy(q, p, Min(old, size));
	(pfree) (p);
	return q;
}

extern void *__asan_memcpy(void *to, const void *from, size_t n);
extern void *__asan_memmove(void *to, const void *from, size_t n);
extern void *__asan_memset(void *to, int c, size_t n);

#undef memcpy
#undef memmove
#undef memset
#define memcpy(to, from, n)						__asan_memcpy(to, from, n)
#define memmove(to, from, n)					__asan_memmove(to, from, n)
#define memset(to, c, n)						__asan_memset(to, c, n)
#define MemoryContextAllocHuge(context, size)	guard_alloc(context, size)
#define MemoryContextAllocZero(context, size)	guard_alloc_zero(context, size)
#define repalloc_huge(p, size)					guard_realloc(p, size)
#define pfree(p)								guard_free(p)

#endif							/* GUARD_H */
