// Package multiport turns one configured address into one listening socket per worker process.
//
// A server of several worker processes listens in two ways. On a shared address every worker accepts, and the
// kernel chooses which one gets a connection. On an address of its own exactly one worker accepts, so that a
// client, or a sibling process, can choose. Only a base is configured for the second kind; worker n adds n to it:
//
//	configured            worker 0              worker 3
//	19350                 19350                 19353
//	127.0.0.1:19350       127.0.0.1:19350       127.0.0.1:19353
//	[::1]:19350           [::1]:19350           [::1]:19353
//	unix:/run/x/rtmp      unix:/run/x/rtmp.0    unix:/run/x/rtmp.3
//
// These are the rules of multi_listen of nginx-multiport-module, n in 0..127. [Parse] reads an address,
// [Addr.ForWorker] gives the address of one worker, [Range] finds two configured values that would collide.
//
// [Listen] and [ListenGroup] bind the sockets, in the process that owns them for life; they return files to pass on
// to the workers, each of which makes a net.Listener of what it inherits with [Listener].
//
// The package needs Linux. It starts no goroutine.
package multiport
