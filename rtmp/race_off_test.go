//go:build !race

package rtmp

const underRace = false
