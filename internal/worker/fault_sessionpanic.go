//go:build sessionpanic

package worker

// fault panics for one stream name, so that a test can see what a bug in a session costs.
func fault(name string) {
	if name == "panic-now" {
		panic("fault: asked for")
	}
}
