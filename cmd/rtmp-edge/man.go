package main

import (
	"os"
	"strconv"
	"time"

	"github.com/alecthomas/kong"

	"github.com/rtmp-edge/rtmp-edge/internal/manpage"
	"github.com/rtmp-edge/rtmp-edge/internal/version"
)

type manCmd struct{}

func (manCmd) Run(k *kong.Kong) error {
	build := version.Get()
	_, err := os.Stdout.WriteString(manpage.Page(k.Model, build.Release, manDate(build.Time, os.Getenv("SOURCE_DATE_EPOCH"))))
	return err
}

// manDate is that of the source, not of today: the same source gives the same page.
func manDate(committed time.Time, epoch string) time.Time {
	if seconds, err := strconv.ParseInt(epoch, 10, 64); committed.IsZero() && err == nil {
		return time.Unix(seconds, 0).UTC()
	}
	return committed
}
