/**
 * Connections that wait to be accepted: a thousand that come at once are none too many. Over it the kernel drops those of TCP,
 * which are tried again after seconds, and refuses those of Unix sockets.
 */
export const BACKLOG = 4096
