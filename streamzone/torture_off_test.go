//go:build !torture

package streamzone_test

// programs are the child programs of the torture.
var programs map[string]func() error
