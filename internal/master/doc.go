// Package master is the process that owns: the listening sockets, the stream zone and the worker processes. It parses nothing that comes from
// the network.
//
// It binds every socket and hands each worker its own, starts the workers, and replaces one that dies: closes its slot in the zone (all its
// streams end at that instant), opens it again, and starts a successor with the same sockets. As it keeps the sockets, no client sees a refused
// connection meanwhile.
//
// A reload reads the configuration file again. It gives the zone other sizes while everything goes on; other keys wait for a restart.
package master
