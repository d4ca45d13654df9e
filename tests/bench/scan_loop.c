/* A plain C loop over a hyperscan database: what a matcher could reach at most.
 *
 *   scan_loop BUILD EXPRESSIONS TEXT COUNT [TEXT COUNT]...
 *
 * BUILD is `best` for the engine as this processor runs it, or `sse` for its build for processors
 * of 2008, which looks at 16 bytes at once where others look at 32 or 64. EXPRESSIONS is a file of expressions that end in NUL, TEXT a file, which is scanned COUNT times.
 * Prints for each text the seconds of one scan, the median of seven rounds.
 */

#include <hs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 7, EXPRESSIONS_MAX = 8192 };

typedef hs_error_t scan_function(const hs_database_t *, const char *, unsigned int, unsigned int,
                                 hs_scratch_t *, match_event_handler, void *);

/* The library has one of them for each kind of processor; `hs_scan` is the best that runs. */
extern scan_function corei7_hs_scan __attribute__((weak));

static int order(const void *one, const void *other) {
    double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

static int note(unsigned int id, unsigned long long from, unsigned long long to,
                unsigned int flags, void *context) {
    (void)id, (void)from, (void)to, (void)flags;
    ++*(unsigned int *)context;
    return 0;
}

static char *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) exit(2);
    fseek(file, 0, SEEK_END);
    *length = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(*length + 1);
    if (!data || fread(data, 1, *length, file) != *length) exit(2);
    data[*length] = 0;
    fclose(file);
    return data;
}

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    if (argc < 5 || argc % 2 == 0) return 2;
    int sse = strcmp(argv[1], "sse") == 0;
    scan_function *scan = sse ? corei7_hs_scan : hs_scan;
    hs_platform_info_t no_features = {HS_TUNE_FAMILY_GENERIC, 0, 0, 0};
    if (!scan) {
        fprintf(stderr, "the library has no build for SSE of its own\n");
        return 1;
    }
    size_t size;
    char *expressions = read_file(argv[2], &size);

    static const char *each[EXPRESSIONS_MAX];
    static unsigned int flags[EXPRESSIONS_MAX], ids[EXPRESSIONS_MAX];
    unsigned int total = 0;
    for (char *at = expressions; at < expressions + size; at += strlen(at) + 1) {
        if (total == EXPRESSIONS_MAX) return 2;
        each[total] = at;
        flags[total] = HS_FLAG_SINGLEMATCH | HS_FLAG_UTF8;
        ids[total] = total;
        ++total;
    }
    hs_database_t *database = NULL;
    hs_compile_error_t *error = NULL;
    if (hs_compile_multi(each, flags, ids, total, HS_MODE_BLOCK, sse ? &no_features : NULL,
                         &database, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return 1;
    }
    hs_scratch_t *scratch = NULL;
    if (hs_alloc_scratch(database, &scratch)) return 1;

    for (int at = 3; at < argc; at += 2) {
        size_t length;
        char *text = read_file(argv[at], &length);
        int count = atoi(argv[at + 1]);
        double rounds[ROUNDS];
        for (int round = 0; round < ROUNDS; ++round) {
            double start = now();
            for (int run = 0; run < count; ++run) {
                unsigned int matches = 0;
                if (scan(database, text, (unsigned int)length, 0, scratch, note, &matches))
                    return 1;
            }
            rounds[round] = (now() - start) / count;
        }
        qsort(rounds, ROUNDS, sizeof rounds[0], order);
        printf("%.9f\n", rounds[ROUNDS / 2]);
    }
    return 0;
}
