// Package sign makes and checks signed URLs: permissions to publish or play one stream until some time, given out by whoever knows the
// app's secret.
//
//	rtmp://host/live/cam?expires=1893456000&signature=pN3KpYreIphWbfJbXHq0RbBD6oKWCQey7ovK3bL5H7A
//
// expires is a number of seconds since 1970, in decimal. The signature is HMAC-SHA256 (RFC 2104) in base64url without padding (RFC 4648
// §5), keyed with the bytes of the secret, over
//
//	action NUL app "/" name NUL expires
//
// where action is "publish" or "play", so that neither is good for the other. Names hold no NUL, so no two permissions have the same text.
// It holds the stream's whole key, for which it does not matter where a client cuts it into app and name.
package sign
