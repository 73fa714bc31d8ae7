package manpage

// description and sections are what the model does not tell.
const description = `rtmp-edge is an edge server for live streaming: publishers send streams by RTMP or RTMPS (H.264, H.265, AV1, VP9 with AAC, Opus and others),
and players get them by RTMP, HTTP-FLV, WebSocket-FLV or fragmented MP4 over HTTP. A master process starts a worker for each core and
replaces one that dies; clients see one server, whichever worker they come to.

Without a command, the server runs. Commands that ask a running server find it by -c FILE (its run_dir), by --run-dir=DIR, by the variable
RTMPEDGE_RUN_DIR, or, without these, as the only one of the same user that has no run_dir, or the one in /run/rtmp-edge. They speak with its
workers over sockets in that folder, which only its user and root may do.

Each flag that takes a value may be written as --flag=VALUE or --flag VALUE. --help (-h) tells of a command what is told here.`

type section struct{ title, text string }

var sections = []section{
	{"EXIT STATUS", `0 :: It is done.

1 :: A failure, told on the standard error: a configuration that is not good, a server that does not run or answer.

2 :: zone: something was found to be wrong.

3 :: run: the end had to be forced: a second signal, or sessions that took longer than shutdown_timeout.

4 :: drain: the time was up before all sessions had ended.

78 :: run: the configuration can't be used: to try again is in vain.

80 :: A mistake on the command line.`},
	{"SIGNALS", `The master process takes

SIGTERM, SIGINT :: Stops in order: no new connections, sessions end within shutdown_timeout. The second one stops at once.

SIGHUP :: Reads the configuration again, as rtmp-edge reload does; what becomes of it is in the log. Without a configuration file it is as SIGTERM.`},
	{"ENVIRONMENT", `RTMPEDGE_... :: Any key of the configuration, in upper case, with _ for each dot: RTMPEDGE_RTMP_LISTEN="1935, 1936" is rtmp.listen.
It wins over the file. A variable that begins so and names no key is an error.

RTMPEDGE_RUN_DIR :: is also how the other commands find the server.

GOMAXPROCS, GOGC, GOMEMLIMIT :: Of every worker, and of the master, in place of what the server finds out from its cores and memory.

TMPDIR :: Where the run folder is made, and looked for, without run_dir; /tmp without it.

TERM :: The terminal, for rtmp-edge stat.

SOURCE_DATE_EPOCH :: The date of the page that rtmp-edge man prints, where the build does not know its own.`},
	{"FILES", `/etc/rtmp-edge/rtmp-edge.yml :: The configuration of the server that the system runs. All its keys are documented in it.

/run/rtmp-edge :: The run folder of that server: the private sockets of its workers, and the link to its stream zone.`},
	{"EXAMPLES", `Run with the built-in defaults, publish a file, and play it:

  rtmp-edge
  ffmpeg -re -i FILE -c:v libx264 -c:a aac -f flv rtmp://localhost/live/cam
  ffplay rtmp://localhost/live/cam

Change the configuration of a server that runs:

  rtmp-edge check -c /etc/rtmp-edge/rtmp-edge.yml
  rtmp-edge reload

Take a server out of service without cutting off anybody, for ten minutes at most:

  rtmp-edge drain --timeout=10m
  systemctl stop rtmp-edge

Watch a server, here and elsewhere:

  rtmp-edge stat
  rtmp-edge stat --url=http://edge.example.com:8080 --token-file=token

Permit playing a stream of an app that wants signed URLs, for two hours:

  rtmp-edge sign -c FILE --expires=2h --url=rtmp://edge.example.com play live/cam`},
	{"SEE ALSO", `ffmpeg(1), systemd(1), systemd.service(5)

The documentation is in the folder docs of the source; packages have it in /usr/share/doc/rtmp-edge.`},
}
