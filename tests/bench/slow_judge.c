/* A judge for benches: answers after so many milliseconds, that many calls at once and no more.
 *
 *   slow_judge MILLISECONDS CALLS_MAX      prints its port when it listens
 *
 * It allows everything, with the canary that was asked for; beyond CALLS_MAX it says 503. It ends
 * with its standard input.
 */

#define _GNU_SOURCE
#include "loopback.h"

#include <math.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { CANARY = 16, BACKLOG = 4096, UNDER_WAY = 8192 };

#define CANARY_BEFORE "\\\"canary\\\": \\\""
#define SAID                                                                                       \
    "{\\\"canary\\\": \\\"%.*s\\\", \\\"verdict\\\": \\\"allow\\\", \\\"findings\\\": [], "        \
    "\\\"reason\\\": \\\"nothing found\\\"}"
#define ANSWER                                                                                     \
    "{\"choices\": [{\"index\": 0, \"message\": {\"role\": \"assistant\", \"content\": \"" SAID    \
    "\"}, \"finish_reason\": \"stop\"}], "                                                         \
    "\"usage\": {\"prompt_tokens\": 400, \"completion_tokens\": 30}}"
#define FULL "{\"error\": {\"message\": \"full\"}}"

/* A call under way; they end in the order in which they came. */
struct call {
    double due;
    int fd;
    unsigned connection;
    char canary[CANARY];
};

static struct received *received[FDS_MAX];
/* How many each descriptor has been, so that none gets what another one asked for. */
static unsigned connections[FDS_MAX];
static struct call calls[UNDER_WAY];
static size_t first, inside;
static int timer;

static void respond(int fd, const char *status, const char *body, int size) {
    char message[MESSAGE_MAX];
    int length = snprintf(message, sizeof message,
                          "HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: "
                          "%d\r\n\r\n%.*s",
                          status, size, size, body);
    send_whole(fd, message, (size_t)length);
}

/* Have the timer go off when the first call is due. */
static void wind(void) {
    struct itimerspec at = {0};
    if (inside) {
        at.it_value.tv_sec = (time_t)calls[first].due;
        at.it_value.tv_nsec = (long)(fmod(calls[first].due, 1) * 1e9);
    }
    if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL)) fail("timerfd_settime");
}

static void end_due(void) {
    char body[1024];
    for (double at = now(); inside && calls[first].due <= at; inside--) {
        const struct call *call = &calls[first];
        first = (first + 1) % UNDER_WAY;
        if (connections[call->fd] != call->connection) continue;
        int size = snprintf(body, sizeof body, ANSWER, CANARY, call->canary);
        respond(call->fd, "200 OK", body, size);
    }
    wind();
}

static void begin(int fd, const char *body, size_t size, double seconds, size_t calls_max) {
    if (inside >= calls_max) {
        respond(fd, "503 Service Unavailable", FULL, sizeof FULL - 1);
        return;
    }
    struct call *call = &calls[(first + inside) % UNDER_WAY];
    *call = (struct call){.due = now() + seconds, .fd = fd, .connection = connections[fd]};
    const char *canary = memmem(body, size, CANARY_BEFORE, sizeof CANARY_BEFORE - 1);
    if (canary) canary += sizeof CANARY_BEFORE - 1;
    int there = canary && canary + CANARY <= body + size;
    memcpy(call->canary, there ? canary : "0000000000000000", CANARY);
    if (!inside++) wind();
}

static void open_connection(int listener, int epoll) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    if (fd >= FDS_MAX) refuse("too many connections");
    send_now(fd);
    if (!received[fd] && !(received[fd] = malloc(sizeof **received))) fail("malloc");
    received[fd]->size = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
}

static void take(int fd, double seconds, size_t calls_max) {
    if (!receive(fd, received[fd])) {
        connections[fd]++;
        close(fd);
        return;
    }
    const char *body = whole(received[fd]);
    if (!body) return;
    begin(fd, body, (size_t)(received[fd]->data + received[fd]->size - body), seconds, calls_max);
    received[fd]->size = 0;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    double seconds = atof(argv[1]) / 1e3;
    size_t calls_max = strtoul(argv[2], NULL, 10);
    if (calls_max > UNDER_WAY) return 2;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), epoll = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, BACKLOG) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        fail("listen");
    int watched[] = {listener, timer, STDIN_FILENO};
    for (size_t each = 0; each < 3; each++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = watched[each]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, watched[each], &event)) fail("epoll_ctl");
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int each = 0; each < count; each++) {
            int fd = events[each].data.fd;
            if (fd == STDIN_FILENO) return 0;
            if (fd == listener) open_connection(listener, epoll);
            else if (fd == timer) end_due();
            else take(fd, seconds, calls_max);
        }
    }
}
