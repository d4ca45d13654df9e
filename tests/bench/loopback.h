/* What the callers and the judge of the benches share: messages over connections on loopback.
 *
 * In C, since what they take of the two cores is taken from what they measure.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

enum { FDS_MAX = 16384, MESSAGE_MAX = 16384, EVENTS = 256 };

/* What has come by a connection of the message that is being read. */
struct received {
    size_t size;
    char data[MESSAGE_MAX];
};

/* End with the system's last error, or with what is wrong where the system has none. */
static void fail(const char *what) {
    fprintf(stderr, errno ? "%s: %s\n" : "%s\n", what, strerror(errno));
    exit(3);
}

static void refuse(const char *what) {
    errno = 0;
    fail(what);
}

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void send_now(int fd) {
    int on = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on)) fail("TCP_NODELAY");
}

/* Everything here fits into a socket's buffer; what does not is a fault of the bench. */
static void send_whole(int fd, const char *data, size_t size) {
    if (send(fd, data, size, MSG_NOSIGNAL) != (ssize_t)size) fail("send");
}

/* Take what is there; 0 where the connection has ended. */
static int receive(int fd, struct received *received) {
    ssize_t size = recv(fd, received->data + received->size, MESSAGE_MAX - received->size, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return 1;
    if (size <= 0) return 0;
    received->size += (size_t)size;
    return 1;
}

/* The value of a header of the head that ends at `end`, or NULL. */
static const char *header(const char *line, const char *end, const char *name) {
    size_t length = strlen(name);
    while ((line = memchr(line, '\n', (size_t)(end - line))) && ++line + length < end) {
        if (!strncasecmp(line, name, length) && line[length] == ':') {
            for (line += length + 1; *line == ' ';) line++;
            return line;
        }
    }
    return NULL;
}

/* Where the head of a message ends that is there as a whole, or NULL. */
static const char *whole(const struct received *received) {
    const char *found = memmem(received->data, received->size, "\r\n\r\n", 4);
    if (!found) return NULL;
    const char *length = header(received->data, found + 2, "content-length");
    size_t body = length ? strtoul(length, NULL, 10) : 0;
    size_t head = (size_t)(found - received->data) + 4;
    if (head + body > MESSAGE_MAX) refuse("a message is too long");
    return received->size < head + body ? NULL : found + 4;
}
