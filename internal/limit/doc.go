// Package limit has what keeps one peer from using up what all need: places for connections, publishes of one name, lines of the log.
//
// Whatever a limiter remembers is bounded, by what it admitted or by a constant: no number of peers or names makes it grow.
package limit
