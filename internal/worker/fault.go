//go:build !sessionpanic

package worker

// fault is where tests of a server built with the tag sessionpanic make a session fail.
func fault(string) {}
