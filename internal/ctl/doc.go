// Package ctl speaks with a running server for the commands of rtmp-edge. Find tells which server is meant; Open reaches its workers over the
// private unix sockets in its run folder, http.sock.N, on which the whole HTTP API answers to the server's user and to root, without a token.
// Remote reaches a server elsewhere, as any client of the API does.
//
// Workers may hang, and die. A question goes to the first worker that is seen to live, and to the next when that one fails. An order, which
// changes something, goes to one worker that is seen to live, and is not repeated when nobody knows whether it was carried out.
package ctl
