//go:build !torture

package streamzone_test

import "math/rand/v2"

// Without crash points, nothing pauses: only what meets by itself meets.
const linPauses = false

func linPoint(*rand.Rand) int64 { return 0 }

func linPointOf(string) int64 { return 0 }

func linHook() (unhook func()) { return func() {} }
