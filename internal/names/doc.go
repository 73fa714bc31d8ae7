// Package names has the rules for what streams may be called.
//
// A stream is known by its key, app/name. Clients cut the same URL differently: of rtmp://host/live/east/cam, ffmpeg sends app "live/east"
// and name "cam"; OBS sends what its user typed into two fields, perhaps "live" and "east/cam". Both mean one stream, so its key forgets
// where the client cut, and so must whatever is decided about the stream. Were a secret looked up under the app that the client sent,
// nobody who cuts elsewhere would need it. Split cuts a key where it always is cut, at the last slash, and config.Config.App then looks for
// the rules of that app or, without any, of the one around it: "live/east", "live". Both depend on nothing but the key and the
// configuration.
package names
