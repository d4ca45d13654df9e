/* Different calls, offered over some connections, each looked at for its verdict.
 *
 *   callers REQUESTS CONNECTIONS PORT...
 *
 * REQUESTS is a file of requests, each behind its length as four bytes of this machine's order.
 * All connections are open before the first request leaves; of several ports each has its share,
 * and each connection asks again as soon as it has its answer, which has to be of status 200. Prints
 * the seconds for all of them, then a line for each answer, in the order of coming: its seconds and
 * its verdict, `-` for none.
 */

#define _GNU_SOURCE
#include "loopback.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define OK "HTTP/1.1 200 "

enum { PATIENCE_SECONDS = 60, VERDICT = 8 };

struct answer {
    double seconds;
    char verdict[VERDICT];
};

struct caller {
    int fd;
    double sent;
    struct received received;
};

static const char *requests, *requests_end;
static struct answer *answers;
static size_t answered, busy;

static void map(const char *path) {
    struct stat status;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &status)) fail(path);
    requests = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (requests == MAP_FAILED) fail(path);
    requests_end = requests + status.st_size;
}

static uint32_t next_size(const char *request) {
    uint32_t size;
    memcpy(&size, request, sizeof size);
    return size;
}

static size_t count(void) {
    size_t found = 0;
    for (const char *each = requests; each < requests_end; found++)
        each += sizeof(uint32_t) + next_size(each);
    return found;
}

static void ask(struct caller *caller) {
    if (requests == requests_end) {
        busy--;
        return;
    }
    uint32_t size = next_size(requests);
    const char *request = requests + sizeof size;
    requests = request + size;
    caller->received.size = 0;
    caller->sent = now();
    send_whole(caller->fd, request, size);
}

static void take(struct caller *caller) {
    if (!receive(caller->fd, &caller->received)) refuse("a connection ended early");
    const char *end = whole(&caller->received);
    if (!end) return;
    if (strncmp(caller->received.data, OK, sizeof OK - 1)) refuse("a status other than 200");
    struct answer *answer = &answers[answered++];
    answer->seconds = now() - caller->sent;
    const char *verdict = header(caller->received.data, end - 2, "x-meshward-verdict");
    size_t length = verdict ? strcspn(verdict, " \r") : 1;
    if (length >= VERDICT) refuse("a verdict is too long");
    memcpy(answer->verdict, verdict ? verdict : "-", length);
    ask(caller);
}

static void open_connection(struct caller *caller, int port, int epoll) {
    struct sockaddr_in address = loopback(port);
    caller->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(caller->fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    send_now(caller->fd);
    if (fcntl(caller->fd, F_SETFL, O_NONBLOCK)) fail("O_NONBLOCK");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = caller};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, caller->fd, &event)) fail("epoll_ctl");
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    map(argv[1]);
    size_t connections = strtoul(argv[2], NULL, 10), ports = (size_t)argc - 3;
    struct caller *callers = calloc(connections, sizeof *callers);
    answers = calloc(count() + 1, sizeof *answers);
    if (!callers || !answers) fail("calloc");
    int epoll = epoll_create1(0);
    for (size_t each = 0; each < connections; each++)
        open_connection(&callers[each], atoi(argv[3 + each % ports]), epoll);
    double start = now();
    busy = connections;
    for (size_t each = 0; each < connections; each++) ask(&callers[each]);
    while (busy) {
        struct epoll_event events[EVENTS];
        int some = epoll_wait(epoll, events, EVENTS, 1000);
        for (int each = 0; each < some; each++) take(events[each].data.ptr);
        if (now() - start > PATIENCE_SECONDS) refuse("not all calls were answered in time");
    }
    printf("%.6f\n", now() - start);
    for (size_t each = 0; each < answered; each++)
        printf("%.6f %s\n", answers[each].seconds, answers[each].verdict);
    return 0;
}
